export { type Acceptance, acceptanceAfter, expectedTokens, noAcceptance, observeGuess } from './acceptance.ts'
export { type DraftChoice, draftLength } from './draft-length.ts'
export { draftLengths, extraMs, type LapCosts, noLapCosts, observeLap, plainLapMs } from './lap-costs.ts'
export { type Guess, type IndexedText, indexText, longestMatch, shortestMatch } from './prompt-lookup.ts'
