/** Where one step's time goes: computing here, or travelling to the next tab. */
import { formatMs, formatShare } from '../format/format-number.ts'

export function StepSplit({ computeMs, hopMs }: { computeMs: number | null; hopMs: number | null }) {
  const isMeasured = computeMs !== null
  const total = (computeMs ?? 0) + (hopMs ?? 0)
  const share = total === 0 ? 0 : (computeMs ?? 0) / total
  return (
    <div className="meter" data-testid="step-split">
      <div className="meter-head">
        <span>One step</span>
        <span>{isMeasured ? formatMs(total) : 'not measured yet'}</span>
      </div>
      <div className="bar" aria-hidden="true">
        <span className="bar-work" style={{ inlineSize: `${share * 100}%` }} />
        <span className="bar-soft" style={{ inlineSize: `${total === 0 ? 0 : (1 - share) * 100}%` }} />
      </div>
      <p className="hint">
        Compute {formatMs(computeMs)}
        {isMeasured && total > 0 ? ` (${formatShare(share)})` : ''}, hop {formatMs(hopMs)}.
      </p>
    </div>
  )
}
