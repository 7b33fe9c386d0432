/** This operator's own standing: what it weighs, how often it is checked, and every change with its reason. */
import type { StandingFacts } from '@computepool/peer/runtime/peer-snapshot.ts'
import { formatDuration, formatShare } from '../format/format-number.ts'
import { Link } from '../router/Link.tsx'
import { challengeWords, fadedCount } from './trust-words.ts'

export function StandingPanel({ standing }: { standing: StandingFacts | null }) {
  if (standing === null) return null
  const { weight, trust, checkRate, served, checked, failed, leftEarly, changes } = standing
  const challenges = challengeWords(standing)
  return (
    <section className="panel" aria-label="Your standing" data-testid="own-standing">
      <h2>Your standing</h2>
      <dl className="figures">
        <Figure name="Weight" value={weight.toFixed(2)} />
        <Figure name="Trust" value={trust.toFixed(2)} />
        <Figure name="Answers checked" value={formatShare(checkRate)} />
        <Figure name="Checks agreed" value={fadedCount(checked)} />
        <Figure name="Checks failed" value={fadedCount(failed)} />
        <Figure name="Left early" value={fadedCount(leftEarly)} />
        <Figure name="Served" value={formatDuration(served * 1000)} />
      </dl>
      <p className="hint">
        {weight === 0
          ? 'This key gets no work: a failure took all its weight, and fades by half in 60 days.'
          : 'Weight is the part of your measured speed that placement counts. It grows with checks that agree, and everything counted here fades with time.'}{' '}
        <Link to="/trust#checks">How checks work</Link>
      </p>
      {challenges === null ? null : <p data-testid="own-challenges">{challenges}</p>}
      {changes.length === 0 ? (
        <p className="hint">Nothing has changed it yet.</p>
      ) : (
        <details className="disclosure" data-testid="standing-changes">
          <summary>
            {changes.length === 1 ? 'The last change' : `The last ${changes.length} changes`}, with reasons
          </summary>
          <ol className="rows">
            {changes.map(({ atMs, weightBefore, weightAfter, reason }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two changes may be the same in all that is told of them
              <li key={`${atMs}-${index}`} className="finding-row" data-testid="standing-change">
                <p className="hint">
                  <time dateTime={new Date(atMs).toISOString()}>{new Date(atMs).toLocaleString()}</time>, weight{' '}
                  {weightBefore.toFixed(2)} to {weightAfter.toFixed(2)}
                </p>
                <p>{reason}</p>
              </li>
            ))}
          </ol>
        </details>
      )}
    </section>
  )
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
