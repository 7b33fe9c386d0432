/**
 * The one error class. It carries what happened (with the values), what to do, and a code of the table; it crosses a worker, a
 * frame or SSE as plain data, without cause or stack, so that nothing private leaves the process.
 */
import { type ErrorCode, type ErrorRow, errorTable, isErrorCode } from './error-table.ts'

export interface ErrorDetails {
  /** What to do about it, in one sentence. */
  readonly remedy?: string
  /** Values that a program may want: sizes, ids, the field at fault (`param`), seconds to wait (`retryAfterSeconds`). */
  readonly context?: Readonly<Record<string, string | number | boolean | null>>
  readonly cause?: unknown
}

/** An error as data: what crosses a boundary. */
export interface ErrorData {
  readonly code: ErrorCode
  readonly message: string
  readonly remedy: string
  readonly context: Readonly<Record<string, string | number | boolean | null>>
}

export class ComputePoolError extends Error {
  readonly code: ErrorCode
  readonly remedy: string
  readonly context: Readonly<Record<string, string | number | boolean | null>>

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ComputePoolError'
    this.code = code
    this.remedy = details.remedy ?? ''
    this.context = details.context ?? {}
  }

  get row(): ErrorRow {
    return errorTable[this.code]
  }

  toJSON(): ErrorData {
    return { code: this.code, message: this.message, remedy: this.remedy, context: this.context }
  }
}

/** The error that `data` describes; data of an unknown shape becomes `bug_unreachable_state` with its text. */
export function errorFromData(data: unknown): ComputePoolError {
  if (typeof data === 'object' && data !== null && 'code' in data && isErrorCode(data.code)) {
    const { message, remedy, context } = data as Partial<ErrorData>
    return new ComputePoolError(data.code, String(message ?? data.code), {
      remedy: String(remedy ?? ''),
      context: typeof context === 'object' && context !== null ? context : {},
    })
  }
  return new ComputePoolError('bug_unreachable_state', `An error of unknown shape arrived: ${String(data)}`)
}

/** `thrown` as a ComputePoolError: itself where it is one, else wrapped under `code` with its message. */
export function asComputePoolError(thrown: unknown, code: ErrorCode = 'bug_unreachable_state'): ComputePoolError {
  if (thrown instanceof ComputePoolError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new ComputePoolError(code, message, { cause: thrown })
}
