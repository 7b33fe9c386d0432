/**
 * The entry's pace for prompts: how large the next chunk is and how many may be under way, by what each seat was measured to take. It
 * knows times, not tokens.
 */
import { plainLapMs } from '../speculation/index.ts'
import type { HopTrace } from '../wire/index.ts'
import { observeStrain } from './patience.ts'
import type { Draft } from './pipeline-draft.ts'
import type { EntryRequest } from './pipeline-state.ts'
import { chunkBelow, chunkWithin, waitMs } from './share-step.ts'
import { smooth } from './smooth.ts'
import { expectedMs, observeStep } from './step-costs.ts'

/** Of a lap: a decode row waits for one chunk at each seat at worst, and its lap at most doubles. */
const lapShare = 0.95
/** A longer chunk must bring the price of a position down to this share: else it would only keep others waiting. */
const muchCheaper = 0.7
/** A prompt of more chunks than this for each seat fills the ring anyway. */
const shortPrompt = 2
/** Estimates err: finer chunks must end a prompt in this share of the time of the largest. */
const clearlySooner = 0.9
/** A chunk costs its overheads again: none is finer than this part of the engine's most, unless others wait for it. */
const finestPart = 8
/** Chunks that may be under way, however long the links are. */
const mostInFlight = 16

/** Takes in what each seat took for a row without guesses. The trace is a stranger's: seats that are none of ours are passed over. */
export function learnSeats(draft: Draft, trace: readonly HopTrace[]): void {
  const seatCosts = draft.seatCosts.slice()
  for (const { seat, tokens = 1, computeMs } of trace) {
    const costs = seatCosts[seat]
    if (costs !== undefined) seatCosts[seat] = observeStep(costs, tokens, computeMs)
  }
  draft.seatCosts = seatCosts
}

/** Takes in the time between two tokens: with no prompt under way it is what others are measured by, else what prompts cost them. */
export function learnPace(draft: Draft, betweenMs: number): void {
  if (isQuiet(draft)) {
    draft.quietLapMs = smooth(draft.quietLapMs, betweenMs)
    return
  }
  const decoding = decodingBeside(draft, null)
  const usualMs = usualLapMs(draft, decoding)
  if (usualMs <= 0) return
  const isUsed = shortChunk(draft, usualMs) < patientChunk(draft, usualMs)
  draft.patience = observeStrain(draft.patience, betweenMs / usualMs, isUsed)
}

function isQuiet(draft: Draft): boolean {
  for (const { entry } of draft.requests.values()) if (entry !== null && !isDecoding(entry)) return false
  return true
}

/**
 * Positions of the next chunk of a prompt of `positions`: what brings its end soonest, or, while another request decodes, what keeps that
 * one waiting for no more than its own lap.
 */
export function nextChunk(draft: Draft, requestId: string, positions: number): number {
  const decoding = decodingBeside(draft, requestId)
  if (decoding === 0) return soonestChunk(draft, positions)
  return patientChunk(draft, usualLapMs(draft, decoding))
}

/** The engine's most, or less where that leaves seats waiting for one another: a short prompt in one piece keeps one seat busy at a time. */
function soonestChunk({ seatCosts, config: { maxChunk } }: Draft, positions: number): number {
  const isLong = positions > shortPrompt * seatCosts.length * maxChunk
  if (seatCosts.length === 1 || isLong || seatCosts.some(costs => expectedMs(costs, 1) === null)) return maxChunk
  const endMs = (size: number): number => {
    const slowestMs = Math.max(...seatCosts.map(costs => expectedMs(costs, size)!))
    return waitMs(seatCosts, size) + (Math.ceil(positions / size) - 1) * slowestMs
  }
  let best = maxChunk
  let leastMs = clearlySooner * endMs(Math.min(maxChunk, positions))
  const finest = Math.max(2, maxChunk / finestPart)
  for (let size = chunkBelow(maxChunk); size >= finest; size = chunkBelow(size)) {
    if (size >= positions || endMs(size) >= leastMs) continue
    best = size
    leastMs = endMs(size)
  }
  return best
}

/** Safe in the worst case. */
function shortChunk(draft: Draft, usualMs: number): number {
  return chunkWithin(draft.seatCosts, draft.config.maxChunk, lapShare * usualMs)
}

/** Longer, as far as others were found to bear it, where that makes a position much cheaper. */
function patientChunk(draft: Draft, usualMs: number): number {
  const short = shortChunk(draft, usualMs)
  const long = chunkWithin(draft.seatCosts, draft.config.maxChunk, draft.patience.factor * lapShare * usualMs)
  return waitMs(draft.seatCosts, long) / long <= muchCheaper * (waitMs(draft.seatCosts, short) / short) ? long : short
}

function decodingBeside(draft: Draft, requestId: string | null): number {
  const others = [...draft.requests.values()].filter(other => other.requestId !== requestId)
  return others.filter(({ entry }) => entry !== null && isDecoding(entry)).length
}

/**
 * A lap with no prompt under way. Where many decode, each waits for the others anyway: for no more than one turn of all at the slowest seat.
 * Never more than was measured without a prompt: beside one every step takes longer where seats share a processor, and a measure that
 * grew with the chunks would let them grow without end.
 */
function usualLapMs(draft: Draft, decoding: number): number {
  const mostMs = draft.quietLapMs ?? Number.POSITIVE_INFINITY
  const turnMs = decoding * (slowestChunkMs(draft, 1) ?? 0)
  return Math.max(Math.min(plainLapMs(draft.lapCosts) ?? 0, mostMs), Math.min(turnMs, draft.quietLapMs ?? 0))
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
