/** `/api/inft`: the pool's token for pages and programs. It moves no token: that do its owners' wallets. See shared/src/inft/inft-api.ts. */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  accessHeader,
  accessOrderSchema,
  challengeOrderSchema,
  type InftView,
  mostUploadBytes,
  signInOrderSchema,
  tokenIdSchema,
  transferOrderSchema,
} from '@computepool/shared/inft'
import type { Clock } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import { type Address, type Hex, isAddress } from 'viem'
import type { z } from 'zod'
import { createCallLimiter } from '../api/call-limiter.ts'
import { readBytes, readJson } from '../api/read-json.ts'
import type { InftDesk, OpenedInft } from './inft-desk.ts'

export interface InftRoutesOptions {
  readonly desk: InftDesk
  readonly addressOf: (c: Context) => string
  readonly clock: Clock
}

/** Of one network address. A look costs questions to the chain; the rest costs signatures' checks, and storage within its own caps. */
const lookLimits = { perMinute: 240, concurrent: 16 }
const actLimits = { perMinute: 60, concurrent: 4 }
const mostOrderBytes = 64 << 10

/** Routes under `/api`. */
export function inftRoutes({ desk, addressOf, clock }: InftRoutesOptions): Hono {
  const routes = new Hono()
  const lookLimiter = createCallLimiter(() => lookLimits, clock)
  const actLimiter = createCallLimiter(() => actLimits, clock)
  const within =
    (limiter: typeof lookLimiter, serve: (c: Context) => Promise<Response> | Response) => async (c: Context) => {
      const end = limiter.begin(addressOf(c))
      try {
        return await serve(c)
      } finally {
        end()
      }
    }
  const look = (serve: (c: Context) => Promise<Response>) => within(lookLimiter, serve)
  const act = (serve: (c: Context) => Promise<Response>) => within(actLimiter, serve)

  routes.get(
    '/inft',
    look(async () => {
      const why = desk.why()
      const view: InftView = why === null ? await desk.opened().view() : { mode: 'none', why }
      return json(view)
    }),
  )
  routes.get(
    '/inft/tokens/:id',
    look(async c => json(await desk.opened().readToken(BigInt(parsed(tokenIdSchema, c.req.param('id')))))),
  )

  routes.post(
    '/inft/sign-in/challenge',
    act(async c => {
      const { address } = parsed(challengeOrderSchema, await readJson(c.req.raw, mostOrderBytes))
      return json({ message: desk.opened().challenge(address) })
    }),
  )
  routes.post(
    '/inft/sign-in',
    act(async c => {
      const { message, signature } = parsed(signInOrderSchema, await readJson(c.req.raw, mostOrderBytes))
      return json(await desk.opened().signIn.verify(message, signature))
    }),
  )
  routes.delete(
    '/inft/sign-in',
    act(async c => {
      desk.opened().signIn.signOut(c.req.header(accessHeader) ?? '')
      return c.body(null, 204)
    }),
  )

  routes.get(
    '/inft/blobs/:root',
    look(async c => {
      const root = c.req.param('root')!.toLowerCase()
      if (!/^0x[0-9a-f]{64}$/.test(root)) throw malformed('The root is no 32 bytes in hex.')
      const size = c.req.query('size') ?? null
      if (size !== null && !/^[1-9][0-9]{0,7}$/.test(size)) throw malformed('?size= is no number of bytes.')
      const bytes = await blobsOf(desk.opened()).get(root as Hex, size === null ? null : Number(size))
      return new Response(bytes as Uint8Array<ArrayBuffer>, {
        headers: {
          'content-type': 'application/octet-stream',
          'cache-control': 'public, max-age=31536000, immutable',
        },
      })
    }),
  )
  routes.post(
    '/inft/blobs',
    act(async c => {
      const opened = desk.opened()
      const account = signedIn(opened, c)
      const bytes = await readBytes(c.req.raw, mostUploadBytes)
      return json(await blobsOf(opened).put(bytes, account), 201)
    }),
  )

  routes.post(
    '/inft/transfers',
    act(async c => {
      const opened = desk.opened()
      const account = signedIn(opened, c)
      const { tokenId, ...order } = parsed(transferOrderSchema, await readJson(c.req.raw, mostOrderBytes))
      return json(await transfersOf(opened).prepare(account, { tokenId: BigInt(tokenId), ...order }), 201)
    }),
  )
  routes.get(
    '/inft/transfers',
    look(async c => {
      const address = c.req.query('address') ?? ''
      if (!isAddress(address, { strict: false })) throw malformed('?address= is no address.')
      return json({ transfers: await transfersOf(desk.opened()).of(address) })
    }),
  )
  routes.post(
    '/inft/transfers/:id/access',
    act(async c => {
      const { accessProofs } = parsed(accessOrderSchema, await readJson(c.req.raw, mostOrderBytes))
      return json(await transfersOf(desk.opened()).accept(c.req.param('id')!, accessProofs))
    }),
  )
  return routes
}

/** Errors: `peer_unauthenticated`. */
function signedIn({ signIn }: OpenedInft, c: Context): Address {
  const account = signIn.addressOf(c.req.header(accessHeader) ?? '')
  if (account !== null) return account
  throw new ComputePoolError('peer_unauthenticated', 'This asks for a sign-in that is good now.', {
    remedy: `Sign in with POST /api/inft/sign-in, and send the token as "${accessHeader}".`,
  })
}

const noStorage = () =>
  new ComputePoolError('artifact_store_failed', 'This orchestrator has no storage for containers.', {
    remedy: 'Its operator can name one: --storage URL with COMPUTEPOOL_STORAGE_KEY.',
  })
function blobsOf({ blobs }: OpenedInft): NonNullable<OpenedInft['blobs']> {
  if (blobs === null) throw noStorage()
  return blobs
}
function transfersOf({ transfers }: OpenedInft): NonNullable<OpenedInft['transfers']> {
  if (transfers === null) throw noStorage()
  return transfers
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw malformed(`${issue?.path.join('.') || 'The value'}: ${issue?.message ?? 'not readable'}.`)
}
const malformed = (what: string): ComputePoolError =>
  new ComputePoolError('input_invalid', `This cannot be read. ${what}`, { remedy: 'See docs/protocol.md.' })

const json = (body: object, status = 200): Response =>
  Response.json(body, { status, headers: { 'cache-control': 'no-store' } })
