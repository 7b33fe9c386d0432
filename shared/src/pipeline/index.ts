export { errorOfSeat, type SeatCode, type SeatWords, seatCodes } from './error-of-seat.ts'
export { type LapParts, lapParts } from './lap-parts.ts'
export { openPipelineState, type PipelineAct, type PipelineEvent, type PipelineState } from './pipeline-state.ts'
export { type Pipeline, type PipelineOptions, type PipelineStats, runPipeline } from './run-pipeline.ts'
export {
  type CacheReuse,
  cacheReuseSchema,
  greedy,
  type RequestJob,
  requestJobSchema,
  type SampledToken,
  type SamplingParams,
  sampledTokenSchema,
  samplingParamsSchema,
} from './sampling-params.ts'
export {
  defaultDeadlines,
  type PipelineDeadlines,
  type RingPlace,
  requestsWithinBudget,
  ringPlace,
  type SeatConfig,
} from './seat-config.ts'
export { step } from './step.ts'
