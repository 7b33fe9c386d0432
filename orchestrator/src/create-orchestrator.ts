/**
 * Puts desk, text and routes together for one pack: everything of the orchestrator but sockets. The hub is handed in, so that tests
 * drive it with fake tabs and `serve.ts` with real ones.
 */
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { Context, Hono } from 'hono'
import type { CallLimits } from './api/call-limiter.ts'
import { isLoopback } from './api/is-loopback.ts'
import { createModelService } from './api/model-service.ts'
import { packUrlOf } from './api/pack-routes.ts'
import { createApp } from './app.ts'
import { type AttestationProvider, createAnswerSigner } from './attestation/index.ts'
import type { Breach } from './audit/index.ts'
import { createTrust, type KeptConvictions } from './create-trust.ts'
import { createDesk, type Desk, type DeskOptions, type HubPort, type RequestLimits } from './dispatch/index.ts'
import { kvBytesPerPosition, swarmConfigOf } from './dispatch/swarm-config.ts'
import { type InftDesk, noInft } from './inft/index.ts'
import { createObservatory } from './observe/create-observatory.ts'
import type { MoneyDesk } from './payments/till.ts'
import { earningOnlyStaked } from './stakes/index.ts'
import type { StandingBook } from './standing/index.ts'
import type { PackFolder } from './store/pack-folder.ts'
import { createTextCodec } from './text/index.ts'
import type { ZerogDesk } from './zerog-compute/index.ts'

export interface OrchestratorSettings {
  /** Fewest tabs that share the model. */
  readonly minSeats: number
  readonly maxSeats: number
  readonly maxContext: number
  readonly requests: RequestLimits
  readonly limitsFor: (address: string) => CallLimits
  readonly maxBodyBytes: number
  readonly corsOrigins: readonly string[] | '*'
  /** May read the metrics from other machines; null: the owner alone may, where there is one. */
  readonly metricsToken: string | null
  /** A ring that answered nothing for so long is checked by a short request of the pool's own; null: never. */
  readonly challengeEveryMs: number | null
}

export const defaultSettings: OrchestratorSettings = {
  minSeats: 2,
  maxSeats: 16,
  maxContext: 4096,
  requests: { maxRunning: 8, maxQueued: 32, stallTimeoutMs: 60_000, queueTimeoutMs: 60_000 },
  // One's own machine may hammer; a stranger gets what a person types and a script that behaves.
  limitsFor: address => (isLoopback(address) ? { perMinute: 6000, concurrent: 64 } : { perMinute: 60, concurrent: 4 }),
  maxBodyBytes: 8 << 20,
  corsOrigins: '*',
  metricsToken: null,
  challengeEveryMs: null,
}

export interface OrchestratorDeps {
  readonly pack: PackFolder
  readonly pageFolder: string | null
  readonly hub: HubPort
  readonly clock: Clock
  readonly entropy: Entropy
  /** Under which tabs sign in to this orchestrator; null: a hub elsewhere says it. */
  readonly origin: string | null
  /** Default: plain accounts' signatures. */
  readonly verifyWallet?: DeskOptions['verifyWallet']
  readonly iceServersFor: DeskOptions['iceServersFor']
  readonly iceRenewalMs?: number | null
  readonly addressOf: (c: Context) => string
  /** Whether `addressOf` takes our own proxy's word. Default: no. */
  readonly isProxyTrusted?: boolean
  readonly settings: OrchestratorSettings
  /** Where operators' standing and evidence against them outlive the process; absent or null: they do not. */
  readonly dataDir?: string | null
  /** Wallets of auditors that the pool's owner vouches for, lower case: their word convicts. Default: nobody's. */
  readonly trustedAuditors?: () => readonly string[]
  /** Where convictions lie until the till has them. */
  readonly convictions?: KeptConvictions | null
  /** An operator was convicted: it is out of this pool, and whoever holds its stake may want to know. */
  readonly onBreach?: (breach: Breach) => void
  readonly onNotice?: (text: string) => void
  readonly onFault: (fault: unknown) => void
  /** What vouches for this process and signs its answers; absent or null: nothing does. */
  readonly attestation?: AttestationProvider | null
  /** The pool as a provider of 0G Compute, with the attestation's signer; absent or null: it is none. */
  readonly zerog?: ZerogDesk | null
  /** Made with the desk in hand, which says whether there is a ring worth paying for; absent: work is free. */
  readonly moneyFor?: (desk: Desk) => MoneyDesk
  /** The pool's token, asked once the money is there; absent: it is none. */
  readonly inftFor?: () => InftDesk
  /** Put before each conversation, and shown by nothing; empty or absent: none. */
  readonly systemPrompt?: string
}

export interface Orchestrator {
  readonly app: Hono
  readonly desk: Desk
  readonly standing: StandingBook
  /** After the desk: what was learnt of operators is kept. */
  close(): Promise<void>
}

export function createOrchestrator(deps: OrchestratorDeps): Orchestrator {
  const { pack, hub, clock, entropy, settings, iceServersFor, onNotice = () => {} } = deps
  const { manifest, manifestSha256 } = pack
  const { minSeats, maxSeats, maxContext, metricsToken, challengeEveryMs: everyMs } = settings
  const codec = createTextCodec({ tokenizer: pack.tokenizer, config: pack.tokenizerConfig, manifest })
  const observatory = createObservatory({ clock, metricsToken })
  const { dataDir = null, trustedAuditors = () => [], convictions = null, onBreach = () => {} } = deps
  const trust = createTrust({ clock, entropy, dataDir, trustedAuditors, convictions, onBreach, onFault: deps.onFault })
  const unwatched = createDesk({
    swarm: swarmConfigOf(manifest, { minSeats, maxSeats, maxContext, wallMs: clock.wallMs() }),
    limits: settings.requests,
    model: {
      packUrl: packUrlOf(pack),
      manifestSha256,
      vocab: manifest.dimensions.vocab,
      kvBytesPerPosition: kvBytesPerPosition(manifest),
      hidden: manifest.dimensions.hidden,
    },
    hub,
    clock,
    entropy,
    origin: deps.origin,
    verifyWallet: deps.verifyWallet,
    iceServersFor,
    iceRenewalMs: deps.iceRenewalMs ?? null,
    onNotice,
    ...observatory.hooks,
    ...trust.hooks,
    audit: { ...trust.hooks.audit, onEnded: observatory.onCheckEnded },
    challenges: everyMs === null ? null : { everyMs, stopTokens: [...codec.stopTokens] },
  })
  const desk = observatory.over(unwatched)
  trust.follow(desk)
  const service = createModelService({
    ...{ manifest, manifestSha256, codec, desk, clock, entropy },
    systemPrompt: deps.systemPrompt ?? '',
  })
  const { pageFolder, addressOf, isProxyTrusted = false, onFault } = deps
  const { limitsFor, maxBodyBytes, corsOrigins } = settings
  const money = deps.moneyFor?.(desk) ?? { mode: 'free' }
  const common = {
    service,
    pack,
    pageFolder,
    clock,
    addressOf,
    isProxyTrusted,
    limitsFor,
    maxBodyBytes,
    corsOrigins,
    onFault,
  }
  const { attestation = null, inftFor = () => noInft('It was started without one.') } = deps
  const answers = attestation === null ? null : createAnswerSigner({ provider: attestation, clock, entropy, onFault })
  const { zerog = null } = deps
  // Asked anew for each answer: the till opens later.
  zerog?.follow({
    snapshot: desk.snapshot,
    withheld: { isWithheld: operator => earningDesk(desk, money).withheld.isWithheld(operator) },
  })
  const app = createApp({ ...common, zerog, money, observatory, trust, attestation, answers, inft: inftFor() })
  return { app, desk, standing: trust.standing, close: trust.close }
}

/** Who earns in the vault earns 0G's fees, and nobody else. */
function earningDesk(desk: Desk, money: MoneyDesk): Desk {
  const stakes = money.mode === 'paid' ? (money.stakes?.() ?? null) : null
  return stakes === null ? desk : earningOnlyStaked(desk, stakes)
}
