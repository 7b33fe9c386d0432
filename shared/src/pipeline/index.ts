export {
  greedy,
  type RequestJob,
  requestJobSchema,
  type SampledToken,
  type SamplingParams,
  sampledTokenSchema,
  samplingParamsSchema,
} from './sampling-params.ts'
