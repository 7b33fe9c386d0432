/** What the page may ask of its tab's peer, and the store through which it sees what came of it. Types only. */
import type { JoinOptions, PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'

/** What the page may ask; each returns at once, and the snapshot tells what became of it. */
export interface TabCommands {
  join(options: JoinOptions): void
  pauseDownload(): void
  resumeDownload(): void
  /** Takes no new answers, finishes those under way, and leaves, at the latest after `deadlineMs`. `leave` meanwhile ends it at once. */
  drain(deadlineMs: number): void
  leave(): void
}

/** The one external store of a tab (for React's `useSyncExternalStore`). */
export interface TabStore extends TabCommands {
  getSnapshot(): PeerSnapshot
  subscribe(listener: () => void): () => void
}
