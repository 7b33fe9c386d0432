/** Our error in OpenAI's shape, so that their SDKs raise the right class and show the remedy. */
import { asComputePoolError } from '../errors/index.ts'

export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
  }
}
export interface OpenAiError {
  readonly status: number
  /** Seconds for `Retry-After`; null where waiting does not help. */
  readonly retryAfterSeconds: number | null
  readonly body: OpenAiErrorBody
}

/** What a client is told of `thrown`. A fault of ours keeps its cause to itself. */
export function openAiErrorOf(thrown: unknown): OpenAiError {
  const error = asComputePoolError(thrown)
  const { row, context } = error
  const isOurs = error.code === 'bug_unreachable_state'
  const message = isOurs ? 'The orchestrator met a fault of its own.' : error.message
  const remedy = isOurs ? 'Please report it with the time of the request.' : error.remedy
  const wait = context.retryAfterSeconds
  return {
    status: row.httpStatus,
    retryAfterSeconds: row.retry === 'later' || typeof wait === 'number' ? Math.ceil(Number(wait ?? 5)) : null,
    body: {
      error: {
        message: remedy === '' ? message : `${message} ${remedy}`,
        type: row.openaiType,
        param: typeof context.param === 'string' ? context.param : null,
        code: row.openaiCode ?? error.code,
      },
    },
  }
}
