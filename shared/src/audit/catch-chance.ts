/**
 * The chance that checks catch a peer which cheats on a share of its steps, within so many requests: plain arithmetic over what a policy
 * draws. A check catches where one cheated row lies before its end; it is taken to be answered, and a cheat to be over the tolerance.
 */
import { type CheckPolicy, endChances } from './check-policy.ts'

/** A request as a seat sees it: its prompt comes in chunks, a step each; then each drawn token but the last is a step of one position. */
export interface RequestShape {
  readonly promptTokens: number
  /** At least 1: the first is drawn from the prompt's last position. */
  readonly answerTokens: number
  /** Positions of one prompt step. */
  readonly chunk: number
  /** How often it comes beside the others; 1 unless told otherwise. */
  readonly weight?: number
}

/**
 * Which steps are cheated on. `scattered`: each by a coin of its own. `latest`: the last of every request, where checks come least.
 * `requests`: all steps of some requests, chosen by a coin each, and none of the others.
 */
export type CheatPattern = 'scattered' | 'latest' | 'requests'

export interface Cheating {
  /** Of its steps, in (0, 1]. */
  readonly share: number
  readonly pattern: CheatPattern
}

/** Positions that go through a seat: the last token drawn never does. */
export function positionsOf({ promptTokens, answerTokens }: RequestShape): number {
  return promptTokens + answerTokens - 1
}

/** How many steps begin before position `end`. */
export function stepsBefore({ promptTokens, chunk }: RequestShape, end: number): number {
  return Math.ceil(Math.min(end, promptTokens) / chunk) + Math.max(0, end - promptTokens)
}

/** Chance that one request's check, if it comes, catches: the same at every rate. */
export function catchChanceOfCheck(policy: CheckPolicy, cheating: Cheating, shape: RequestShape): number {
  const positions = positionsOf(shape)
  const chances = endChances(policy, positions)
  const steps = stepsBefore(shape, positions)
  const honest = steps - Math.max(1, Math.round(cheating.share * steps))
  let caught = 0
  for (let end = 1; end <= positions; end++) {
    const seen = stepsBefore(shape, end)
    if (cheating.pattern === 'scattered') caught += chances[end - 1]! * (1 - (1 - cheating.share) ** seen)
    else if (cheating.pattern === 'requests') caught += chances[end - 1]! * cheating.share
    else if (seen > honest) caught += chances[end - 1]!
  }
  return caught
}

export interface CatchInput {
  readonly policy: CheckPolicy
  readonly cheating: Cheating
  /** Kinds of requests that come, each by its weight. */
  readonly shapes: readonly RequestShape[]
}

/** Chance that one request catches: rate times the mean over the kinds of requests. */
export function catchChance({ policy, cheating, shapes }: CatchInput): number {
  return policy.rate * meanOver(shapes, shape => catchChanceOfCheck(policy, cheating, shape))
}

/** Chance that `requests` in a row, drawn each by itself, catch at least once: 1 - (1 - p)^n. */
export function catchChanceWithin(input: CatchInput, requests: number): number {
  return 1 - (1 - catchChance(input)) ** requests
}

/** What one request must catch with, so that `requests` of them do with `confidence`: 1 - (1 - confidence)^(1 / n). */
export function chanceNeeded(requests: number, confidence: number): number {
  return 1 - (1 - confidence) ** (1 / requests)
}

/** The mean of `value` over kinds of requests. */
export function meanOver(shapes: readonly RequestShape[], value: (shape: RequestShape) => number): number {
  let sum = 0
  let weights = 0
  for (const shape of shapes) {
    sum += (shape.weight ?? 1) * value(shape)
    weights += shape.weight ?? 1
  }
  return sum / weights
}
