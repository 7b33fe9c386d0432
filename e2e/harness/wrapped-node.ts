/**
 * A headless operator as `computepool node` runs one, with a key of its own and an engine that a test may stand in for: over real sockets and
 * data channels, so that it can be anywhere in a pool that strangers could join. The product's node has no such place.
 */
import { createHash } from 'node:crypto'
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { openReach } from '@computepool/node/operator/open-reach.ts'
import { openSocket } from '@computepool/node/operator/open-socket.ts'
import { createMemoryStorage } from '@computepool/peer/artifacts/memory-storage.ts'
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { runPeer } from '@computepool/peer/runtime/run-peer.ts'
import { idleSnapshot } from '@computepool/peer/runtime/snapshot-box.ts'
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { bytesToHex } from '@noble/hashes/utils.js'

/** The engine of a node for a slice; `open` opens an honest one. */
export type WrapSlice = (slice: SliceRequest, open: (slice: SliceRequest) => Promise<Engine>) => Promise<Engine>

export interface WrappedNode {
  /** Lower case. */
  readonly wallet: string
  snapshot(): PeerSnapshot
  leave(): Promise<void>
}

/** Joins the pool at `url` at once. One thread. Its self-test is passed unseen: a cheat would pass it with honest work. */
export async function openWrappedNode(url: string, wrap: WrapSlice): Promise<WrappedNode> {
  const key = keyOfSecret(`0x${bytesToHex(hostEntropy.bytes(32))}`)
  const reach = await openReach({ axlUrl: null, usesWebRtc: true }, () => {})
  const honest = (slice: SliceRequest): Promise<Engine> => openNativeEngine(slice, { threads: 1 })
  let snapshot = idleSnapshot
  const running = runPeer(
    {
      clock: hostClock,
      entropy: hostEntropy,
      digest: bytes => createHash('sha256').update(bytes).digest(),
      pageUrl: url,
      agent: 'a node of a test',
      reach: reach.reach,
      openKey: async () => key,
      openSocket: () => openSocket(url),
      openTransport: self => reach.openTransport(self, key),
      openStorages: async () => [createMemoryStorage()],
      fetchBytes: (address, init) => fetch(address, init),
      probeEngines: async () => ({
        probes: [{ kind: 'native', device: 'test', isSoftware: true, msPerLayer: 1, headMs: 1 }],
        kind: 'native',
        activationDtype: 'f32',
        reason: 'It is the only one.',
      }),
      openEngine: (_, slice) => wrap(slice, honest),
      selfTest: async () => {},
      holdAwake: () => () => {},
      isHidden: () => false,
      // Not `createBreath`: in Node its port would keep the process.
      breathe: () => new Promise(resolve => setImmediate(resolve)),
      tell: next => {
        snapshot = next
      },
      onEngineLost: error => console.error('engine lost:', error.message),
    },
    { memoryBudgetBytes: 1e9, engine: null },
  )
  return { wallet: key.address.toLowerCase(), snapshot: () => snapshot, leave: () => running.leave() }
}
