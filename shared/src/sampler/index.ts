export {
  argmax,
  candidateLimit,
  type HeadQuery,
  type HeadScores,
  headQuery,
  logSumExp,
  type RankedTokens,
  rank,
  scaleLogits,
  scoresFromLogits,
} from './head-scores.ts'
export { adjustLogits, type LogitAdjustments, logitAdjustments } from './logit-adjustments.ts'
export { philox2x32, uniformAt } from './philox.ts'
export { type SampleTokenInput, sampleToken } from './sample-token.ts'
export { rankCandidates, type ScorerInputs, type ScorerOutputs, scorerInputs } from './scorer-exchange.ts'
