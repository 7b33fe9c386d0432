/**
 * What the table knows of one answer: its prompt, every token drawn, and the attempt that draws more. It outlives the ring that it runs
 * on; it knows no queue, no clock and no message.
 */
import type { ComputePoolError } from '@computepool/shared/errors'
import type { CacheReuse, RequestJob } from '@computepool/shared/pipeline'
import type { EventQueue } from './event-queue.ts'
import type { RequestEvent, RequestObserver, RequestOrder } from './live-request.ts'
import type { Ring } from './ring.ts'

export interface AnswerRecord {
  readonly id: string
  readonly order: RequestOrder
  readonly client: string
  readonly events: EventQueue<RequestEvent>
  readonly observer: RequestObserver | undefined
  /** Ever drawn, by whichever attempt. */
  readonly drawn: number[]
  /** Attempts that were sent. */
  attempts: number
  /** Of the attempt that runs, or of the next one. */
  wireId: string
  /** Where it runs, or ran last. */
  ring: Ring | null
  /** Tokens that were drawn before this attempt. */
  drawnBefore: number
  /** The cache that this attempt begins with. */
  reuse: CacheReuse | null
  /** False once a seat did not have what it was to begin with. */
  mayReuse: boolean
  /** Positions that the cache really held, as the entry says; of the attempt, then of the answer. */
  attemptCachedTokens: number
  cachedTokens: number
  isFlowing: boolean
  /** Attempts that failed since the last token. */
  failures: number
  /** Of these, those that fell silent. */
  stalls: number
  /** The attempt is being given up because it fell silent. */
  isStalled: boolean
  /** What ended the last attempt; null while there was none. */
  interruption: ComputePoolError | null
  /** Not on that ring again before that time: it has just failed there. */
  notBefore: { readonly epoch: number; readonly atMs: number } | null
  /** Until when it waits for the best ring, where it could begin on another; null: nothing was foretold yet. */
  patientUntilMs: number | null
  /** When this attempt was sent. */
  sentAtMs: number
  /** Sum of the time that its attempts ran. */
  ranMs: number
  cancelDeadline: () => void
  cancelRetry: () => void
  cancelPatience: () => void
}

export function openAnswer(
  id: string,
  order: RequestOrder,
  events: EventQueue<RequestEvent>,
  observer?: RequestObserver,
): AnswerRecord {
  return {
    id,
    order,
    client: order.client ?? '',
    events,
    observer,
    drawn: [],
    attempts: 0,
    wireId: id,
    ring: null,
    drawnBefore: 0,
    reuse: null,
    mayReuse: true,
    attemptCachedTokens: 0,
    cachedTokens: 0,
    isFlowing: false,
    failures: 0,
    stalls: 0,
    isStalled: false,
    interruption: null,
    notBefore: null,
    patientUntilMs: null,
    sentAtMs: 0,
    ranMs: 0,
    cancelDeadline: () => {},
    cancelRetry: () => {},
    cancelPatience: () => {},
  }
}

/** The job of the attempt that begins now. */
export function nextJob({ wireId, order, drawn, reuse }: AnswerRecord): RequestJob {
  const { client, cacheScope, keepsCache, isTrusted, ...job } = order
  return {
    ...job,
    requestId: wireId,
    maxTokens: order.maxTokens - drawn.length,
    ...(drawn.length === 0 ? {} : { generatedTokens: [...drawn] }),
    ...(reuse === null ? {} : { reuse }),
    ...(keepsCache === true && cacheScope !== undefined ? { keepCache: true } : {}),
  }
}

/** The tokens that the next attempt must have in its caches before it draws. */
export const tokensOf = ({ order, drawn }: AnswerRecord): number[] => [...order.promptTokens, ...drawn]

/** Another attempt needs an id of its own: what the old one still says is not its word. */
export function turnPage(answer: AnswerRecord): void {
  answer.wireId = `${answer.id}.${answer.attempts + 1}`
  answer.drawnBefore = answer.drawn.length
  answer.isFlowing = false
  answer.reuse = null
  answer.attemptCachedTokens = 0
}

/** How the answer ends where all its tokens are drawn; null where some are missing. */
export function wholeBecause({ order, drawn }: AnswerRecord): 'stop' | 'length' | null {
  const last = drawn.at(-1)
  if (last !== undefined && order.stopTokens.includes(last)) return 'stop'
  return drawn.length >= order.maxTokens ? 'length' : null
}

/** Positions that the answer may reach. */
export const lengthOf = ({ promptTokens, maxTokens }: RequestOrder): number => promptTokens.length + maxTokens

/** Positions that the attempt must compute before its first token. */
export const fedOf = ({ order, drawnBefore, reuse }: AnswerRecord): number =>
  order.promptTokens.length + drawnBefore - (reuse?.positions ?? 0)

/** True where another attempt, on this ring or another, may do better: as the table of errors says, or a seat that had no place left. */
export const canTryAgain = ({ code, row }: ComputePoolError): boolean =>
  row.retry === 'same' || row.retry === 'other' || code === 'swarm_busy'
