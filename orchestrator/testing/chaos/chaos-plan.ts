/** What happens in one seed of the chaos: who is there, what is asked, what goes wrong and when. Pure: the seed decides all of it. */
import { greedy, type SamplingParams } from '@computepool/shared/pipeline'
import { createSeededRandom, type LoopbackOptions, type SeededRandom } from '@computepool/shared/testing'
import type { ChaosPeerFacts } from './chaos-peer.ts'

export interface ChaosAsk {
  readonly atMs: number
  readonly promptTokens: readonly number[]
  readonly maxTokens: number
  readonly stopTokens: readonly number[]
  readonly sampling: SamplingParams
  readonly speculate: boolean
  /** The caller stops after so many tokens, or so long after asking; null: it stays. */
  readonly giveUp: { readonly afterTokens: number } | { readonly afterMs: number } | null
  /** Its payer's cap is spent after so many tokens; null: it is not. */
  readonly capAfterTokens: number | null
  /** Whose caches it may begin with. */
  readonly scope: string
  /** Asked when the answer has ended whole: the conversation goes on with these tokens. Null: it does not. */
  readonly nextTurn: readonly number[] | null
}

/** `pick` chooses among what is there when it happens; `isAtWork`: among the seats that hold a running answer, and their links. */
export type ChaosBlow = { readonly atMs: number; readonly pick: number; readonly isAtWork?: boolean } & (
  | { readonly type: 'vanish'; readonly socketMs: number; readonly linkMs: number }
  | { readonly type: 'freeze'; readonly forMs: number }
  | {
      readonly type:
        | 'leave'
        | 'drain'
        | 'join'
        | 'lose-device'
        | 'cut-link'
        | 'break-socket'
        | 'break-hub'
        | 'shut-down'
    }
)

export interface ChaosPlan {
  readonly seed: number
  readonly minSeats: number
  readonly link: Omit<LoopbackOptions, 'clock'>
  readonly peers: readonly ChaosPeerFacts[]
  readonly asks: readonly ChaosAsk[]
  readonly blows: readonly ChaosBlow[]
}

const chaosPeers = 5
const chaosAsks = 12
/** Asked and struck within this time. */
const spanMs = 5000

export function drawChaosPlan(seed: number, vocab: number): ChaosPlan {
  const random = createSeededRandom(seed)
  const minSeats = 1 + random.int(3)
  const link = {
    seed,
    delayMs: 1 + random.int(random.next() < 0.2 ? 60 : 10),
    jitterMs: random.next() < 0.5 ? 0 : random.int(30),
    lossRate: random.next() < 0.7 ? 0 : random.next() * 0.1,
    retransmitMs: 100,
  }
  const peers = Array.from({ length: chaosPeers }, () => drawChaosPeer(random))
  const asks = Array.from({ length: chaosAsks }, () => drawAsk(random, vocab)).sort((a, b) => a.atMs - b.atMs)
  const blows = Array.from({ length: random.int(7) }, () => drawBlow(random)).sort((a, b) => a.atMs - b.atMs)
  return { seed, minSeats, link, peers, asks, blows }
}

export function drawChaosPeer(random: SeededRandom): ChaosPeerFacts {
  return {
    seed: random.int(2 ** 31),
    stepMs: 1 + random.int(random.next() < 0.2 ? 40 : 10),
    rowMs: random.next(),
    loadMs: 20 + random.int(400),
    socketMs: 1 + random.int(20),
    maxChunk: 4 + random.int(29),
  }
}

function drawAsk(random: SeededRandom, vocab: number): ChaosAsk {
  const isLong = random.next() < 0.3
  const phrase = Array.from({ length: 1 + random.int(isLong ? 120 : 20) }, () => random.int(vocab))
  // Text that repeats itself is what guesses come from.
  const promptTokens = random.next() < 0.3 ? [...phrase, ...phrase].slice(0, 140) : phrase
  const give = random.next()
  return {
    atMs: random.int(spanMs),
    promptTokens,
    maxTokens: 1 + random.int(60),
    stopTokens: random.next() < 0.3 ? [random.int(vocab), random.int(vocab)] : [],
    sampling: random.next() < 0.5 ? greedy : drawSampling(random),
    speculate: random.next() < 0.7,
    giveUp: give < 0.08 ? { afterTokens: random.int(20) } : give < 0.16 ? { afterMs: random.int(2000) } : null,
    capAfterTokens: give > 0.95 ? 1 + random.int(20) : null,
    scope: `payer ${random.int(3)}`,
    nextTurn: random.next() < 0.4 ? Array.from({ length: 1 + random.int(12) }, () => random.int(vocab)) : null,
  }
}

/** What is asked after `answer`; null where that ends the conversation, or it does not fit any more. */
export function nextAskOf(ask: ChaosAsk, answer: readonly number[], context: number): ChaosAsk | null {
  if (ask.nextTurn === null) return null
  const promptTokens = [...ask.promptTokens, ...answer, ...ask.nextTurn]
  if (promptTokens.length + ask.maxTokens > context) return null
  return { ...ask, promptTokens, nextTurn: null }
}

function drawSampling(random: SeededRandom): SamplingParams {
  const maybe = <T>(value: T, otherwise: T): T => (random.next() < 0.3 ? value : otherwise)
  return {
    ...greedy,
    temperature: 0.2 + random.next(),
    topP: maybe(0.9, 1),
    topK: maybe(20, 0),
    minP: maybe(0.05, 0),
    presencePenalty: maybe(0.5, 0),
    frequencyPenalty: maybe(0.5, 0),
    repetitionPenalty: maybe(1.2, 1),
    seed: random.int(2 ** 32),
    logprobs: maybe(2, null),
  }
}

function drawBlow(random: SeededRandom): ChaosBlow {
  const when = { atMs: random.int(spanMs), pick: random.int(2 ** 31) }
  const draw = random.next()
  if (draw < 0.3) return { ...when, type: 'vanish', socketMs: random.int(1500), linkMs: random.int(6000) }
  if (draw < 0.45) return { ...when, type: 'freeze', forMs: random.int(random.next() < 0.3 ? 60_000 : 6000) }
  if (draw < 0.53) return { ...when, type: 'leave' }
  if (draw < 0.58) return { ...when, type: 'drain' }
  if (draw < 0.72) return { ...when, type: 'join' }
  if (draw < 0.8) return { ...when, type: 'lose-device' }
  if (draw < 0.9) return { ...when, type: 'cut-link' }
  if (draw < 0.97) return { ...when, type: 'break-socket' }
  if (draw < 0.99) return { ...when, type: 'break-hub' }
  return { ...when, type: 'shut-down' }
}
