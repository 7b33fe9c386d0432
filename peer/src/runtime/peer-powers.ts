/** What the peer runtime is given: everything that touches its host, so that a test can hand it fakes. Types only. */
import type { ErrorData } from '@computepool/shared/errors'
import type { FileRef, LayerRange, Manifest } from '@computepool/shared/model'
import type {
  ActivationDtype,
  ArtifactStorage,
  Clock,
  Engine,
  EngineKind,
  Entropy,
  SliceRequest,
  Transport,
} from '@computepool/shared/ports'
import type { Digest, SignatureOf } from '@computepool/shared/receipts'
import type { AssignedRoute, DeskCommand, LinkSignal, Reach } from '@computepool/shared/wire'
import type { FetchBytes } from '../artifacts/fetch-artifact.ts'
import type { SocketLike } from './hub-client.ts'
import type { EngineProbe, PeerSnapshot } from './peer-snapshot.ts'
import type { StakeSettings } from './sign-terms.ts'

export type Offer = Extract<DeskCommand, { type: 'model-offered' }>
/** A seat of a ring. */
export type Assignment = Extract<DeskCommand, { type: 'assign-slice' }>
/** The place of a standby, without a seat. */
export type Preparation = Extract<DeskCommand, { type: 'prepare-slice' }>

/** The wallet key that proves who the peer is. */
export interface PeerKey {
  /** Lower case. */
  readonly address: `0x${string}`
  /** EIP-191. */
  sign(message: string): Promise<`0x${string}`>
  /** EIP-712. Whoever asks has looked at what is signed. */
  signTypedData(data: TypedDataToSign): Promise<`0x${string}`>
}

/** As viem takes it; the domain's type follows from its fields. */
export interface TypedDataToSign {
  readonly domain: Readonly<Record<string, unknown>>
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>
  readonly primaryType: string
  readonly message: Readonly<Record<string, unknown>>
}

export interface EngineChoice {
  readonly probes: readonly EngineProbe[]
  readonly kind: EngineKind
  readonly activationDtype: ActivationDtype
  /** In words. */
  readonly reason: string
}

/** A transport whose links are opened by signals that travel through the hub. */
export interface PeerTransport extends Transport {
  /** Links along these routes and no others; what is open between peers that stay is kept, over epochs too. */
  setRoutes(wanted: { readonly epoch: number; readonly routes: readonly AssignedRoute[] }): void
  /** For links made from now on, and for restarts of those that are open. */
  setIceServers(servers: Offer['iceServers']): void
  handleSignal(from: string, signal: LinkSignal): void
  onSignal(handler: (to: string, signal: LinkSignal) => void): () => void
  /** Shuts one peer out until the next `setRoutes`. */
  dropPeer(peer: string): void
}

export interface SelfTestRequest {
  readonly engine: Engine
  readonly manifest: Manifest
  readonly layers: LayerRange
  /** Verified bytes of a golden file. */
  readonly readFile: (file: FileRef) => Promise<Uint8Array>
}

export interface PeerPowers {
  readonly clock: Clock
  readonly entropy: Entropy
  /** Of the page: relative pack URLs are resolved against it. */
  readonly pageUrl: string
  /** The browser in words, for the orchestrator's log. */
  readonly agent: string
  readonly openKey: () => Promise<PeerKey>
  /** What its owner gives and asks where a pool wants a stake; absent: 25 USDC, any price, a month. */
  readonly stake?: Partial<StakeSettings>
  /** By which networks others can reach it. */
  readonly reach: Reach
  readonly openSocket: () => SocketLike
  readonly openTransport: (self: string, key: PeerKey) => PeerTransport
  readonly openStorages: () => Promise<readonly [ArtifactStorage, ...ArtifactStorage[]]>
  readonly fetchBytes: FetchBytes
  readonly probeEngines: (manifest: Manifest, forced: EngineKind | null, signal: AbortSignal) => Promise<EngineChoice>
  readonly openEngine: (kind: EngineKind, slice: SliceRequest) => Promise<Engine>
  /** Rejects with `engine_self_test_failed`. */
  readonly selfTest: (request: SelfTestRequest) => Promise<void>
  /** Keeps the browser from freezing the tab; returns the release. */
  readonly holdAwake: () => () => void
  readonly isHidden: () => boolean
  /** SHA-256 for receipts, where the host has a faster one than script. */
  readonly digest?: Digest
  /** The same of Ed25519. */
  readonly ed25519?: SignatureOf | undefined
  /** Most that is kept of recent attempts for checks, in bytes; 64 MiB unless told. The desk reckons with 48 MiB, and holds it against whoever has less. */
  readonly keptFramesBytes?: number | undefined
  /** One turn of the event loop. */
  readonly breathe: () => Promise<void>
  readonly tell: (snapshot: PeerSnapshot) => void
  /** The engine cannot be mended in this process: the page starts another worker. */
  readonly onEngineLost: (error: ErrorData) => void
}
