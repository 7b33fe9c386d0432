/**
 * The front desk: feeds what tabs say to the pure swarm, performs what it decides through the hub, and keeps the request table on
 * the ring that is ready. It sees control messages and tokens, never an activation, a frame or a link.
 */
import { ComputePoolError, errorFromData } from '@computepool/shared/errors'
import type { Clock, Entropy } from '@computepool/shared/ports'
import {
  apply,
  canPlace,
  contextOf,
  emptySwarm,
  isRingDraining,
  isTimeAwaited,
  missingLayersInWords,
  type PoolSnapshot,
  plan,
  type SwarmAct,
  type SwarmConfig,
  type SwarmEvent,
  type SwarmState,
  viewPool,
} from '@computepool/shared/swarm'
import type { DeskCommand } from '@computepool/shared/wire'
import { endRelay, formCoalition } from './form-coalition.ts'
import type { DeskPort, HubPort } from './hub-port.ts'
import { createIceRenewal } from './ice-renewal.ts'
import type { Lap, LiveRequest, RequestLimits, RequestObserver, RequestOrder } from './live-request.ts'
import { createPoolTraffic } from './pool-traffic.ts'
import { createRequestTable } from './request-table.ts'
import type { Ring } from './ring.ts'

type IceServers = Extract<DeskCommand, { type: 'model-offered' }>['iceServers']

export interface DeskOptions {
  readonly swarm: SwarmConfig
  readonly limits: RequestLimits
  readonly model: {
    readonly packUrl: string
    readonly manifestSha256: string
    readonly vocab: number
    /** Cache bytes of one position in one layer. */
    readonly kvBytesPerPosition: number
  }
  readonly hub: HubPort
  readonly clock: Clock
  readonly entropy: Entropy
  readonly iceServersFor: (peer: string) => IceServers
  /** How long a tab may use what `iceServersFor` gave it before it gets anew; null or absent: for ever. */
  readonly iceRenewalMs?: number | null
  /** One line for the operator of the orchestrator. */
  readonly onNotice?: (text: string) => void
  /** Hears of each lap, for traces and metrics. */
  readonly onLap?: (lap: Lap, atMs: number) => void
  /** Hears of each change of the pool's status. */
  readonly onStatus?: (status: PoolSnapshot['status'], atMs: number) => void
}

export interface Desk extends DeskPort {
  /** Errors: `swarm_layers_missing`, `swarm_busy`. */
  submit(order: RequestOrder, observer?: RequestObserver): LiveRequest
  /** Errors: `swarm_layers_missing` where no whole ring is ready. */
  requireRing(): void
  /** Positions that a request may reach now. */
  context(): number
  snapshot(): PoolSnapshot
  /** Called after each change of the snapshot. */
  onChange(listener: () => void): () => void
  close(): void
}

/** How often deadlines are looked at while there are any. */
const tickMs = 1000
/** More rounds than any event needs: beyond it `plan` and `apply` disagree, which is our fault. */
const mostRounds = 100

export function createDesk(options: DeskOptions): Desk {
  const { hub, clock, entropy, model, onNotice = () => {} } = options
  const listeners = new Set<() => void>()
  const traffic = createPoolTraffic()
  const pending: SwarmEvent[] = []
  let state: SwarmState = emptySwarm(options.swarm)
  let isSettling = false
  let isClosed = false
  let isServing = false
  let cancelTick: (() => void) | null = null
  let status: PoolSnapshot['status'] = 'waiting'

  const changed = (): void => {
    for (const listener of listeners) listener()
  }
  const table = createRequestTable({
    clock,
    entropy,
    limits: options.limits,
    vocab: model.vocab,
    send: hub.command,
    onLap: lap => {
      traffic.record(lap, clock.monotonicMs())
      options.onLap?.(lap, clock.monotonicMs())
      changed()
    },
    onChange: () => {
      drainIfIdle()
      changed()
    },
  })

  const ice = createIceRenewal({
    clock,
    periodMs: options.iceRenewalMs ?? null,
    renew: peer => hub.command(peer, { type: 'ice-servers-renewed', iceServers: options.iceServersFor(peer) }),
  })

  const perform = (act: SwarmAct): SwarmEvent => {
    switch (act.type) {
      case 'offer-model': {
        const { packUrl, manifestSha256 } = model
        const iceServers = options.iceServersFor(act.peer)
        const offered = { model: options.swarm.model, packUrl, manifestSha256, iceServers }
        hub.command(act.peer, { type: 'model-offered', ...offered })
        ice.given(act.peer)
        return { type: 'model-offered', peer: act.peer }
      }
      case 'refuse-peer':
        hub.command(act.peer, { type: 'peer-refused', error: act.error })
        return { type: 'peer-refused', peer: act.peer }
      case 'form-coalition':
        formCoalition(hub, entropy, options.swarm.model, act)
        return { ...act, type: 'coalition-formed', atMs: clock.monotonicMs() }
      case 'dissolve-coalition':
        onNotice(act.error.message)
        hub.setCoalition(act.id, [])
        for (const relay of act.relays) endRelay(hub, relay, act)
        table.interrupt(act.epoch, errorFromData(act.error))
        return { type: 'coalition-dissolved', epoch: act.epoch }
      case 'drop-relay':
        hub.setCoalition(act.id, act.remaining)
        endRelay(hub, act.relay, act)
        return { type: 'relay-dropped', epoch: act.epoch, relay: act.relay }
      case 'release-slice':
        hub.command(act.peer, { type: 'release-slice', epoch: act.epoch })
        return { type: 'slice-released', peer: act.peer }
    }
  }

  const settle = (event: SwarmEvent): void => {
    state = apply(state, event)
    for (let round = 0; ; round++) {
      const acts = plan(state)
      if (acts.length === 0) return
      if (round === mostRounds) throw new ComputePoolError('bug_unreachable_state', `plan repeats "${acts[0]!.type}".`)
      for (const act of acts) state = apply(state, perform(act))
    }
  }

  /** The last answer of a ring that drains has ended: its seats may go. */
  const drainIfIdle = (): void => {
    if (isClosed || state.coalition === null || table.running() > 0 || !isRingDraining(state)) return
    dispatch({ type: 'ring-drained', epoch: state.coalition.epoch })
  }

  // A command may come back as an event before it returns (a socket found dead): events queue, and one loop settles them.
  const dispatch = (event: SwarmEvent): void => {
    pending.push(event)
    if (isSettling || isClosed) return
    isSettling = true
    try {
      for (let next = pending.shift(); next !== undefined; next = pending.shift()) settle(next)
    } finally {
      isSettling = false
    }
    tellTable()
    if (isTimeAwaited(state) && cancelTick === null) {
      cancelTick = clock.schedule(tickMs, () => {
        cancelTick = null
        dispatch({ type: 'time-passed', atMs: clock.monotonicMs() })
      })
    }
    notice()
    changed()
    drainIfIdle()
  }

  const tellTable = (): void => {
    const ring = ringOf(state, model.kvBytesPerPosition)
    // The first ring may load for minutes: nobody is kept waiting for that. Its successor is waited for.
    isServing = ring !== null || (isServing && canFollow(state))
    table.setRings(ring === null ? [] : [ring], isServing ? null : whyNoRing(state))
  }
  tellTable()

  const notice = (): void => {
    const view = viewPool(state)
    if (view.status === status) return
    status = view.status
    onNotice(view.explanation)
    options.onStatus?.(status, clock.monotonicMs())
  }

  return {
    peerConnected: peer => dispatch({ type: 'peer-connected', peer, atMs: clock.monotonicMs() }),
    peerRequest: (peer, request) => {
      table.heard(peer, request)
      if ('requestId' in request) return
      dispatch({ type: 'peer-said', peer, request, atMs: clock.monotonicMs() })
    },
    peerGone: (peer, reason) => {
      ice.forget(peer)
      dispatch({ type: 'peer-gone', peer, reason })
    },
    submit: (order, observer) => table.submit(order, observer),
    requireRing: table.requireRing,
    context: () => contextOf(state),
    snapshot: () => {
      const figures = traffic.view(clock.monotonicMs())
      const view = viewPool(state)
      const seats = view.seats.map(seat => {
        const hop = figures.lastLap?.hops.find(hop => hop.seat === seat.seat)
        return hop === undefined ? seat : { ...seat, computeMs: hop.computeMs }
      })
      const tokensPerSecond = table.running() === 0 ? null : figures.tokensPerSecond
      const counts = { activeRequests: table.running(), queuedRequests: table.queued() }
      return { ...view, seats, ...counts, ...figures, tokensPerSecond }
    },
    onChange: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => {
      if (isClosed) return
      isClosed = true
      cancelTick?.()
      ice.close()
      const remedy = 'Send the request again when it is back.'
      table.close(new ComputePoolError('swarm_coalition_lost', 'The orchestrator is shutting down.', { remedy }))
    },
  }
}

/** What is missing, and what happens next. Where all layers are held only links are: the explanation says so. */
function whyNoRing(state: SwarmState): string {
  const view = viewPool(state)
  return `${missingLayersInWords(view)} ${view.explanation}`.trim()
}

/** Others can take the ring's place, or do already. */
function canFollow(state: SwarmState): boolean {
  const isForming = state.coalition !== null && state.coalition.status !== 'ready'
  return isForming || (isRingDraining(state) && canPlace(state))
}

/** The ready coalition as requests see it; null also while it takes no new ones. */
function ringOf(state: SwarmState, kvBytesPerPosition: number): Ring | null {
  const { coalition } = state
  if (coalition?.status !== 'ready' || isRingDraining(state)) return null
  const seats = coalition.seats.map(seat => {
    const peer = state.peers[seat.peer]!
    return { ...seat, engine: peer.capability!.engine, kvBudgetBytes: peer.kvBudgetBytes! }
  })
  const expectedLapMs = seats.reduce((sum, { peer, layers }) => {
    return sum + state.peers[peer]!.capability!.msPerLayer * (layers.end - layers.start)
  }, 0)
  const { id, epoch } = coalition
  return { id, epoch, maxContext: contextOf(state), kvBytesPerPosition, expectedLapMs, seats }
}
