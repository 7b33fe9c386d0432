/** What stands where money would, while nobody knows the terms: that they are asked for, or why they did not come, and a way to ask again. */
import type { TermsView } from '../../money/terms-store.ts'
import { useServices } from '../shell/services.ts'

export interface TermsWaitProps {
  readonly view: Exclude<TermsView, { status: 'free' | 'paid' }>
  /** What is being asked. */
  readonly words: string
  readonly testId: string
}

export function TermsWait({ view, words, testId }: TermsWaitProps) {
  const { terms } = useServices()
  if (view.status !== 'failed') {
    return (
      <p className="hint" role="status" data-testid={testId}>
        {words}
      </p>
    )
  }
  return (
    <p className="notice" role="status" data-testid={testId}>
      The price could not be read. {view.error.message}{' '}
      <button type="button" className="button small" onClick={() => terms.load()}>
        Ask again
      </button>
    </p>
  )
}
