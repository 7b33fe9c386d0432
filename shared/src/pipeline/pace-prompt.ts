/**
 * The entry's pace for prompts: how large the next chunk is and how many may be under way, by what each seat was measured to take. It
 * knows times, not tokens.
 */
import { plainLapMs } from '../speculation/index.ts'
import type { HopTrace } from '../wire/index.ts'
import type { Draft } from './pipeline-draft.ts'
import type { EntryRequest } from './pipeline-state.ts'
import { chunkWithin } from './share-step.ts'
import { expectedMs, observeStep } from './step-costs.ts'

/** Of a lap: a decode row waits for one chunk at each seat at worst, and its lap at most doubles. */
const lapShare = 0.95
/** Chunks that may be under way, however long the links are. */
const mostInFlight = 16

/** Takes in what each seat took for a row without guesses. The trace is a stranger's: seats that are none of ours are passed over. */
export function learnSeats(draft: Draft, trace: readonly HopTrace[]): void {
  const seatCosts = [...draft.seatCosts]
  for (const { seat, tokens = 1, computeMs } of trace) {
    const costs = seatCosts[seat]
    if (costs !== undefined) seatCosts[seat] = observeStep(costs, tokens, computeMs)
  }
  draft.seatCosts = seatCosts
}

/** Takes in the time between two tokens where no prompt is under way: what a request has while no other prefills. */
export function learnQuietLap(draft: Draft, betweenMs: number): void {
  const isQuiet = [...draft.requests.values()].every(({ entry }) => entry === null || isDecoding(entry))
  if (isQuiet)
    draft.quietLapMs = draft.quietLapMs === null ? betweenMs : draft.quietLapMs + (betweenMs - draft.quietLapMs) / 8
}

/** Positions of the next chunk: the engine's most, or, while another request decodes, what keeps that one waiting for no more than its own lap. */
export function nextChunk(draft: Draft, requestId: string): number {
  const { maxChunk } = draft.config
  const decoding = [...draft.requests.values()].filter(
    ({ entry, requestId: other }) => other !== requestId && entry !== null && isDecoding(entry),
  ).length
  if (decoding === 0) return maxChunk
  // Where many decode, each waits for the others anyway: for no more than one turn of all at the slowest seat.
  const turnMs = decoding * (slowestChunkMs(draft, 1) ?? 0)
  const lapMs = Math.max(plainLapMs(draft.lapCosts) ?? 0, Math.min(turnMs, draft.quietLapMs ?? 0))
  return chunkWithin(draft.seatCosts, maxChunk, lapShare * lapMs)
}

export function isDecoding({ prefilled, text }: EntryRequest): boolean {
  return prefilled >= text.length
}

/** Chunks that the exit has not taken: enough for every seat and every link to be busy, and few enough that a slow seat collects no whole prompt. */
export function chunksInFlight(draft: Draft, chunk: number): number {
  const { chunksInFlight: least, seats } = draft.config
  const slowestMs = slowestChunkMs(draft, chunk)
  if (slowestMs === null || draft.hopMs === null) return least
  const onLinks = Math.ceil((seats.length * draft.hopMs) / Math.max(slowestMs, 1e-3))
  return Math.max(least, Math.min(mostInFlight, least + onLinks))
}

/** What the slowest seat takes for a chunk; null before anything was measured. */
export function slowestChunkMs(draft: Draft, tokens: number): number | null {
  const all = draft.seatCosts.flatMap(costs => expectedMs(costs, tokens) ?? [])
  return all.length === 0 ? null : Math.max(...all)
}
