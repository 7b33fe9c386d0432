/**
 * A pool in one process in which some cheat: a real orchestrator on a pack of random weights, real peer runtimes with wallets of their own,
 * real native engines, real checks. Sockets are of memory and links a loopback; the clock is the host's. It knows no cheat.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { writeRandomPack } from '@computepool/node/pack/random-pack.ts'
import type { Breach } from '@computepool/orchestrator/audit/index.ts'
import {
  createOrchestrator,
  defaultSettings,
  type Orchestrator,
} from '@computepool/orchestrator/create-orchestrator.ts'
import { openPackFolder } from '@computepool/orchestrator/store/pack-folder.ts'
import { createMemoryStorage } from '@computepool/peer/artifacts/memory-storage.ts'
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import type { SocketLike } from '@computepool/peer/runtime/hub-client.ts'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { runPeer } from '@computepool/peer/runtime/run-peer.ts'
import { idleSnapshot } from '@computepool/peer/runtime/snapshot-box.ts'
import type { Manifest } from '@computepool/shared/model'
import type { Engine, Entropy, SliceRequest } from '@computepool/shared/ports'
import { createLoopbackNetwork, eventLoopTurn } from '@computepool/shared/testing'
import { createSignalingHub, type SignalingHub, verifySignature } from '@computepool/signaling'
import { bytesToHex } from '@noble/hashes/utils.js'
import { loopbackTransport, openMemorySocket } from '../../peer/testing/peer-pool.ts'

/** The engine of a peer for a slice; `open` opens an honest one. */
export type OpenSlice = (slice: SliceRequest, open: (slice: SliceRequest) => Promise<Engine>) => Promise<Engine>

export interface SwarmPeer {
  readonly wallet: string
  snapshot(): PeerSnapshot
  leave(): Promise<void>
}

export interface PeerOptions {
  readonly openSlice?: OpenSlice
  /** What becomes of a message that it sends. */
  readonly sending?: (text: string) => string
}

export interface AuditedSwarm {
  readonly manifest: Manifest
  readonly orchestrator: Orchestrator
  readonly peers: readonly SwarmPeer[]
  readonly auditors: readonly SwarmPeer[]
  readonly breaches: readonly Breach[]
  readonly faults: readonly unknown[]
  /** One more that wants a seat. */
  join(options: PeerOptions): SwarmPeer
  /** The greedy answer, in words and tokens. */
  ask(content: string, maxTokens?: number): Promise<Answer>
  until(what: string, isTrue: () => boolean): Promise<void>
  close(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly text: string
  /** Wallets, in the ring's order. */
  readonly route: readonly string[]
}

export interface AuditedSwarmOptions {
  readonly packDir: string
  readonly seats: number
  /** Those who want a seat, in the order in which they join. */
  readonly peers: readonly PeerOptions[]
  readonly auditors?: readonly PeerOptions[]
  /** How many of the auditors the owner vouches for, from the first. Default: all. */
  readonly trusted?: number
  /** The orchestrator's. */
  readonly entropy?: Entropy
  /** Idle rings are challenged so often. Default: never. */
  readonly challengeEveryMs?: number
}

const origin = 'http://pool.test'
export const walletOf = (peer: string): string => peer.slice(0, 42).toLowerCase()

/** Six layers of a kind that answers in milliseconds. */
export async function writeAuditedPack(): Promise<{ dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'computepool-cheats-'))
  const dimensions = {
    ...{ layers: 6, hidden: 64, heads: 4, kvHeads: 2, headDim: 32 },
    ...{ intermediate: 96, vocab: 300, context: 2048 },
  }
  const kind = { architecture: 'qwen3', quantisation: 'q8', seed: 3, model: 'cheats' } as const
  await writeRandomPack({ outDir: dir, dimensions, ...kind })
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) }
}

/** Resolves when the ring serves and the auditors are there. */
export async function openAuditedSwarm(options: AuditedSwarmOptions): Promise<AuditedSwarm> {
  const {
    packDir,
    seats,
    auditors: auditorOptions = [],
    trusted = auditorOptions.length,
    entropy = hostEntropy,
    challengeEveryMs = null,
  } = options
  const pack = await openPackFolder(packDir)
  const breaches: Breach[] = []
  const faults: unknown[] = []
  const auditors: SwarmPeer[] = []
  let hub!: SignalingHub
  const orchestrator = createOrchestrator({
    pack,
    pageFolder: null,
    hub: {
      command: (peer, command) => void hub.command(peer, command),
      setCoalition: (id, members) => hub.setCoalition(id, members),
    },
    clock: hostClock,
    entropy,
    origin,
    iceServersFor: () => [],
    addressOf: () => '127.0.0.1',
    settings: { ...defaultSettings, minSeats: seats, maxSeats: seats, challengeEveryMs },
    trustedAuditors: () => auditors.slice(0, trusted).map(({ wallet }) => wallet),
    onBreach: breach => breaches.push(breach),
    onFault: fault => faults.push(fault),
  })
  const { app, desk } = orchestrator
  hub = createSignalingHub({
    clock: hostClock,
    entropy: hostEntropy,
    domain: { domain: new URL(origin).host, uri: origin, chainId: 1 },
    desk,
    verifySignature,
  })
  const network = createLoopbackNetwork({ clock: hostClock, delayMs: 0 })
  const native = (slice: SliceRequest): Promise<Engine> => openNativeEngine(slice, { threads: 1, maxChunk: 32 })

  function openPeer({ openSlice, sending }: PeerOptions, role: 'operator' | 'auditor'): SwarmPeer {
    let snapshot = idleSnapshot
    const key = keyOfSecret(`0x${bytesToHex(hostEntropy.bytes(32))}`)
    const running = runPeer(
      {
        clock: hostClock,
        entropy: hostEntropy,
        pageUrl: `${origin}/operate`,
        agent: 'test',
        reach: { webrtc: true, axl: null },
        openKey: async () => key,
        openSocket: () => changing(openMemorySocket(hub), sending),
        openTransport: self => loopbackTransport(network, self),
        openStorages: async () => [createMemoryStorage()],
        fetchBytes: async (url, init) => app.request(url.slice(origin.length), init as RequestInit),
        probeEngines: async () => ({
          probes: [{ kind: 'native', device: 'test', isSoftware: true, msPerLayer: 1, headMs: 1 }],
          kind: 'native',
          activationDtype: 'f32',
          reason: 'It is the only one.',
        }),
        openEngine: (_, slice) => (openSlice === undefined ? native(slice) : openSlice(slice, native)),
        // Random weights have no golden activations; a cheat would pass them with the honest slice anyway.
        selfTest: async () => {},
        holdAwake: () => () => {},
        isHidden: () => false,
        breathe: eventLoopTurn,
        tell: next => {
          snapshot = next
        },
        onEngineLost: error => faults.push(error),
      },
      { memoryBudgetBytes: 1e9, engine: null, role },
    )
    return { wallet: key.address, snapshot: () => snapshot, leave: () => running.leave() }
  }

  const until: AuditedSwarm['until'] = async (what, isTrue) => {
    const endMs = performance.now() + 25_000
    while (!isTrue()) {
      if (performance.now() > endMs)
        throw new Error(`It never came to this: ${what}; ${JSON.stringify(desk.snapshot())}; ${faults.join('; ')}`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
  const peers = options.peers.map(each => openPeer(each, 'operator'))
  // In this order, in which they are asked.
  for (const each of auditorOptions) {
    const auditor = openPeer(each, 'auditor')
    auditors.push(auditor)
    await until('an auditor that has joined', () => auditor.snapshot().peer !== null)
  }
  await until('a ring that serves', () => desk.snapshot().status === 'ready')
  return {
    ...{ manifest: pack.manifest, orchestrator, peers, auditors, breaches, faults, until },
    join: each => {
      const peer = openPeer(each, 'operator')
      peers.push(peer)
      return peer
    },
    async ask(content, maxTokens = 12) {
      const response = await app.request('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: pack.manifest.model,
          messages: [{ role: 'user', content }],
          ...{ temperature: 0, max_tokens: maxTokens },
        }),
      })
      const answer = await response.json()
      const text = answer.choices?.[0]?.message.content ?? JSON.stringify(answer)
      const route = (answer.computepool?.route ?? []).map(({ peer }: { peer: string }) => walletOf(peer))
      return { status: response.status, text, route }
    },
    async close() {
      await Promise.all([...peers, ...auditors].map(peer => peer.leave()))
      desk.close()
      await orchestrator.close()
    },
  }
}

function changing(socket: SocketLike, change?: (text: string) => string): SocketLike {
  if (change === undefined) return socket
  const { send } = socket
  // The hub's client sets its handlers on this very object.
  return Object.assign(socket, { send: (text: string) => send(change(text)) })
}
