export {
  asComputePoolError,
  ComputePoolError,
  type ErrorData,
  type ErrorDetails,
  errorFromData,
} from './computepool-error.ts'
export { type ErrorCode, type ErrorRow, errorTable, isErrorCode, type Retry } from './error-table.ts'
