export {
  type Assembled,
  assembleCase,
  assembleReceived,
  type ReceivedCase,
  type RunCheck,
  type Unassembled,
} from './assemble-case.ts'
export {
  type CatchInput,
  type Cheating,
  type CheatPattern,
  catchChance,
  catchChanceOfCheck,
  catchChanceWithin,
  chanceNeeded,
  positionsOf,
  type RequestShape,
  stepsBefore,
} from './catch-chance.ts'
export { type ChallengeInput, challengeInput } from './challenge-input.ts'
export {
  type CaseBundle,
  checkEvidence,
  digestOfReceipt,
  faultsOfIncoming,
  faultsOfOutgoing,
  faultsOfWords,
  keptPositions,
  type VerifyWallet,
} from './check-evidence.ts'
export {
  type CheckPolicy,
  checkPolicySchema,
  defaultCheckPolicy,
  endChances,
  policyUnmeasured,
} from './check-policy.ts'
export {
  defaultReaches,
  extraCompute,
  isReached,
  leastDecodeRatio,
  leastRate,
  positionsPerCheck,
  type Reach,
} from './check-reach.ts'
export { canonicalJson, commitmentOf, digestBytes } from './commitment.ts'
export { type CompareRowsInput, compareRows, type RowsCompared } from './compare-rows.ts'
export { type ComputedRows, computeRows, sketchComputed } from './compute-rows.ts'
export { type CouldDrawInput, couldDraw, type DrawScores } from './could-draw.ts'
export {
  decodeEvidence,
  type EvidenceBundle,
  encodeEvidence,
  maxEvidenceHeaderBytes,
  maxEvidenceSectionBytes,
} from './evidence-bundle.ts'
export {
  type EvidenceAttempt,
  type EvidenceCase,
  type EvidenceFrames,
  type EvidenceHeader,
  type EvidenceLink,
  evidenceHeaderSchema,
} from './evidence-header.ts'
export { type FramePlace, finalRows } from './final-rows.ts'
export {
  cutHandover,
  decodeHandover,
  encodeHandoverHeader,
  type HandedAttempt,
  type Handover,
  type HandoverHeader,
  maxHandoverBytes,
} from './handover.ts'
export { isJudged } from './is-judged.ts'
export { type DrawClaim, type DrawsJudged, type DrawVerdict, judgeDraws } from './judge-draws.ts'
export {
  type EvidenceVerdict,
  type JudgeInput,
  judgeEvidence,
  type ReplayInput,
  replayEvidence,
  sideToJudgeBy,
} from './judge-evidence.ts'
export { measuredTolerances } from './measured-tolerances.ts'
export { isDrawnFrom, orderlyFrames, type Pairing, pairFrames, unpairedFrames } from './pair-frames.ts'
export {
  type DrawRun,
  mostDrawsJudged,
  type PlanInput,
  type PlannedCheck,
  planChecks,
  runAmongDrawn,
} from './plan-checks.ts'
export {
  type Claim,
  maxReplayBytes,
  type RecomputeInput,
  type RecomputeReport,
  type ReplayFrame,
  recompute,
} from './recompute.ts'
export type { DrawsClaim } from './redraw.ts'
export { receivedFrames, replayOf } from './replay-of.ts'
export {
  createRowSketcher,
  distanceOfSketches,
  isFiniteSketch,
  isSameComputed,
  type RowSketcher,
  type RowsSketched,
  rowSketchBound,
  rowSketchDigits,
  rowSketchSums,
} from './sketch-rows.ts'
export {
  type AnswerInput,
  answerChallenge,
  type CompareProofsInput,
  challengedDraws,
  compareProofs,
  mostExaggeration,
  type SliceChallenge,
  sliceProofText,
} from './slice-proof.ts'
export {
  parseToleranceTable,
  type ToleranceQuery,
  type ToleranceRow,
  type ToleranceSide,
  type ToleranceTable,
  toleranceFor,
  toleranceTableSchema,
} from './tolerance.ts'
