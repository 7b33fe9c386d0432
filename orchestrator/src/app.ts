/** All routes on one origin, wired from what it is given: `app.request()` serves it in tests, a socket in `serve.ts`. */
import { answerKeyHeader, attestationHeader } from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { type CallLimits, createCallLimiter } from './api/call-limiter.ts'
import type { ModelService } from './api/model-service.ts'
import { errorResponse, openAiRoutes } from './api/openai-routes.ts'
import { packRoutes } from './api/pack-routes.ts'
import { pageRoutes } from './api/page-routes.ts'
import { type PoolExtras, poolRoutes } from './api/pool-routes.ts'
import {
  type AnswerSigner,
  type AttestationProvider,
  attestationRoutes,
  quoteSignatureHeader,
  signatureRoutes,
  zeroGQuoteRoutes,
} from './attestation/index.ts'
import type { Trust } from './create-trust.ts'
import { disputeRoutes } from './disputes/index.ts'
import { type InftDesk, inftRoutes, privateDoor, privatePaths } from './inft/index.ts'
import type { Observatory } from './observe/create-observatory.ts'
import { moneyRoutes } from './payments/money-routes.ts'
import { sessionRoutes } from './payments/session-routes.ts'
import type { MoneyDesk } from './payments/till.ts'
import type { PackFolder } from './store/pack-folder.ts'
import { type ZerogDesk, zerogEarningsRoutes, zerogRoutes } from './zerog-compute/index.ts'

export interface AppOptions {
  readonly service: ModelService
  readonly pack: PackFolder
  /** Folder of the built page; null where there is none. */
  readonly pageFolder: string | null
  readonly clock: Clock
  readonly addressOf: (c: Context) => string
  /** Whether `addressOf` takes our own proxy's word. Default: no. */
  readonly isProxyTrusted?: boolean
  readonly limitsFor: (address: string) => CallLimits
  readonly maxBodyBytes: number
  /** Origins whose pages may call the API; "*" is any. */
  readonly corsOrigins: readonly string[] | '*'
  /** A fault of ours, for the log. */
  readonly onFault: (fault: unknown) => void
  readonly money: MoneyDesk
  readonly observatory: Observatory
  readonly trust: Pick<Trust, 'routes' | 'convicted'>
  /** What vouches for this process; absent or null: nothing does, and every answer of the API says so. */
  readonly attestation?: AttestationProvider | null
  /** Signs answers by that provider's key; absent or null: they are not signed. */
  readonly answers?: AnswerSigner | null
  /** The pool as a provider of 0G Compute, whose signer is that provider's; absent or null: it is none. */
  readonly zerog?: ZerogDesk | null
  /** The pool's token, and who may ask where the pool is private. */
  readonly inft: InftDesk
}

// WASM engines need 'wasm-unsafe-eval' and blob workers; peers, packs and wallets may live on other origins.
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval' blob:",
  "worker-src 'self' blob:",
  "connect-src 'self' blob: data: http: https: ws: wss:",
  "img-src 'self' data: blob:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join('; ')

export function createApp(options: AppOptions): Hono {
  const { service, pack, pageFolder, clock, addressOf, maxBodyBytes, corsOrigins, onFault, money, observatory } =
    options
  const { isProxyTrusted = false } = options
  const app = new Hono()
  const limiter = createCallLimiter(options.limitsFor, clock)
  app.onError(error => {
    if (!(error instanceof ComputePoolError) || error.code === 'bug_unreachable_state') onFault(error)
    return errorResponse(error)
  })
  app.use('*', async (c, next) => {
    await next()
    const isPublic = /^\/(v1|packs|api)\//.test(c.req.path)
    c.header('x-content-type-options', 'nosniff')
    c.header('referrer-policy', 'no-referrer')
    c.header('cross-origin-resource-policy', isPublic ? 'cross-origin' : 'same-origin')
    if (isPublic) return
    // Cross-origin isolation: without it a tab has no SharedArrayBuffer, and its WASM engine no threads.
    c.header('cross-origin-opener-policy', 'same-origin')
    c.header('cross-origin-embedder-policy', 'require-corp')
    c.header('content-security-policy', contentSecurityPolicy)
  })
  const crossOrigin = cors({
    origin: corsOrigins === '*' ? '*' : [...corsOrigins],
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
    exposeHeaders: [
      ...['x-request-id', 'retry-after', 'etag', 'content-range', 'payment-required', 'payment-response'],
      attestationHeader,
      answerKeyHeader,
      quoteSignatureHeader,
    ],
    maxAge: 600,
  })
  for (const path of ['/v1/*', '/api/*', '/packs/*']) app.use(path, crossOrigin)
  app.get('/healthz', c => c.json({ status: 'ok', model: service.manifest.model }))
  const { model } = service.manifest
  // The tabs are covered by nothing: the claims say so, since an attested orchestrator is easily taken for more.
  const claims = { model, manifestSha256: service.manifestSha256, covers: 'orchestrator', workers: 'untrusted' }
  const beginCall = (c: Context) => limiter.begin(addressOf(c))
  const { attestation = null, answers = null, inft } = options
  const doorLimiter = createCallLimiter(options.limitsFor, clock)
  app.on(
    'POST',
    privatePaths,
    privateDoor(inft, c => doorLimiter.begin(addressOf(c))),
  )
  app.route('/v1', attestationRoutes({ provider: attestation, claims, beginCall }))
  app.route('/v1', signatureRoutes(answers))
  app.route('/v1', zeroGQuoteRoutes({ provider: attestation, clock }))
  if (money.mode === 'paid') app.route('/v1', sessionRoutes({ till: money.till, limiter, addressOf, clock }))
  const gate = () => (money.mode === 'paid' ? money.till().gate : null)
  const { zerog: desk = null } = options
  if (desk !== null && answers !== null) {
    const quotes = zeroGQuoteRoutes({ provider: attestation, clock })
    const common = { service, limiter, addressOf, isProxyTrusted, maxBodyBytes, answers, quotes }
    app.route('/v1', zerogRoutes({ desk, ...common }))
  }
  app.route('/api', zerogEarningsRoutes({ desk, beginCall }))
  app.route('/v1', openAiRoutes({ service, limiter, addressOf, isProxyTrusted, maxBodyBytes, gate, answers }))
  app.route('/api', moneyRoutes({ desk: money, addressOf, limitsFor: options.limitsFor, clock }))
  const disputes = () => (money.mode === 'paid' ? (money.till().disputes ?? null) : null)
  app.route('/api', disputeRoutes({ desk: disputes, addressOf, clock }))
  app.route('/', observatory.metricsRoutes(money, addressOf))
  app.route(
    '/api',
    observatory.traceRoutes(money, c => limiter.begin(addressOf(c))),
  )
  app.route(
    '/api',
    options.trust.routes({ addressOf, limitsFor: options.limitsFor, beginCall: c => limiter.begin(addressOf(c)) }),
  )
  app.route('/api', inftRoutes({ desk: inft, addressOf, clock }))
  app.route('/api', poolRoutes(service.desk, clock, poolExtras(money, options.trust, attestation)))
  app.route('/packs', packRoutes(pack))
  app.route('/', pageRoutes(pageFolder))
  return app
}

/** What the pool shows beside the desk's own. */
function poolExtras(
  money: MoneyDesk,
  trust: Pick<Trust, 'convicted'>,
  attestation: AttestationProvider | null,
): () => PoolExtras {
  const disputes = (): PoolExtras => {
    if (money.mode !== 'paid') return {}
    try {
      const figures = money.till().disputes?.view()
      return figures === undefined ? {} : { disputes: figures }
    } catch {
      // The till is not open: nobody is accused yet.
      return {}
    }
  }
  return () => ({ attestation: attestation?.kind ?? 'none', convicted: trust.convicted(), ...disputes() })
}
