/**
 * The pure swarm with the smallest shell round it: it performs every act at once and keeps what it did. No hub, no requests; time is a
 * number that tests move.
 */
import type { LayerRange } from '../src/model/index.ts'
import { apply } from '../src/swarm/apply.ts'
import { mainCoalition, partOf } from '../src/swarm/coalitions.ts'
import { plan } from '../src/swarm/plan.ts'
import { viewPool } from '../src/swarm/pool-view.ts'
import type { SwarmAct, SwarmEvent } from '../src/swarm/swarm-events.ts'
import {
  type Coalition,
  emptySwarm,
  type Standby,
  type SwarmConfig,
  type SwarmState,
} from '../src/swarm/swarm-state.ts'
import type { DeskRequest, LinkRoute, Reach } from '../src/wire/index.ts'
import { protocolVersion } from '../src/wire/index.ts'

const config: SwarmConfig = {
  model: 'demo',
  quantisation: 'q8',
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
  linkReturnMs: 3000,
  returnGraceMs: 5000,
  replanMs: 60_000,
  maxRings: 8,
  maxStandbys: 8,
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
      case 'renew-standbys':
        return { ...act, type: 'standbys-renewed', atMs }
      case 'choose-successor':
        return { ...act, type: 'successor-chosen' }
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
  const coalition = (): Coalition | null => mainCoalition(state)
  const epoch = (): number => coalition()!.epoch
  const inWords = ({ peer, layers }: Pick<Standby, 'peer' | 'layers'>): string =>
    `${peer[41]}:${layers.start}-${layers.end}`
  const seats = (): string[] => (coalition()?.seats ?? []).map(inWords)
  /** By the path that each route prefers. */
  const links = (peer: string, isOpen = true, rttMs = 3): void => {
    const own = state.coalitions.find(({ seats }) => seats.some(seat => seat.peer === peer))!
    const reports = routesOf(peer).map(route => {
      const { kind } = route.paths[0]!
      return { peer: route.peer, kind, isOpen, rttMs, bytesPerSecond: null }
    })
    say(peer, { type: 'links-reported', epoch: own.epoch, links: reports })
  }
  const routesOf = (peer: string): readonly LinkRoute[] => {
    const { seats, routes } = state.coalitions.find(({ seats }) => seats.some(seat => seat.peer === peer))!
    return routes[seats.findIndex(seat => seat.peer === peer)]!
  }
  const sliceReady = (peer: string): void => {
    const part = state.coalitions.find(other => partOf(other, peer) !== null)
    say(peer, { type: 'slice-ready', epoch: part?.epoch ?? 0, kvBudgetBytes: 400, maxContext: 64 })
  }
  return {
    acts,
    happen,
    say,
    epoch,
    seats,
    links,
    sliceReady,
    coalition,
    /** All that live: seats, and after a `+` the standbys, with a `?` where they still load. */
    rings: () =>
      state.coalitions.map(({ seats, standbys }) => {
        const waiting = standbys.map(
          standby => `${inWords(standby)}${state.peers[standby.peer]?.phase === 'ready' ? '' : '?'}`,
        )
        return [...seats.map(inWords), ...(waiting.length === 0 ? [] : ['+', ...waiting])].join(' ')
      }),
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
    join: (
      peer: string,
      memoryBudgetBytes = 5000,
      msPerLayer = 1,
      reach: Reach = byChannels,
      layers: LayerRange | null = null,
    ) => {
      happen({ type: 'peer-connected', peer, atMs })
      const holding = layers === null ? {} : { holding: { model: 'demo', layers } }
      say(peer, { ...joined, role: 'operator', reach, ...holding })
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
      const { seats } = state.coalitions.find(({ status }) => status === 'forming') ?? coalition()!
      for (const { peer } of seats) {
        sliceReady(peer)
        links(peer)
      }
    },
    /** Its connection ends without a word. */
    gone: (peer: string) => happen({ type: 'peer-gone', peer, reason: 'left', atMs }),
    /** It goes on purpose. */
    leave: (peer: string) => say(peer, { type: 'peer-leaving' }),
  }
}

export type SwarmShell = ReturnType<typeof createSwarmShell>

/** Two seats, `a` and `b`, that serve. `b` is a little slower: who comes next stands by for it. */
export function servingPair(change: Partial<SwarmConfig> = {}): SwarmShell {
  const shell = createSwarmShell(change)
  shell.join(shellPeer('a'))
  shell.join(shellPeer('b'), 5000, 1.05)
  shell.serve()
  return shell
}

/** One after the other, alike but for their reach. */
export function joinAll(shell: SwarmShell, peers: ReadonlyArray<readonly [string, Reach]>): void {
  for (const [peer, reach] of peers) shell.join(peer, 5000, 1, reach)
}
