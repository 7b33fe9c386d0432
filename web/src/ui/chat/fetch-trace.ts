/** The trace of an answer, as the orchestrator tells it. A refusal is a value: traces are kept for a while only. */
import type { SavedFile } from '../shell/save-file.ts'

export type TraceAnswer =
  | { readonly kind: 'found'; readonly file: SavedFile }
  | { readonly kind: 'refused'; readonly words: string }

export type FetchTrace = (requestId: string) => Promise<TraceAnswer>

export async function fetchTrace(requestId: string, fetchImpl: typeof fetch = fetch): Promise<TraceAnswer> {
  try {
    const response = await fetchImpl(`/api/requests/${encodeURIComponent(requestId)}/trace`)
    if (response.ok) {
      const name = `computepool-${requestId}.trace.json`
      return { kind: 'found', file: { name, type: 'application/json', text: await response.text() } }
    }
    return refused(
      response.status === 404
        ? 'The trace is gone, or another session paid for it: only recent ones are kept.'
        : `The orchestrator answered ${response.status}. Try again in a moment.`,
    )
  } catch {
    return refused('The orchestrator did not answer. Check that it runs, then try again.')
  }
}

const refused = (words: string): TraceAnswer => ({ kind: 'refused', words })
