/** Earnings over days: bars for eyes, the same as a table for reading. Heights are shares of the best day. */
import type { Earnings } from '@computepool/shared/money'
import { useId, useState } from 'react'
import { formatWei } from '../format/format-money.ts'
import { barsOf, chartHeight, chartWidth } from './day-bars.ts'

/** About a month: narrower bars could not be told apart on a phone. */
const mostDays = 31

export function DayChart({ days, isTest }: { days: Earnings['days']; isTest: boolean }) {
  const [isTable, setTable] = useState(false)
  const headId = useId()
  const shown = days.slice(-mostDays)
  if (shown.length === 0) return <p className="hint">No day with earnings yet.</p>
  const best = shown.reduce((most, day) => (day.amountWei > most.amountWei ? day : most))
  const most = formatWei(best.amountWei, isTest)
  const summary =
    shown.length === 1
      ? `One day, ${best.day}: ${most}.`
      : `${shown.length} days, from ${shown[0]?.day} to ${shown.at(-1)?.day}; most on ${best.day}, ${most}.`
  return (
    <section className="day-chart" aria-labelledby={headId}>
      <div className="ring-head">
        <h3 id={headId}>By day</h3>
        <button
          type="button"
          className="button quiet small"
          aria-pressed={isTable}
          data-testid="days-table"
          onClick={() => setTable(!isTable)}
        >
          Table
        </button>
      </div>
      {isTable ? (
        <table aria-labelledby={headId}>
          <thead>
            <tr>
              <th scope="col">Day (UTC)</th>
              <th scope="col">Earned</th>
            </tr>
          </thead>
          <tbody>
            {shown.toReversed().map(({ day, amountWei }) => (
              <tr key={day} data-wei={amountWei.toString()}>
                <th scope="row">{day}</th>
                <td>{formatWei(amountWei, isTest)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <>
          <svg viewBox={`0 0 ${chartWidth} ${chartHeight}`} role="img" aria-label={`Earnings by day. ${summary}`}>
            <line x1={0} x2={chartWidth} y1={chartHeight - 0.5} y2={chartHeight - 0.5} className="chart-base" />
            {barsOf(shown).map(({ day, x, width, height }) => (
              <rect key={day} className="chart-bar" x={x} y={chartHeight - height} width={width} height={height}>
                <title>{day}</title>
              </rect>
            ))}
          </svg>
          <p className="hint">{summary}</p>
        </>
      )}
    </section>
  )
}
