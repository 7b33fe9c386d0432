/** Where the last laps' time went, as a bar and in words, and what holds them up. */
import { formatMs, formatShare } from '../format/format-number.ts'
import { bottleneckWords, type LapShares } from './lap-shares.ts'

export function LapBar({ lap }: { lap: LapShares }) {
  const { wholeMs, computeMs, queueMs, wireMs, laps } = lap
  // Medians need not add up to their whole: the bar shows them against each other.
  const sum = computeMs + queueMs + wireMs
  const parts = [
    { name: 'Compute', ms: computeMs, fill: 'bar-work' },
    { name: 'waiting', ms: queueMs, fill: 'bar-strong' },
    { name: 'wire', ms: wireMs, fill: 'bar-soft' },
  ].map(part => ({ ...part, share: sum > 0 ? part.ms / sum : 0 }))
  return (
    <div className="meter" data-testid="lap-shares">
      <div className="meter-head">
        <span>A lap</span>
        <span>
          {formatMs(wholeMs)}
          {laps > 1 ? `, median of the last ${laps}` : ''}
        </span>
      </div>
      <div className="bar" aria-hidden="true">
        {parts.map(({ name, fill, share }) => (
          <span key={name} className={fill} style={{ inlineSize: `${share * 100}%` }} />
        ))}
      </div>
      <p className="hint">
        {parts.map(({ name, ms, share }) => `${name} ${formatMs(ms)} (${formatShare(share)})`).join(', ')}.
      </p>
      <p data-testid="bottleneck">{bottleneckWords(lap, formatShare) ?? 'No seat or link stands out.'}</p>
    </div>
  )
}
