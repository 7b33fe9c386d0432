/** The state of this tab: its name, a sentence, how far along it is, and the ways out. */
import type { PeerSnapshot, PeerStatus } from '@computepool/peer/runtime/peer-snapshot.ts'
import type { TabCommands } from '../../peer/tab-commands.ts'
import { StopButtons } from './StopButtons.tsx'
import { describeStatus, nameStatus } from './status-words.ts'

/** The road to serving, in order; a pause is a stop on the way. */
const road: readonly { readonly name: string; readonly statuses: readonly PeerStatus[] }[] = [
  { name: 'Measure', statuses: ['connecting', 'probing'] },
  { name: 'Assign', statuses: ['waiting-for-slice'] },
  { name: 'Download', statuses: ['downloading', 'paused'] },
  { name: 'Check', statuses: ['loading', 'testing'] },
  { name: 'Link', statuses: ['linking'] },
  { name: 'Serve', statuses: ['serving', 'standing-by'] },
]

export function StatusHead({ snapshot, commands }: { snapshot: PeerSnapshot; commands: TabCommands }) {
  const { status } = snapshot
  const at = road.findIndex(step => step.statuses.includes(status))
  return (
    <>
      <div className="status-head">
        <div>
          <h2 data-testid="status-name" className={status === 'serving' ? 'is-working' : ''}>
            {nameStatus(snapshot)}
          </h2>
          <p aria-live="polite" data-testid="status-words">
            {describeStatus(snapshot)}
          </p>
        </div>
        <StopButtons snapshot={snapshot} commands={commands} />
      </div>
      {at < 0 || status === 'serving' || status === 'standing-by' ? null : (
        <ol className="road" aria-label="Steps to serving">
          {road.map((step, index) => (
            <li
              key={step.name}
              className={index < at ? 'is-done' : index === at ? 'is-now' : ''}
              {...(index === at ? { 'aria-current': 'step' as const } : {})}
            >
              {step.name}
            </li>
          ))}
        </ol>
      )}
    </>
  )
}
