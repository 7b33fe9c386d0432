/**
 * The front desk: feeds what tabs say to the pure swarm, performs what it decides through the hub, and keeps the request table on
 * the ring that is ready. It sees control messages and tokens, never an activation, a frame or a link.
 */
import { ComputePoolError, errorFromData } from '@computepool/shared/errors'
import {
  apply,
  contextOf,
  emptySwarm,
  isTimeAwaited,
  livingCoalitions,
  type PoolSnapshot,
  plan,
  poolStatus,
  type SwarmAct,
  type SwarmEvent,
  type SwarmState,
  shownCoalition,
  viewPool,
} from '@computepool/shared/swarm'
import type { DeskRequest } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'
import { createReceiptDesk } from '../receipts/receipt-desk.ts'
import { type StakeSource, withStakes } from '../stakes/stake-source.ts'
import { createDeskAudit, createDeskChallenges } from './desk-audit.ts'
import type { Desk, DeskOptions } from './desk-ports.ts'
import { createCoalitionTeller } from './form-coalition.ts'
import { createIceRenewal } from './ice-renewal.ts'
import { leavesAnswer } from './leaves-answer.ts'
import { createPoolTraffic } from './pool-traffic.ts'
import { createRequestTable } from './request-table.ts'
import { createRetirement } from './retire-rings.ts'
import { canFollow, ringsOf, whyNoRing } from './rings-of.ts'

/** How often deadlines are looked at while there are any. */
const tickMs = 1000
/** Where nobody says how wide rows are; and what a peer keeps beside a frame of one. */
const usualHidden = 4096
const frameOverheadBytes = 1100
/** More rounds than any event needs: beyond it `plan` and `apply` disagree, which is our fault. */
const mostRounds = 100

export function createDesk(options: DeskOptions): Desk {
  const { hub, clock, entropy, model, onNotice = () => {} } = options
  const listeners = new Set<() => void>()
  const hearers = new Set<(peer: string, request: DeskRequest) => void>()
  let stakes: StakeSource | null = null
  const traffic = createPoolTraffic()
  const pending: SwarmEvent[] = []
  const teller = createCoalitionTeller(hub, entropy, options.swarm.model)
  /** Epochs of the rings that were ready when requests were last told of them. */
  let serving: ReadonlySet<number> = new Set()
  let state: SwarmState = emptySwarm(options.swarm)
  const retirement = createRetirement(clock)
  let isSettling = false
  let isClosed = false
  let isServing = false
  let cancelTick: (() => void) | null = null
  let status: PoolSnapshot['status'] = 'waiting'

  const changed = (): void => {
    for (const listener of listeners) listener()
  }
  const receipts = createReceiptDesk({
    clock,
    origin: options.origin,
    verifyWallet: options.verifyWallet,
    keptWithheld: options.keptWithheld,
    onSettled: (verdict, attempt) => {
      audit?.settled(verdict, attempt)
      // Nobody was served by it.
      if (challenges?.settled(attempt.job.requestId) === true) return
      options.onReceipts?.(verdict.verdict)
      options.onSettled?.(verdict, attempt)
    },
    trustOf: options.trustOf,
    onQuarrel: operators => {
      options.onQuarrel?.(operators)
      dispatch({ type: 'boundary-broken', operators, atMs: clock.monotonicMs() })
    },
    onBroken: operator => options.onBrokenReceipts?.(operator),
    remind: (peer, requestId) => hub.command(peer, { type: 'cancel-request', requestId }),
    onChange: changed,
  })
  const audit =
    options.audit === undefined
      ? null
      : createDeskAudit(
          {
            ...{ clock, entropy, teller, manifestSha256: model.manifestSha256, isQuiet: receipts.isQuiet },
            rowBytes: (model.hidden ?? usualHidden) * 4 + frameOverheadBytes,
            state: () => state,
            send: hub.command,
          },
          {
            ...options.audit,
            onEnded: (...ended) => {
              options.audit?.onEnded?.(...ended)
              challenges?.stir()
              changed()
            },
          },
        )
  const table = createRequestTable({
    clock,
    entropy,
    limits: options.limits,
    vocab: model.vocab,
    send: hub.command,
    receipts: receipts.book,
    ...(audit === null ? {} : { nonceFor: attempt => audit.termsFor(attempt).nonce, mayReuse: audit.canCheckUpon }),
    onLap: lap => {
      traffic.record(lap, clock.monotonicMs())
      options.onLap?.(lap, clock.monotonicMs())
      changed()
    },
    onChange: () => {
      challenges?.stir()
      drainIfIdle()
      changed()
    },
  })
  const challenges = createDeskChallenges(options.challenges, {
    ...{ clock, entropy, audit, table, vocab: model.vocab, send: hub.command, receipts: receipts.book },
    ...{ judgedBy: options.audit, sessionKeyOf: receipts.sessionKeyOf, state: () => state },
    rings: () => ringsOf(state, model.kvBytesPerPosition),
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
        teller.form(act)
        return { ...act, type: 'coalition-formed', atMs: clock.monotonicMs() }
      case 'renew-standbys':
        teller.renew(act)
        return { ...act, type: 'standbys-renewed', atMs: clock.monotonicMs() }
      case 'choose-successor':
        return { ...act, type: 'successor-chosen' }
      case 'dissolve-coalition':
        onNotice(act.error.message)
        teller.dissolve(act)
        table.interrupt(act.epoch, errorFromData(act.error))
        return { type: 'coalition-dissolved', epoch: act.epoch }
      case 'drop-relay':
        teller.dropRelay(act)
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

  const drainIfIdle = (): void => {
    if (isClosed) return
    const epoch = retirement.drained(state, table.runningOn)
    if (epoch !== null) dispatch({ type: 'ring-drained', epoch })
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
    audit?.stir()
    challenges?.stir()
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

  /** A ring whose link closed may be ready again in a moment; its answers do not wait for that if another can go on with them. */
  const interruptBroken = (): void => {
    const living = livingCoalitions(state)
    for (const { epoch, status } of living) {
      if (status !== 'forming' || !serving.has(epoch)) continue
      const message = 'The answer was cut short: a link of its ring closed.'
      const remedy = 'Send the request again; the ring is being mended.'
      table.interrupt(
        epoch,
        new ComputePoolError('swarm_coalition_lost', message, { remedy, context: { epoch } }),
        true,
      )
    }
    serving = new Set(living.filter(({ status }) => status === 'ready').map(({ epoch }) => epoch))
  }

  const tellTable = (): void => {
    interruptBroken()
    const rings = ringsOf(state, model.kvBytesPerPosition)
    // The first ring may load for minutes: nobody is kept waiting for that. Its successor is waited for.
    isServing = rings.length > 0 || (isServing && canFollow(state))
    table.setRings(rings, isServing ? null : whyNoRing(state))
  }
  tellTable()

  const notice = (): void => {
    const now = poolStatus(state)
    if (now === status) return
    status = now
    onNotice(viewPool(state).explanation)
    options.onStatus?.(status, clock.monotonicMs())
  }

  const shown = (seat: PoolSnapshot['seats'][number]): PoolSnapshot['seats'][number] => {
    const standing = options.standingOf?.(operatorOf(seat.peer))
    return receipts.shown(standing === undefined ? seat : { ...seat, standing })
  }

  const tellGone = (peer: string, reason: string): void => {
    options.onGone?.(peer, leavesAnswer(state, { peer, reason, atMs: clock.monotonicMs() }, table.runningOn))
  }

  return {
    peerConnected: peer => dispatch({ type: 'peer-connected', peer, atMs: clock.monotonicMs() }),
    peerRequest: (peer, request) => {
      receipts.heard(peer, request)
      table.heard(peer, request)
      audit?.heard(peer, request)
      challenges?.heard(peer, request)
      for (const hear of hearers) hear(peer, request)
      if ('requestId' in request) return
      if (request.type === 'peer-leaving') tellGone(peer, 'left')
      dispatch({ type: 'peer-said', peer, request, atMs: clock.monotonicMs() })
    },
    peerGone: (peer, reason) => {
      ice.forget(peer)
      receipts.gone(peer)
      teller.detach(peer)
      audit?.gone(peer)
      tellGone(peer, reason)
      dispatch({ type: 'peer-gone', peer, reason, atMs: clock.monotonicMs() })
    },
    submit: (order, observer) => {
      challenges?.giveWay()
      return table.submit(order, observer)
    },
    requireRing: table.requireRing,
    withheld: receipts.withheld,
    context: () => contextOf(state),
    snapshot: () => {
      const figures = traffic.view(clock.monotonicMs(), shownCoalition(state)?.epoch ?? null)
      const view = viewPool(state)
      const seats = view.seats.map(seat => {
        const hop = figures.lastLap?.hops.find(hop => hop.seat === seat.seat)
        return shown(hop === undefined ? seat : { ...seat, computeMs: hop.computeMs })
      })
      const rings = view.rings?.map(ring => ({ ...ring, seats: ring.seats.map(shown) }))
      const tokensPerSecond = table.running() === 0 ? null : figures.tokensPerSecond
      const counts = { activeRequests: table.running(), queuedRequests: table.queued() }
      // Who owes receipts of a seat earns nothing for checks either.
      const auditPay = audit?.pay().filter(({ operator }) => !receipts.withheld.isWithheld(operator)) ?? []
      const snapshot = {
        ...view,
        seats,
        ...(rings === undefined ? {} : { rings }),
        ...counts,
        ...figures,
        tokensPerSecond,
        ...(audit === null ? {} : { checks: { ...audit.view(), ...challenges?.view() } }),
        ...(auditPay.length === 0 ? {} : { auditPay }),
      }
      return withStakes(snapshot, stakes)
    },
    onChange: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onRequest: hear => {
      hearers.add(hear)
      return () => hearers.delete(hear)
    },
    tell: hub.command,
    weigh: (weights, textHolders = []) => dispatch({ type: 'operators-weighed', weights, textHolders }),
    isStaked: operator => stakes?.isStaked(operator) ?? false,
    stakeFactorOf: operator => stakes?.factorOf(operator) ?? 1,
    setStakes: source => {
      stakes = source
      changed()
    },
    close: () => {
      if (isClosed) return
      isClosed = true
      cancelTick?.()
      ice.close()
      const remedy = 'Send the request again when it is back.'
      table.close(new ComputePoolError('swarm_coalition_lost', 'The orchestrator is shutting down.', { remedy }))
      challenges?.close()
      receipts.close()
      audit?.close()
    },
  }
}
