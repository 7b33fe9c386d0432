/** What the page's thread and the peer worker say to each other. Both are one page's own code; the snapshot is the only news. */

import type { JoinOptions, PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import type { ErrorData } from '@computepool/shared/errors'

/** Page to worker. */
export type PeerCommand =
  /** First; brings the port of the page's RTC host. */
  | { readonly type: 'join'; readonly options: JoinOptions; readonly pageUrl: string; readonly rtcPort: MessagePort }
  | { readonly type: 'pause-download' }
  | { readonly type: 'resume-download' }
  | { readonly type: 'visibility-changed'; readonly isHidden: boolean }
  /** Finishes what runs, and leaves at the latest after so long. */
  | { readonly type: 'drain'; readonly deadlineMs: number }
  | { readonly type: 'leave' }

/** Worker to page. */
export type PeerNews =
  | { readonly type: 'snapshot-changed'; readonly snapshot: PeerSnapshot }
  /** Sent every few seconds: a worker that stops is taken for dead. */
  | { readonly type: 'alive' }
  /** Only a new worker can help. */
  | { readonly type: 'engine-lost'; readonly error: ErrorData }
  | { readonly type: 'left' }
