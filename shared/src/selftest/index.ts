export { chunkPlan, type PlannedChunk } from './chunk-plan.ts'
export { type RowComparison, type RowError, relativeError } from './relative-error.ts'
export {
  type SelfTestInput,
  type SelfTestOutcome,
  type SelfTestReport,
  selfTest,
  selfTestTieMargin,
  selfTestTolerance,
} from './self-test.ts'
