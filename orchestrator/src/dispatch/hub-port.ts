/** What the desk needs of the signaling hub, and what it offers it. The hub carries; it does not read. */
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'

export interface HubPort {
  /** Tells one tab something; a tab that is gone is ignored. */
  command(peer: string, command: DeskCommand): void
  /** These peers may signal each other from now on; an empty list ends the coalition. */
  setCoalition(id: string, peers: readonly string[]): void
}

/** What the hub calls. */
export interface DeskPort {
  peerConnected(peer: string): void
  peerRequest(peer: string, request: DeskRequest): void
  peerGone(peer: string, reason: string): void
}
