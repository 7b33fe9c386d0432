/**
 * The pure swarm with the smallest shell round it: it performs every act at once and keeps what it did. No hub, no requests; time is a
 * number that tests move.
 */
import { apply } from '../src/swarm/apply.ts'
import { plan } from '../src/swarm/plan.ts'
import { viewPool } from '../src/swarm/pool-view.ts'
import type { SwarmAct, SwarmEvent } from '../src/swarm/swarm-events.ts'
import { emptySwarm, type SwarmConfig, type SwarmState } from '../src/swarm/swarm-state.ts'
import type { DeskRequest, LinkRoute, Reach } from '../src/wire/index.ts'
import { protocolVersion } from '../src/wire/index.ts'

const config: SwarmConfig = {
  model: 'demo',
  placement: { layers: 6, layerBytes: 100, embeddingBytes: 50, headBytes: 50, kvBytesPerLayer: 10 },
  minSeats: 2,
  maxSeats: 8,
  hopMs: 4,
  usualRttMs: { loopback: 1, webrtc: 20, axl: 60, relay: 80 },
  activationBytes: 2000,
  lapTolerance: 0.1,
  maxContext: 64,
  maxCaches: 4,
  firstEpoch: 7,
  loadStallMs: 120_000,
  linkStallMs: 45_000,
}
/** Told apart by the last digit of the address. */
export const shellPeer = (name: string): string => `0x${name.padStart(40, '0')}.00000000`
export const byChannels: Reach = { webrtc: true, axl: null }
/** Behind the daemon whose key is this digit, repeated. */
export const byDaemon = (digit: string): Reach => ({ webrtc: false, axl: digit.repeat(64) })

const joined = { type: 'peer-joined', version: protocolVersion, agent: 'test' } as const

/** The shell in miniature: performs every act at once and keeps what it did. */
export function createSwarmShell(change: Partial<SwarmConfig> = {}) {
  let state: SwarmState = emptySwarm({ ...config, ...change })
  const acts: SwarmAct[] = []
  let atMs = 0
  const perform = (act: SwarmAct): SwarmEvent => {
    acts.push(act)
    switch (act.type) {
      case 'offer-model':
        return { type: 'model-offered', peer: act.peer }
      case 'refuse-peer':
        return { type: 'peer-refused', peer: act.peer }
      case 'form-coalition':
        return { ...act, type: 'coalition-formed', atMs }
      case 'dissolve-coalition':
        return { type: 'coalition-dissolved', epoch: act.epoch }
      case 'drop-relay':
        return { type: 'relay-dropped', epoch: act.epoch, relay: act.relay }
      case 'release-slice':
        return { type: 'slice-released', peer: act.peer }
    }
  }
  const happen = (event: SwarmEvent): void => {
    state = apply(state, event)
    for (let due = plan(state); due.length > 0; due = plan(state)) {
      for (const act of due) state = apply(state, perform(act))
    }
  }
  const say = (peer: string, request: DeskRequest): void => happen({ type: 'peer-said', peer, request, atMs })
  const epoch = (): number => state.coalition!.epoch
  const seats = (): string[] =>
    (state.coalition?.seats ?? []).map(seat => `${seat.peer[41]}:${seat.layers.start}-${seat.layers.end}`)
  /** By the path that each route prefers. */
  const links = (peer: string, isOpen = true, rttMs = 3): void => {
    const reports = routesOf(peer).map(route => {
      const { kind } = route.paths[0]!
      return { peer: route.peer, kind, isOpen, rttMs, bytesPerSecond: null }
    })
    say(peer, { type: 'links-reported', epoch: epoch(), links: reports })
  }
  const routesOf = (peer: string): readonly LinkRoute[] => {
    const { seats, routes } = state.coalition!
    return routes[seats.findIndex(seat => seat.peer === peer)]!
  }
  const sliceReady = (peer: string): void =>
    say(peer, { type: 'slice-ready', epoch: epoch(), kvBudgetBytes: 400, maxContext: 64 })
  return {
    acts,
    happen,
    say,
    epoch,
    seats,
    links,
    sliceReady,
    status: () => viewPool(state).status,
    view: () => viewPool(state),
    advance: (ms: number) => {
      atMs += ms
      happen({ type: 'time-passed', atMs })
    },
    state: () => state,
    routesOf,
    /** A relay; both by data channels and by a daemon, where nothing else is said. */
    joinRelay: (peer: string, reach: Reach = { webrtc: true, axl: 'ee'.repeat(32) }) => {
      happen({ type: 'peer-connected', peer, atMs })
      say(peer, { ...joined, role: 'relay', reach })
    },
    join: (peer: string, memoryBudgetBytes = 5000, msPerLayer = 1, reach: Reach = byChannels) => {
      happen({ type: 'peer-connected', peer, atMs })
      say(peer, { ...joined, role: 'operator', reach })
      const measured = {
        engine: reach.webrtc ? 'wasm' : 'native',
        device: 'cpu',
        isSoftware: true,
        activationDtype: 'f32',
      } as const
      const capability = { ...measured, msPerLayer, headMs: 1, memoryBudgetBytes }
      say(peer, { type: 'capability-reported', model: 'demo', capability })
    },
    serve: () => {
      for (const seat of state.coalition!.seats) {
        sliceReady(seat.peer)
        links(seat.peer)
      }
    },
    gone: (peer: string) => happen({ type: 'peer-gone', peer, reason: 'left' }),
  }
}
