/**
 * How often a guess comes true, by how many tokens before it occurred earlier in the same way. A guess that follows an accepted one
 * has a match longer by one, so one table foretells drafts of any length, and every drawn token teaches it, drafted or not.
 */
import { longestMatch } from './prompt-lookup.ts'

interface MatchClass {
  /** The shortest match of the class. */
  readonly from: number
  /** Share of guesses taken to come true before any was seen: below what models showed on text that copies, above novel text. */
  readonly prior: number
}

const classes: readonly MatchClass[] = [
  { from: 2, prior: 0.1 },
  { from: 3, prior: 0.2 },
  { from: 4, prior: 0.35 },
  { from: 5, prior: 0.5 },
  { from: 7, prior: 0.65 },
  { from: 10, prior: 0.8 },
  { from: 16, prior: 0.9 },
]
/** Guesses that a prior counts for. */
const priorWeight = 2
const highestPrior = 0.97
/** What an observation keeps of the weight of those before it: about the last thirty count. */
const keep = 0.97

interface Tally {
  readonly came: number
  readonly seen: number
}

export interface Acceptance {
  /** One a class of matches. */
  readonly classes: readonly Tally[]
  /** Over all classes: guesses that came true, and how many the priors had foretold. */
  readonly came: number
  readonly foretold: number
}

export const noAcceptance: Acceptance = {
  classes: classes.map(() => ({ came: 0, seen: 0 })),
  came: 0,
  foretold: 0,
}

function classOf(match: number): number {
  let index = 0
  while (index + 1 < classes.length && match >= classes[index + 1]!.from) index += 1
  return index
}

/** Share of guesses after a match of this length that come true. A text that belies one prior is not trusted with the others. */
export function acceptanceAfter({ classes: tallies, came, foretold }: Acceptance, match: number): number {
  const index = classOf(Math.min(match, longestMatch))
  const trust = (came + priorWeight) / (foretold + priorWeight)
  const prior = Math.min(highestPrior, classes[index]!.prior * trust)
  const tally = tallies[index]!
  return (tally.came + priorWeight * prior) / (tally.seen + priorWeight)
}

/** Takes in what came of a guess after `match`: its first tokens that came true, and whether one then did not. */
export function observeGuess(
  acceptance: Acceptance,
  guess: { readonly match: number; readonly cameTrue: number; readonly isBroken: boolean },
): Acceptance {
  const tallies = [...acceptance.classes]
  let { came, foretold } = acceptance
  const outcomes = guess.cameTrue + (guess.isBroken ? 1 : 0)
  for (let i = 0; i < outcomes; i++) {
    const index = classOf(guess.match + i)
    const tally = tallies[index]!
    const hit = i < guess.cameTrue ? 1 : 0
    tallies[index] = { came: tally.came * keep + hit, seen: tally.seen * keep + 1 }
    came = came * keep + hit
    foretold = foretold * keep + classes[index]!.prior
  }
  return { classes: tallies, came, foretold }
}

/** Tokens that a lap brings on average with `length` drafts after a match: the accepted ones and the one drawn behind them. */
export function expectedTokens(acceptance: Acceptance, match: number, length: number): number {
  let survives = 1
  let expected = 1
  for (let i = 0; i < length; i++) {
    survives *= acceptanceAfter(acceptance, match + i)
    expected += survives
  }
  return expected
}
