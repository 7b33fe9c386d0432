/** What the browser said, line by line, with what to do where something is missing. */
import type { Finding } from './assess-machine.ts'

const levelWords: Readonly<Record<Finding['level'], string>> = { good: 'works', slow: 'slower', missing: 'missing' }

export interface MachineFindingsProps {
  readonly findings: readonly Finding[]
  readonly isOpen: boolean
  readonly onCheckAgain: () => void
}

export function MachineFindings({ findings, isOpen, onCheckAgain }: MachineFindingsProps) {
  const imperfect = findings.filter(finding => finding.level !== 'good').length
  return (
    <details className="disclosure" open={isOpen || imperfect > 0}>
      <summary>This machine{imperfect === 0 ? ': all there' : `: ${imperfect} to look at`}</summary>
      <ul className="findings">
        {findings.map(finding => (
          <li key={finding.id} className={`is-${finding.level}`}>
            <span className="finding-level">{levelWords[finding.level]}</span>
            <span>
              <strong>{finding.title}</strong> {finding.words}
            </span>
          </li>
        ))}
      </ul>
      <button type="button" className="button quiet small" onClick={onCheckAgain}>
        Check again
      </button>
    </details>
  )
}
