export { type RowComparison, type RowError, relativeError } from './relative-error.ts'
