export { errorOfSeat, type SeatWords } from './error-of-seat.ts'
export { type LapParts, lapParts } from './lap-parts.ts'
export {
  type FrameKeeper,
  type Pipeline,
  type PipelineOptions,
  type PipelineStats,
  runPipeline,
} from './run-pipeline.ts'
export {
  type CacheReuse,
  greedy,
  type RequestJob,
  type SampledToken,
  type SamplingParams,
  samplingParamsSchema,
} from './sampling-params.ts'
export {
  type PipelineDeadlines,
  type RingPlace,
  requestsWithinBudget,
  ringPlace,
  type SeatConfig,
} from './seat-config.ts'
