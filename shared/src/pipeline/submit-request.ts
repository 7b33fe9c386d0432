/** How the entry takes a job: refused, over already, or begun with its first chunk. What becomes of it then is the entry's own part. */
import { ComputePoolError, type ErrorData } from '../errors/index.ts'
import { hasEnded, missingPrefix } from './end-request.ts'
import type { Draft } from './pipeline-draft.ts'
import { type EntryRequest, openRequestState } from './pipeline-state.ts'
import type { CacheReuse, RequestJob } from './sampling-params.ts'
import { openSpeculation } from './speculate.ts'
import { feedPrompt } from './step-entry.ts'

export function submitRequest(draft: Draft, job: RequestJob, nowMs: number): void {
  const { requestId } = job
  if (draft.requests.has(requestId) || hasEnded(draft, requestId)) return
  const refusal = refusalOf(draft, job)
  if (refusal !== null) {
    draft.acts.push({ type: 'report', message: { type: 'request-failed', requestId, error: refusal.toJSON() } })
    return
  }
  const { promptTokens, generatedTokens = [] } = job
  const text = generatedTokens.length === 0 ? promptTokens : [...promptTokens, ...generatedTokens]
  const over = endBefore(draft, job, text)
  if (over !== null) {
    draft.acts.push({
      type: 'report',
      message: { type: 'request-finished', requestId, reason: over, directHops: 0, laps: 0 },
    })
    return
  }
  const missing = job.reuse === undefined ? null : refusalOfReuse(draft, job.reuse, text)
  if (missing !== null) {
    draft.acts.push({ type: 'report', message: { type: 'request-failed', requestId, error: missing } })
    return
  }
  const cached = job.reuse?.positions ?? 0
  const entry: EntryRequest = {
    job,
    text,
    prefilled: cached,
    inFlight: [],
    isFlowing: false,
    lapStartedMs: nowMs,
    drawn: 0,
    directHops: 0,
    laps: 0,
    guesses: [],
    speculation: openSpeculation(draft, job, text),
  }
  const request = openRequestState({ config: draft.config, requestId, nowMs, entry })
  draft.requests.set(requestId, request)
  feedPrompt(draft, request, nowMs)
}

/** An answer may have been complete when its ring was lost, with nobody left to say so. */
function endBefore(draft: Draft, job: RequestJob, text: readonly number[]): 'stop' | 'length' | null {
  const last = job.generatedTokens?.at(-1)
  if (last === undefined) return null
  if (job.stopTokens.includes(last)) return 'stop'
  return text.length > draft.config.maxContext ? 'length' : null
}

function refusalOf(draft: Draft, job: RequestJob): ComputePoolError | null {
  const { config, place } = draft
  const { requestId } = job
  if (!place.isEntry)
    return new ComputePoolError('bug_unreachable_state', `Seat ${config.seat} was asked to start a request.`, {
      remedy: 'Send the job to seat 0.',
      context: { requestId },
    })
  if (job.promptTokens.length > config.maxContext)
    return new ComputePoolError(
      'input_context_too_long',
      `The prompt has ${job.promptTokens.length} tokens; this coalition holds ${config.maxContext}.`,
      { remedy: 'Send a shorter prompt.', context: { requestId, maxContext: config.maxContext } },
    )
  if (draft.requests.size >= config.maxRequests)
    return new ComputePoolError('swarm_busy', `The entry runs ${draft.requests.size} requests, which is its limit.`, {
      remedy: 'Try again when one of them is over.',
      context: { requestId, retryAfterSeconds: 5 },
    })
  const lost = draft.lostPeers.get(place.next ?? place.exit) ?? draft.lostPeers.get(place.exit)
  if (lost === undefined) return null
  return new ComputePoolError('peer_disconnected', `A seat of this coalition is gone: ${lost.message}`, {
    remedy: 'Route the request over another coalition.',
    context: { requestId },
  })
}

/** At least one position must be fed to draw from. */
function refusalOfReuse(draft: Draft, reuse: CacheReuse, text: readonly number[]): ErrorData | null {
  if (reuse.positions < text.length) return missingPrefix(draft, reuse)
  return new ComputePoolError(
    'engine_prefix_missing',
    `${reuse.positions} positions of a kept cache were named for a text of ${text.length} tokens, of which the last must be computed.`,
    { remedy: 'Send the request again from position 0.', context: { positions: reuse.positions } },
  ).toJSON()
}
