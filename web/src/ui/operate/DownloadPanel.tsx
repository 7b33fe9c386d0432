/** The slice on its way: bytes, speed, time left, part by part; pause and resume. */
import type { PartProgress, PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import type { TabCommands } from '../../peer/tab-commands.ts'
import { formatBytes, formatDuration, formatShare, formatSpeed, unmeasured } from '../format/format-number.ts'
import { summarizeDownload } from './download-progress.ts'

type DownloadCommands = Pick<TabCommands, 'pauseDownload' | 'resumeDownload'>

export function DownloadPanel({ snapshot, commands }: { snapshot: PeerSnapshot; commands: DownloadCommands }) {
  const isPaused = snapshot.status === 'paused'
  const speed = isPaused ? null : snapshot.downloadBytesPerSecond
  const sum = summarizeDownload(snapshot.parts, speed)
  return (
    <section className="stack" aria-label="Download" data-testid="download">
      <div className="download-head">
        <progress max={1} value={sum.share} aria-label="Download of your layers" />
        <button
          type="button"
          className="button small"
          data-testid={isPaused ? 'resume' : 'pause'}
          onClick={() => (isPaused ? commands.resumeDownload() : commands.pauseDownload())}
        >
          {isPaused ? 'Resume' : 'Pause'}
        </button>
      </div>
      <dl className="figures">
        <div>
          <dt>Arrived</dt>
          <dd>
            {formatBytes(sum.doneBytes)} of {formatBytes(sum.totalBytes)}
          </dd>
        </div>
        <div>
          <dt>Speed</dt>
          <dd>{formatSpeed(speed)}</dd>
        </div>
        <div>
          <dt>Time left</dt>
          <dd>{sum.leftMs === null ? unmeasured : formatDuration(sum.leftMs)}</dd>
        </div>
        <div>
          <dt>Already here</dt>
          <dd>{formatBytes(sum.cachedBytes)}</dd>
        </div>
      </dl>
      <details className="disclosure">
        <summary>
          Parts: {sum.storedParts} of {sum.parts} stored
        </summary>
        <ul className="parts">
          {snapshot.parts.map(part => (
            <li key={part.name}>
              <span className="part-name">{part.name}</span>
              <span className="part-bar">
                <span style={{ inlineSize: `${shareOf(part) * 100}%` }} />
              </span>
              <span className="part-figure">{partWords(part)}</span>
            </li>
          ))}
        </ul>
      </details>
    </section>
  )
}

function shareOf({ doneBytes, totalBytes }: PartProgress): number {
  return totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes)
}

function partWords(part: PartProgress): string {
  if (part.isCached) return 'on this disk'
  if (part.status === 'downloading') return `${formatShare(shareOf(part))} of ${formatBytes(part.totalBytes)}`
  return part.status
}
