/**
 * The entry's guesses for one request: what it drafts for the next lap, and what a lap teaches about guessing and about the time that
 * drafts take. It decides no text: the exit draws every token.
 */
import {
  type Acceptance,
  draftLength,
  draftLengths,
  type Guess,
  type IndexedText,
  indexText,
  noAcceptance,
  observeGuess,
  observeLap,
} from '../speculation/index.ts'
import type { HopTrace } from '../wire/index.ts'
import { betweenTokensMs } from './lap-parts.ts'
import type { Draft } from './pipeline-draft.ts'
import type { RequestJob, SampledToken } from './sampling-params.ts'

/** What the entry knows to guess from; null in a request where guessing was switched off. */
export interface Speculation {
  readonly text: IndexedText
  readonly acceptance: Acceptance
  /** For the tokens that are awaited; null where nothing suggested one. */
  readonly guess: Guess | null
  /** How many of the guess were sent along; none where that would not pay. */
  readonly length: number
}

export function openSpeculation(draft: Draft, job: RequestJob, text: readonly number[]): Speculation | null {
  if (!draft.config.speculate || job.speculate === false) return null
  return { text: indexText(text), acceptance: noAcceptance, guess: null, length: 0 }
}

/** Takes in what was drawn where something was guessed. */
export function learnFrom(speculation: Speculation | null, sampled: readonly SampledToken[]): Speculation | null {
  if (speculation === null) return null
  const { text, guess } = speculation
  const drawn = sampled.map(({ token }) => token)
  const grown = { ...speculation, text: text.append(drawn), guess: null, length: 0 }
  if (guess === null) return grown
  const compared = Math.min(guess.tokens.length, drawn.length)
  let cameTrue = 0
  while (cameTrue < compared && guess.tokens[cameTrue] === drawn[cameTrue]) cameTrue += 1
  const seen = { match: guess.match, cameTrue, isBroken: cameTrue < compared }
  return { ...grown, acceptance: observeGuess(speculation.acceptance, seen) }
}

/** Chooses what to draft behind the token that is fed next; `limit` is what the answer and the context have room for. */
export function guessNext(draft: Draft, speculation: Speculation | null, limit: number): Speculation | null {
  const found = speculation?.text.guess(draftLengths.at(-1)!) ?? null
  if (speculation === null || found === null) return speculation
  const { config, lapCosts: costs, requests } = draft
  const length = draftLength({
    acceptance: speculation.acceptance,
    costs,
    match: found.match,
    limit: Math.min(limit, draft.draftLimit, config.maxChunk - 1),
    requests: requests.size,
    seats: config.seats.length,
  })
  // A guess that is not drafted still tells how good guesses are.
  const guess = { match: found.match, tokens: found.tokens.slice(0, Math.max(1, length)) }
  return { ...speculation, guess, length }
}

/** The guesses to send along. */
export function draftOf(speculation: Speculation | null): readonly number[] {
  return speculation?.guess?.tokens.slice(0, speculation.length) ?? []
}

export interface LapWithDraft {
  readonly guesses: readonly number[]
  readonly sampled: readonly SampledToken[]
  readonly lapMs: number
  readonly trace: readonly HopTrace[]
}

/** Takes in the time of a lap, and whether a seat on the way cut its draft. */
export function learnLap(draft: Draft, { guesses, sampled, lapMs, trace }: LapWithDraft): void {
  let [computeMs, queueMs] = [0, 0]
  for (const hop of trace) {
    computeMs += hop.computeMs
    queueMs += hop.queueMs
  }
  const lap = { length: guesses.length, lapMs: betweenTokensMs(lapMs, trace), computeMs, queueMs }
  draft.lapCosts = observeLap(draft.lapCosts, lap)
  const verified = sampled.length - 1
  // The last token is the guess itself, and yet the exit went no further: a seat takes only so many rows.
  if (verified < guesses.length && sampled[verified]!.token === guesses[verified]) draft.draftLimit = verified
}
