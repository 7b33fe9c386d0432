/** What the front desk is given, and what it does for others. Types only. */
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { ReceiptVerdict } from '@computepool/shared/receipts'
import type { PoolSnapshot, SwarmConfig } from '@computepool/shared/swarm'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import type { SettledAttempt } from '../receipts/receipt-book.ts'
import type { ReceiptDesk, ReceiptDeskOptions } from '../receipts/receipt-desk.ts'
import type { VerifyWallet } from '../receipts/session-keys.ts'
import type { StakeSource } from '../stakes/stake-source.ts'
import type { DeskAuditOptions, DeskChallengesOptions } from './desk-audit.ts'
import type { DeskPort, HubPort } from './hub-port.ts'
import type { Lap, LiveRequest, RequestLimits, RequestObserver, RequestOrder } from './live-request.ts'

type IceServers = Extract<DeskCommand, { type: 'model-offered' }>['iceServers']

export interface DeskOptions {
  readonly swarm: SwarmConfig
  readonly limits: RequestLimits
  readonly model: {
    readonly packUrl: string
    readonly manifestSha256: string
    readonly vocab: number
    /** Cache bytes of one position in one layer. */
    readonly kvBytesPerPosition: number
    /** Numbers of one row of activations. */
    readonly hidden?: number
  }
  readonly hub: HubPort
  readonly clock: Clock
  readonly entropy: Entropy
  readonly iceServersFor: (peer: string) => IceServers
  /** Under which tabs sign in to this pool: their session keys are bound to it. Null: a hub elsewhere says it. */
  readonly origin: string | null
  /** Default: by EIP-191 signature of a plain account. */
  readonly verifyWallet?: VerifyWallet | undefined
  /** How long a tab may use what `iceServersFor` gave it before it gets anew; null or absent: for ever. */
  readonly iceRenewalMs?: number | null
  /** One line for the operator of the orchestrator. */
  readonly onNotice?: (text: string) => void
  /** Hears of each lap, for traces and metrics. */
  readonly onLap?: (lap: Lap, atMs: number) => void
  /** Hears of each attempt whose receipts were settled: the verdict on all of them. */
  readonly onReceipts?: (verdict: ReceiptVerdict['verdict']) => void
  /** Absent: nobody's work is computed again. */
  readonly audit?: DeskAuditOptions
  /** How long a ring answers nothing before it is challenged, and how such a request ends; absent: none is made, nor where nothing is checked. */
  readonly challenges?: DeskChallengesOptions | null
  /** Receipts of these two neighbours did not meet. Wallets. */
  readonly onQuarrel?: (operators: readonly [string, string]) => void
  /** What a wallet's checks have earned it, in [0, 1): whose quarrels may bar others. */
  readonly trustOf?: (operator: string) => number
  /** This wallet broke its receipts again and again, with others each time. */
  readonly onBrokenReceipts?: (operator: string) => void
  /** How operators stand, for whoever looks at the pool. */
  readonly standingOf?: (operator: string) => PoolSnapshot['seats'][number]['standing']
  /** Where it is kept whose units are withheld. Default: in memory. */
  readonly keptWithheld?: ReceiptDeskOptions['keptWithheld']
  /** Hears of each attempt whose receipts were settled: who gave what, and how long it ran. */
  readonly onSettled?: (verdict: ReceiptVerdict, attempt: SettledAttempt) => void
  /** A peer goes; `leavesAnswer`: while an answer ran through its seat, and without having asked to and waited for it. Said again where it said itself that it leaves. */
  readonly onGone?: (peer: string, leavesAnswer: boolean) => void
  /** Hears of each change of the pool's status. */
  readonly onStatus?: (status: PoolSnapshot['status'], atMs: number) => void
}

export interface Desk extends DeskPort {
  /** Errors: `swarm_layers_missing`; `swarm_busy` where enough of the client's wait already, `swarm_overloaded` where the queue is full. */
  submit(order: RequestOrder, observer?: RequestObserver): LiveRequest
  /** Errors: `swarm_layers_missing` where no whole ring is ready; `swarm_trust_missing` where none has trusted ends, if such are asked for. */
  requireRing(isTrusted?: boolean): void
  /** Positions that a request may reach now. */
  context(): number
  snapshot(): PoolSnapshot
  /** Which operators earn nothing for now. */
  readonly withheld: ReceiptDesk['withheld']
  /** Called after each change of the snapshot. */
  onChange(listener: () => void): () => void
  /** Hears what peers say, beside the desk, for those whose business is not the desk's. Returns the way to stop. */
  onRequest(listener: (peer: string, request: DeskRequest) => void): () => void
  /** Tells one peer what the desk itself has nothing to do with. */
  tell(peer: string, command: DeskCommand): void
  /** What these wallets' standing weighs in placement, in [0, 1]; whoever weighs nothing loses its seat at once, and its ring's answers move. */
  weigh(weights: Readonly<Record<string, number>>, textHolders?: readonly string[]): void
  /** It has a stake for the ring that it serves; nobody has where the pool asks for none. A wallet, lower case. */
  isStaked(operator: string): boolean
  /** What stakes multiply a wallet's weight with, above 0: whoever will not stake gives its seat to one that may. */
  stakeFactorOf(operator: string): number
  /** From now on the pool is shown with these stakes; null: nobody stakes. */
  setStakes(stakes: StakeSource | null): void
  close(): void
}
