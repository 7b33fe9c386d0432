/**
 * What a provider of 0G Compute serves beside OpenAI's routes: chat under `/v1/proxy` for 0G's keys, what a user owes, and for the provider
 * itself how things stand and settling at once. It knows keys and money by the desk that it is given.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { doubtClaimSchema, resolveDoubtMessage, settleNowMessage } from '@computepool/shared/zerog-compute'
import { type Context, Hono } from 'hono'
import { getAddress, type Hex, isAddress, isAddressEqual, recoverMessageAddress } from 'viem'
import type { CallLimiter } from '../api/call-limiter.ts'
import { serveChat } from '../api/chat-completions.ts'
import { isProxied } from '../api/is-proxied.ts'
import type { ModelService } from '../api/model-service.ts'
import { parseJson, readBytes } from '../api/read-json.ts'
import type { AnswerSigner } from '../attestation/index.ts'
import type { ZerogDesk } from './open-zerog.ts'

export interface ZerogRoutesOptions {
  readonly desk: ZerogDesk
  readonly service: ModelService
  readonly limiter: CallLimiter
  readonly addressOf: (c: Context) => string
  readonly isProxyTrusted: boolean
  readonly maxBodyBytes: number
  /** There is one wherever there is a desk: its key is the one that the contract knows. */
  readonly answers: AnswerSigner
  /** Serves `/quote`. */
  readonly quotes: Hono
}

/** How old the provider's word may be. */
const wordMs = 300_000
const mostClaimBytes = 1000

export function zerogRoutes(options: ZerogRoutesOptions): Hono {
  const { desk, service, limiter, addressOf, isProxyTrusted, maxBodyBytes, answers, quotes } = options
  const routes = new Hono()
  // Asked as an app of its own it would tell a failure in its own way, without a code.
  quotes.onError(thrown => {
    throw thrown
  })

  /** Counted as one call of its address while it runs. */
  const counted = async (c: Context, work: () => Promise<Response>): Promise<Response> => {
    const end = limiter.begin(addressOf(c))
    try {
      return await work()
    } finally {
      end()
    }
  }

  routes.post('/proxy/chat/completions', async c => {
    const address = addressOf(c)
    const endCall = limiter.begin(address)
    try {
      const { raw } = c.req
      // Whose key is bad learns it before its body is read.
      const ticket = await desk.door.enter(raw)
      const onEnd = (): void => {
        endCall()
        ticket.close()
      }
      try {
        const body = await readBytes(raw, maxBodyBytes)
        const isSaid = isProxyTrusted && c.req.header('x-forwarded-for') !== undefined
        const call = {
          signal: raw.signal,
          onEnd,
          admit: ticket.admit,
          address,
          isAddressShared: isProxied(c) && !isSaid,
        }
        return answers.sign(body, await serveChat(service, withUsage(parseJson(body)), call))
      } catch (thrown) {
        onEnd()
        throw thrown
      }
    } catch (thrown) {
      endCall()
      throw thrown
    }
  })

  routes.get('/proxy/attestation/report', c => counted(c, async () => quotes.request('/quote')))

  routes.get('/user/:address/unsettledfee', c =>
    counted(c, async () => {
      const user = c.req.param('address')
      if (!isAddress(user, { strict: false })) {
        throw new ComputePoolError('input_invalid', `"${user.slice(0, 80)}" is no address.`, {
          remedy: 'An address is 0x and 40 hexadecimal digits.',
          context: { param: 'address' },
        })
      }
      return c.json({ unsettledFee: String(desk.owedNeuron(user)) }, 200, { 'cache-control': 'no-store' })
    }),
  )

  routes.get('/zerog', c => counted(c, async () => c.json(await desk.status(), 200, { 'cache-control': 'no-store' })))

  routes.post('/zerog/settle', c =>
    counted(c, async () => {
      await requireProvider(c, desk, at => settleNowMessage(desk.serving, at))
      return c.json(await desk.settle())
    }),
  )

  routes.get('/zerog/doubts', c =>
    counted(c, async () => c.json(desk.doubts.list(), 200, { 'cache-control': 'no-store' })),
  )

  routes.post('/zerog/doubts/:nonce{[0-9]{1,15}}', c =>
    counted(c, async () => {
      const nonce = Number(c.req.param('nonce'))
      const claim = doubtClaimSchema.safeParse(parseJson(await readBytes(c.req.raw, mostClaimBytes)))
      if (!claim.success) {
        const remedy = 'Send {"did": "sent", "hash": "0x…"} or {"did": "not-sent"}.'
        throw new ComputePoolError('input_invalid', 'The body says not what became of the payout.', { remedy })
      }
      const { chainId, serving } = desk
      await requireProvider(c, desk, atSeconds =>
        resolveDoubtMessage({ chainId, serving, nonce, claim: claim.data, atSeconds }),
      )
      return c.json(await desk.doubts.resolve(nonce, claim.data))
    }),
  )
  return routes
}

/** 0G's clients read their fee off a stream's last chunk, and do not ask for it. */
function withUsage(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || (json as { stream?: unknown }).stream !== true) return json
  const { stream_options } = json as { stream_options?: unknown }
  const given = typeof stream_options === 'object' ? stream_options : {}
  return { ...json, stream_options: { ...given, include_usage: true } }
}

/** Settling or resolving twice changes nothing twice, so the word may be repeated while it is young. */
async function requireProvider(
  c: Context,
  { provider, clock }: ZerogDesk,
  wordAt: (atSeconds: number) => string,
): Promise<void> {
  const [, at = '', signature = ''] =
    /^ZeroG (\d{1,12})\.(0x[0-9a-fA-F]{130})$/.exec(c.req.header('authorization') ?? '') ?? []
  const isNow = at !== '' && Math.abs(clock.wallMs() - Number(at) * 1000) <= wordMs
  const message = wordAt(Number(at))
  const signer = isNow ? await recoverMessageAddress({ message, signature: signature as Hex }).catch(() => null) : null
  if (signer !== null && isAddressEqual(signer, getAddress(provider))) return
  throw new ComputePoolError(
    'peer_unauthenticated',
    `Only the provider ${provider} may have its fees settled, and its doubts resolved.`,
    {
      remedy: 'Use `computepool zerog settle` or `resolve` with the provider’s key in COMPUTEPOOL_ZEROG_KEY.',
    },
  )
}
