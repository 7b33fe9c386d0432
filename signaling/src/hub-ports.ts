/** What the hub asks of its surroundings: one link per socket, and a desk that the peers' requests go to. Types only. */
import type { ComputePoolError } from '@computepool/shared/errors'
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { DeskCommand, DeskRequest, PeerId } from '@computepool/shared/wire'
import type { SignInDomain } from './challenge.ts'
import type { HubLimits } from './hub-limits.ts'
import type { SignedMessage } from './verify-signature.ts'

/** One socket, opened. */
export interface HubLink {
  send(text: string): void
  /** Idempotent; `onClose` follows. */
  close(code: number, reason: string): void
  onMessage(handler: (text: string) => void): void
  onClose(handler: () => void): void
  /** For rate limits; what a reverse proxy says, where one is trusted. */
  readonly remoteAddress: string
}

/** Why a peer is gone: it closed, fell silent, came back on another socket, broke the rules, or the hub closed. */
export type GoneReason = 'left' | 'silent' | 'replaced' | 'refused' | 'hub-closed'

/** The orchestrator, as the hub sees it. Handlers return at once. */
export interface Desk {
  peerConnected(peer: PeerId): void
  peerRequest(peer: PeerId, request: DeskRequest): void
  peerGone(peer: PeerId, reason: GoneReason): void
}

export interface SignalingHubOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly domain: SignInDomain
  readonly desk: Desk
  readonly limits?: Partial<HubLimits>
  readonly verifySignature: (signed: SignedMessage) => Promise<boolean>
  /** A fault of the desk or of a link, after which the hub goes on. */
  readonly onFault?: (fault: unknown) => void
}

export interface SignalingHub {
  accept(link: HubLink): void
  /** Sends a command; false where the peer is not connected. */
  command(peer: PeerId, command: DeskCommand): boolean
  /** Sets who may exchange signals within coalition `id`; nobody removes it. */
  setCoalition(id: string, peers: readonly PeerId[]): void
  /** Connected, authenticated peers. */
  peers(): readonly PeerId[]
  /** Refuses a peer with `error` and closes its socket; the desk hears `peerGone`. */
  dismiss(peer: PeerId, error: ComputePoolError): void
  /** Closes every link. */
  close(): void
}

/** WebSocket close codes of the private range, by what happened. */
export const closeCodes = {
  refused: 4000,
  replaced: 4001,
  unauthenticated: 4003,
  silent: 4008,
  tooLarge: 4009,
  rateLimited: 4029,
  hubClosed: 1001,
} as const
