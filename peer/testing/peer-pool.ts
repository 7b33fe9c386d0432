/**
 * Tabs in one process, for tests of the peer runtime: a real signaling hub over sockets of memory, real wallet keys, fake engines,
 * links on the loopback, a pack from a fake file server. The test itself is the desk.
 */

import { layOutParts } from '@computepool/shared/engine'
import type { Manifest } from '@computepool/shared/model'
import {
  createLoopbackNetwork,
  createManualClock,
  createSeededRandom,
  eventLoopTurn,
  type FakeEngine,
  type FakeEngineOptions,
  fakeManifest,
  type ManualClock,
  openFakeEngine,
} from '@computepool/shared/testing'
import type { AssignedRoute, DeskCommand, DeskRequest, PeerId, Seat } from '@computepool/shared/wire'
import { createSignalingHub, type GoneReason, type SignalingHub, verifySignature } from '@computepool/signaling'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { createMemoryStorage } from '../src/artifacts/memory-storage.ts'
import type { IceServer } from '../src/links/host-protocol.ts'
import type { SocketLike } from '../src/runtime/hub-client.ts'
import { keyOfSecret } from '../src/runtime/key-of-secret.ts'
import type { PeerPowers, PeerTransport } from '../src/runtime/peer-powers.ts'
import type { JoinOptions, PeerSnapshot, PeerStatus } from '../src/runtime/peer-snapshot.ts'
import { type RunningPeer, runPeer } from '../src/runtime/run-peer.ts'
import { idleSnapshot } from '../src/runtime/snapshot-box.ts'
import { createFakeFileServer, type FakeAnswer } from './fake-file-server.ts'

export interface PoolPeer {
  readonly running: RunningPeer
  snapshot(): PeerSnapshot
  /** What the desk heard of this tab, in order. */
  readonly heard: readonly DeskRequest[]
  readonly engines: readonly FakeEngine[]
  readonly lostEngines: readonly string[]
  /** What its transport makes links with. */
  iceServers(): readonly IceServer[]
  peer(): PeerId
  /** Breaks its socket, as a network does. */
  breakSocket(): void
  /** The same for good: no other socket opens. */
  loseNetwork(): void
}

export interface PeerPool {
  readonly clock: ManualClock
  readonly hub: SignalingHub
  readonly gone: readonly { readonly peer: string; readonly reason: GoneReason }[]
  readonly asked: readonly { readonly path: string }[]
  readonly manifest: Manifest
  readonly manifestSha256: string
  /** Bundles that peers left at the pool, by their SHA-256. */
  readonly evidence: Map<string, Uint8Array>
  /** `frameSent`: what becomes of a frame that it sends. `role`: operator unless told otherwise. */
  open(
    powers?: Partial<PeerPowers> & { frameSent?: (frame: Uint8Array) => Uint8Array } & Pick<
        JoinOptions,
        'role' | 'mostStakeAtomic'
      >,
    engine?: FakeEngineOptions,
  ): PoolPeer
  /** Whatever a tab says to the desk. */
  onHeard(listener: (peer: string, request: DeskRequest) => void): void
  command(tab: PoolPeer, command: DeskCommand): void
  offer(tab: PoolPeer, iceServers?: IceServer[]): void
  /** Deals the layers to these tabs. */
  assign(tabs: readonly PoolPeer[], epoch: number): void
  /** Has `standby` stand by for `seat` of these tabs, which hold `epoch`. */
  prepare(tabs: readonly PoolPeer[], standby: PoolPeer, seat: number, epoch: number): void
  until(what: string, isTrue: () => boolean): Promise<void>
  untilStatus(tab: PoolPeer, status: PeerStatus): Promise<void>
}

export function openPeerPool(answer?: (path: string, earlier: number, start: number) => FakeAnswer): PeerPool {
  const clock = createManualClock()
  const random = createSeededRandom(11)
  const network = createLoopbackNetwork({ clock, delayMs: 2 })
  const laidOut = layOutParts(fakeManifest())
  const bodies = laidOut.parts.map(part => random.bytes(part.sizeBytes))
  const parts = laidOut.parts.map((part, index) => ({ ...part, sha256: bytesToHex(sha256(bodies[index]!)) }))
  const manifest: Manifest = { ...laidOut, parts }
  const manifestBytes = new TextEncoder().encode(JSON.stringify(manifest))
  const files = Object.fromEntries(parts.map((part, index) => [`packs/${part.path}`, bodies[index]!]))
  const server = createFakeFileServer({ ...files, 'packs/manifest.json': manifestBytes }, answer)
  const heard = new Map<string, DeskRequest[]>()
  const listeners: ((peer: string, request: DeskRequest) => void)[] = []
  const gone: { peer: string; reason: GoneReason }[] = []
  const hub = createSignalingHub({
    clock,
    entropy: random,
    domain: { domain: 'pool.test', uri: 'http://pool.test', chainId: 1 },
    desk: {
      peerConnected: () => {},
      peerRequest: (peer, request) => {
        heard.set(peer, [...(heard.get(peer) ?? []), request])
        for (const listener of listeners) listener(peer, request)
      },
      peerGone: (peer, reason) => void gone.push({ peer, reason }),
    },
    verifySignature,
  })

  const evidence = new Map<string, Uint8Array>()
  const manifestSha256 = bytesToHex(sha256(manifestBytes))
  const fetchBytes: PeerPowers['fetchBytes'] = async (url, init) => {
    const sha = /^http:\/\/pool\.test\/api\/evidence\/([0-9a-f]{64})$/.exec(url)?.[1]
    if (sha === undefined) return server.fetchBytes(url, init)
    if (init.method !== 'PUT') return new Response((evidence.get(sha) as Uint8Array<ArrayBuffer>) ?? null)
    const isAllowed = new Headers(init.headers).get('authorization') === 'Bearer ticket'
    if (isAllowed) evidence.set(sha, new Uint8Array(await new Response(init.body ?? null).arrayBuffer()))
    return new Response(null, { status: isAllowed ? 204 : 403 })
  }

  const { layers } = manifest.dimensions
  const seatsOf = (tabs: readonly PoolPeer[]): Seat[] =>
    tabs.map((tab, seat) => ({
      seat,
      peer: tab.peer(),
      layers: {
        start: Math.floor((layers * seat) / tabs.length),
        end: Math.floor((layers * (seat + 1)) / tabs.length),
      },
    }))
  const routesTo = (tabs: readonly PoolPeer[]): AssignedRoute[] =>
    tabs.map(tab => ({ peer: tab.peer(), paths: [{ kind: 'webrtc' as const }], secret: '5e'.repeat(16) }))

  const pool: PeerPool = {
    clock,
    hub,
    gone,
    asked: server.asked,
    manifest,
    manifestSha256,
    evidence,
    open({ frameSent, role = 'operator', mostStakeAtomic, ...powers } = {}, engineOptions = {}) {
      let snapshot = idleSnapshot
      const engines: FakeEngine[] = []
      const lostEngines: string[] = []
      let iceServers: readonly IceServer[] = []
      let lastPeer = ''
      let socket: MemorySocket | null = null
      let hasNetwork = true
      const running = runPeer(
        {
          clock,
          entropy: random,
          pageUrl: 'http://pool.test/operate',
          agent: 'test',
          reach: { webrtc: true, axl: null },
          openKey: async () => keyOfSecret(`0x${bytesToHex(random.bytes(32))}`),
          openSocket: () => {
            socket = openMemorySocket(hub)
            if (!hasNetwork) socket.fail()
            return socket
          },
          openTransport: self => ({
            ...sending(loopbackTransport(network, self), frameSent),
            setIceServers: servers => {
              iceServers = servers
            },
          }),
          openStorages: async () => [createMemoryStorage()],
          fetchBytes,
          probeEngines: async () => ({
            probes: [{ kind: 'wasm', device: 'fake', isSoftware: true, msPerLayer: 1, headMs: 1 }],
            kind: 'wasm',
            activationDtype: 'f32',
            reason: 'It is the only one.',
          }),
          openEngine: async (_, slice) => {
            const engine = openFakeEngine(slice, engineOptions)
            engines.push(engine)
            return engine
          },
          selfTest: async () => {},
          holdAwake: () => () => {},
          isHidden: () => false,
          breathe: eventLoopTurn,
          tell: next => {
            snapshot = next
            // A tab that has left has no name any more; what it said is remembered under its last.
            lastPeer = next.peer ?? lastPeer
          },
          onEngineLost: error => lostEngines.push(error.code),
          ...powers,
        },
        { memoryBudgetBytes: 1e9, engine: null, role, ...(mostStakeAtomic === undefined ? {} : { mostStakeAtomic }) },
      )
      return {
        running,
        engines,
        lostEngines,
        iceServers: () => iceServers,
        snapshot: () => snapshot,
        get heard() {
          return heard.get(lastPeer) ?? []
        },
        peer: () => snapshot.peer as PeerId,
        breakSocket: () => socket?.fail(),
        loseNetwork() {
          hasNetwork = false
          socket?.fail()
        },
      }
    },
    onHeard: listener => void listeners.push(listener),
    command: (tab, command) => void hub.command(tab.peer(), command),
    offer: (tab, iceServers = []) =>
      pool.command(tab, {
        type: 'model-offered',
        model: manifest.model,
        packUrl: '/packs/',
        manifestSha256,
        iceServers,
      }),
    assign(tabs, epoch) {
      const shared = { epoch, coalition: `c${epoch}`, model: manifest.model, kvBudgetBytes: 1e8, maxContext: 128 }
      const seats = seatsOf(tabs)
      tabs.forEach((tab, seat) => {
        const routes = routesTo(tabs.filter(other => other !== tab))
        pool.command(tab, { type: 'assign-slice', ...shared, seats, seat, routes })
      })
    },
    prepare(tabs, standby, seat, epoch) {
      for (const tab of tabs) {
        const routes = routesTo([...tabs.filter(other => other !== tab), standby])
        pool.command(tab, { type: 'routes-renewed', epoch, routes })
      }
      const shared = { epoch, coalition: `c${epoch}`, model: manifest.model, kvBudgetBytes: 1e8, maxContext: 128 }
      const { layers } = seatsOf(tabs)[seat]!
      pool.command(standby, { type: 'prepare-slice', ...shared, layers, routes: routesTo(tabs) })
    },
    async until(what, isTrue) {
      for (let turn = 0; !isTrue(); turn += 1) {
        if (turn > 3000) throw new Error(`It never came to this: ${what}`)
        await clock.advance(20)
      }
    },
    untilStatus: (tab, status) =>
      pool
        .until(status, () => tab.snapshot().status === status)
        .catch(error => {
          throw new Error(`${error.message}; it is ${tab.snapshot().status}: ${JSON.stringify(tab.snapshot().error)}`)
        }),
  }
  return pool
}

function sending(transport: PeerTransport, change?: (frame: Uint8Array) => Uint8Array): PeerTransport {
  if (change === undefined) return transport
  return { ...transport, send: (peer, frame, signal) => transport.send(peer, change(frame), signal) }
}

export interface MemorySocket extends SocketLike {
  fail(): void
}

export function openMemorySocket(hub: SignalingHub): MemorySocket {
  const messageHandlers: ((text: string) => void)[] = []
  const closeHandlers: (() => void)[] = []
  let isOpen = true
  function shut(): void {
    if (!isOpen) return
    isOpen = false
    for (const handler of closeHandlers) handler()
    queueMicrotask(() => socket.onclose?.())
  }
  const socket: MemorySocket = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: text => {
      if (isOpen) queueMicrotask(() => messageHandlers.forEach(handler => void handler(text)))
    },
    close: shut,
    fail: shut,
  }
  hub.accept({
    remoteAddress: '127.0.0.1',
    send: text => queueMicrotask(() => isOpen && socket.onmessage?.({ data: text })),
    close: () => queueMicrotask(shut),
    onMessage: handler => void messageHandlers.push(handler),
    onClose: handler => void closeHandlers.push(handler),
  })
  queueMicrotask(() => socket.onopen?.())
  return socket
}

/** Links open as soon as both ends want them. */
const wantedBy = new WeakMap<object, Map<string, readonly string[]>>()

export function loopbackTransport(network: ReturnType<typeof createLoopbackNetwork>, self: string): PeerTransport {
  const wanted = wantedBy.get(network) ?? new Map<string, readonly string[]>()
  wantedBy.set(network, wanted)
  return {
    ...network.transport(self),
    setRoutes({ routes }) {
      const peers = routes.map(route => route.peer)
      for (const peer of wanted.get(self) ?? []) if (!peers.includes(peer)) network.cut(self, peer)
      wanted.set(self, peers)
      for (const peer of peers) if (wanted.get(peer)?.includes(self)) network.connect(self, peer)
    },
    setIceServers: () => {},
    handleSignal: () => {},
    onSignal: () => () => {},
    dropPeer: peer => network.cut(self, peer),
  }
}
