/** `/api/money` and what belongs to it: terms, faucet, earnings, the chain for pages, and the owner's view of everything. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import type { Hex } from 'viem'
import { z } from 'zod'
import { type CallLimits, createCallLimiter } from '../api/call-limiter.ts'
import { readJson } from '../api/read-json.ts'
import { requireBearer } from './facilitator-routes.ts'
import { money } from './session-routes.ts'
import type { MoneyDesk } from './till.ts'

export interface MoneyRoutesOptions {
  readonly desk: MoneyDesk
  readonly addressOf: (c: Context) => string
  /** What an address may ask of the API; pages that look at the chain ask more often. */
  readonly limitsFor: (address: string) => CallLimits
  readonly clock: Clock
}

const faucetSchema = z.strictObject({ address: z.string().regex(/^0x[0-9a-fA-F]{40}$/) })
/** Of one address. Each costs several looks at the chain, or a query of the ledger. */
const earningsLimits = { perMinute: 120, concurrent: 8 }
/** Of one address: an open page asks a few times a second, and several may share a network. */
const chainLimits = { perMinute: 1200, concurrent: 32 }
const ownerPaths = ['/activity/*', '/x402/*']

/** Routes under `/api`; those of a pool where work is free say so. */
export function moneyRoutes({ desk, addressOf, limitsFor, clock }: MoneyRoutesOptions): Hono {
  const routes = new Hono()
  const limited = (least: CallLimits) => {
    const limiter = createCallLimiter(address => wider(limitsFor(address), least), clock)
    return async <T>(c: Context, work: () => Promise<T>): Promise<T> => {
      const end = limiter.begin(addressOf(c))
      try {
        return await work()
      } finally {
        end()
      }
    }
  }
  if (desk.mode === 'free') {
    routes.get('/money', () => money({ mode: 'free' }))
    return routes
  }
  routes.get('/money', async () => money(await desk.till().terms()))
  const earningsLimited = limited(earningsLimits)
  routes.get('/operators/:address/earnings', c =>
    earningsLimited(c, async () => money(await desk.till().earnings(readAddress(c.req.param('address'))))),
  )
  routes.post('/faucet', async c => {
    const { faucet } = desk.till()
    if (faucet === null) {
      throw new ComputePoolError('input_not_found', 'There is no faucet on this chain.', {
        remedy: 'Get USDC of this chain elsewhere.',
      })
    }
    const parsed = faucetSchema.safeParse(await readJson(c.req.raw, 1000))
    if (!parsed.success) {
      throw new ComputePoolError('input_invalid', 'The body names no address.', { remedy: 'Send {"address": "0x…"}.' })
    }
    return money(await faucet.give(parsed.data.address as Hex, addressOf(c)))
  })
  for (const path of ownerPaths) {
    routes.use(path, async (c, next) => {
      requireBearer(c.req.raw, desk.ownerToken)
      await next()
    })
    routes.all(path, c => forward(c, desk.till().ownerRoutes))
  }
  // Not the owner's alone: each organisation's key opens its own, and theirs is asked for there.
  routes.all('/keeper/*', c => forward(c, desk.till().ownerRoutes))
  // The door signs its whole path: it is not shortened.
  routes.all('/webhooks/*', c => desk.till().webhookRoutes?.fetch(c.req.raw) ?? c.notFound())
  const chainLimited = limited(chainLimits)
  routes.all('/chain', c => chainLimited(c, () => forward(c, desk.till().chainRoutes)))
  return routes
}

const wider = (a: CallLimits, b: CallLimits): CallLimits => ({
  perMinute: Math.max(a.perMinute, b.perMinute),
  concurrent: Math.max(a.concurrent, b.concurrent),
})

/** Hands a call to routes that exist only once the till is open. */
async function forward(c: Context, target: Hono | null): Promise<Response> {
  if (target === null) {
    throw new ComputePoolError('input_not_found', `${c.req.method} ${c.req.path} is not served here.`)
  }
  const url = new URL(c.req.url)
  url.pathname = url.pathname.replace(/^\/api/, '')
  return target.fetch(new Request(url, c.req.raw))
}

function readAddress(text: string): Hex {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return text as Hex
  throw new ComputePoolError('input_invalid', `"${text.slice(0, 60)}" is no address.`, {
    remedy: 'Give 0x and 40 hex digits.',
    context: { param: 'address' },
  })
}
