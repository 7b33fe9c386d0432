/** A typed error as the operator meets it: what happened, what to do, and its code for whoever is asked for help. */
import type { ErrorData } from '@computepool/shared/errors'
import { remedyOf } from './remedy-of.ts'

export function ErrorPanel({ error }: { error: ErrorData }) {
  return (
    <div className="error-panel" role="alert" data-testid="error" data-code={error.code}>
      <p>
        <strong>{error.message}</strong>
      </p>
      <p>{remedyOf(error)}</p>
      <p className="hint">
        <code>{error.code}</code>
      </p>
    </div>
  )
}
