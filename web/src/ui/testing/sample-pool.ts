/** Pools as the orchestrator would tell them, for tests: six layers, three seats. */
import type { PoolSnapshot } from '@computepool/shared/swarm'

type PoolSeat = PoolSnapshot['seats'][number]

/** A peer id that differs by one digit, so that tests stay readable. */
export function peerId(digit: number): string {
  return `0x${String(digit).repeat(40)}.${String(digit).repeat(8)}`
}

export function sampleSeat(seat: number, layers: [number, number], change: Partial<PoolSeat> = {}): PoolSeat {
  return {
    seat,
    peer: peerId(seat + 1),
    layers: { start: layers[0], end: layers[1] },
    engine: 'wasm',
    device: '2 threads',
    status: 'ready',
    progress: null,
    msPerLayer: 3,
    computeMs: null,
    linkRttMs: 0.5,
    linkKind: 'webrtc',
    linkBytesPerSecond: null,
    ...change,
  }
}

export function samplePool(change: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return {
    model: 'computepool-demo',
    layers: 6,
    context: 512,
    status: 'waiting',
    explanation: 'Layers 0–5 are missing.',
    seats: [],
    relays: [],
    waitingPeers: 0,
    activeRequests: 0,
    queuedRequests: 0,
    lastLap: null,
    laps: 0,
    tokensPerSecond: null,
    ...change,
  }
}

/** Whole, with one measured lap of 20 ms: 4, 10 and 4 ms of compute, 2 ms of wire. */
export function readyPool(change: Partial<PoolSnapshot> = {}): PoolSnapshot {
  const hops = [4, 10, 4].map((computeMs, seat) => ({ seat, computeMs, queueMs: 0 }))
  return samplePool({
    status: 'ready',
    explanation: 'All 6 layers are held.',
    seats: [sampleSeat(0, [0, 2]), sampleSeat(1, [2, 5]), sampleSeat(2, [5, 6])],
    lastLap: { requestId: 'r1', lapMs: 20, hops, wireMs: 2 },
    laps: 7,
    tokensPerSecond: 41.7,
    ...change,
  })
}
