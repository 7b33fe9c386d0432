/** What the marks between the arcs mean; only where links of more than one kind make the ring. */
import { linkMeanings, linkNames } from '../format/link-words.ts'
import { LinkMark } from './LinkMark.tsx'
import type { RingModel } from './ring-model.ts'

export function LinkLegend({ kinds }: Pick<RingModel, 'kinds'>) {
  if (kinds.length < 2) return null
  return (
    <ul className="link-legend" aria-label="Kinds of links" data-testid="link-legend">
      {kinds.map(kind => (
        <li key={kind}>
          <svg viewBox="-5 -5 10 10" aria-hidden="true">
            <LinkMark kind={kind} />
          </svg>
          <span>
            <strong>{linkNames[kind]}</strong> {linkMeanings[kind]}
          </span>
        </li>
      ))}
    </ul>
  )
}
