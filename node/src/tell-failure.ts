/** Prints an error where errors go: in words with what to do, or as one JSON object. */
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'

/** Returns what was printed. */
export function tellFailure(thrown: unknown, wantsJson: boolean): ComputePoolError {
  const error = asComputePoolError(thrown)
  console.error(
    wantsJson
      ? JSON.stringify({ type: 'error', ...error.toJSON() })
      : `${error.message}${error.remedy ? `\n${error.remedy}` : ''}`,
  )
  return error
}
