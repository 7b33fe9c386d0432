/**
 * A pool in one process for the chaos: real desk and request table, real hub, real peer runtimes and pipelines, on one manual clock. It
 * carries out the blows of a plan; it asks nothing and judges nothing.
 */
import type { Engine } from '@computepool/shared/ports'
import type { Receipt, ReceiptBody } from '@computepool/shared/receipts'
import type { FailureKind } from '@computepool/shared/standing'
import { createManualClock, createSeededRandom, type FakeEngine, type ManualClock } from '@computepool/shared/testing'
import { createSignalingHub, type SignalingHub } from '@computepool/signaling'
import type { Breach } from '../../src/audit/index.ts'
import { createDesk, type Desk } from '../../src/dispatch/index.ts'
import { kvBytesPerPosition, swarmConfigOf } from '../../src/dispatch/swarm-config.ts'
import { operatorOf } from '../../src/receipts/operator-of.ts'
import { createChaosEvidence } from './chaos-evidence.ts'
import { createChaosNetwork } from './chaos-network.ts'
import type { ChaosPack } from './chaos-pack.ts'
import { type ChaosPeer, openChaosPeer } from './chaos-peer.ts'
import { type ChaosBlow, type ChaosPlan, drawChaosPeer } from './chaos-plan.ts'

export interface ChaosWorld {
  readonly clock: ManualClock
  readonly desk: Desk
  readonly hub: SignalingHub
  /** All that ever were. */
  readonly peers: readonly ChaosPeer[]
  /** Auditors. */
  readonly watchers: readonly ChaosPeer[]
  /** From now on the auditors that have signed in are vouched for. */
  vouch(): void
  /** Whatever nobody may raise. */
  readonly faults: readonly unknown[]
  /** Verdicts on receipts, by how many attempts each was given. */
  readonly receipts: Readonly<Record<string, number>>
  /** What came of checks: operators by how many they met, what they failed, who was convicted. */
  readonly checks: ChaosChecks
  /** What happened, in words, with its time: for a seed that failed. */
  readonly log: readonly string[]
  strike(blow: ChaosBlow): void
  /** The end: who is frozen wakes, and nobody comes any more. */
  calm(): void
  isShutDown(): boolean
  note(text: string): void
}

export interface ChaosChecks {
  met: number
  readonly failed: (readonly [string, FailureKind])[]
  readonly convicted: Breach[]
}

export interface ChaosWorldOptions {
  /** Peers that compute others' work again, and that the pool's owner vouches for. Default: none; standbys do. */
  readonly auditors?: number
  /** How the tab that came as number `index` computes; null: as it should. */
  readonly cheat?: (engine: FakeEngine, index: number) => Engine | null
  /** Idle rings are challenged after so long. Default: never. */
  readonly challengeEveryMs?: number
  /** The log also has every message between desk and tabs. */
  readonly isVerbose?: boolean
  /** What the tab that came as number `index` gives for a receipt; null: nothing. Default: its own. */
  readonly receipt?: (honest: Receipt, index: number) => ReceiptBody | null
}

export function openChaosWorld(
  plan: ChaosPlan,
  pack: ChaosPack,
  { isVerbose = false, receipt, auditors = 0, cheat, challengeEveryMs: everyMs }: ChaosWorldOptions = {},
): ChaosWorld {
  const clock = createManualClock()
  const random = createSeededRandom(plan.seed ^ 0x5eed)
  const checkRandom = createSeededRandom(plan.seed ^ 0xc4ec)
  const network = createChaosNetwork(clock, random, plan.link)
  const peers: ChaosPeer[] = []
  const faults: unknown[] = []
  const log: string[] = []
  const receipts: Record<string, number> = {}
  const checks: ChaosChecks = { met: 0, failed: [], convicted: [] }
  const evidence = createChaosEvidence()
  const trusted = new Set<string>()
  const barred = new Set<string>()
  const bar = (operator: string): void => {
    barred.add(operator)
    desk.weigh({ [operator]: 0 })
  }
  let isShutDown = false
  let isOver = false
  const note = (text: string): void => void log.push(`${String(clock.monotonicMs()).padStart(8)} ${text}`)

  const { manifest, manifestSha256, packUrl } = pack
  const hub: SignalingHub = createSignalingHub({
    clock,
    entropy: random,
    domain: { domain: 'pool.test', uri: 'http://pool.test', chainId: 1 },
    desk: {
      peerConnected: peer => desk.peerConnected(peer),
      peerRequest: (peer, request) => {
        if (isVerbose) note(`< ${peer.slice(-8)} ${JSON.stringify(request).slice(0, 300)}`)
        desk.peerRequest(peer, request)
      },
      peerGone: (peer, reason) => {
        note(`${peer.slice(-8)} is gone: ${reason}`)
        desk.peerGone(peer, reason)
      },
    },
    verifySignature: async () => true,
    onFault: fault => faults.push(fault),
  })
  const settings = { minSeats: plan.minSeats, maxSeats: 8, maxContext: 256, wallMs: clock.wallMs() }
  const desk = createDesk({
    swarm: swarmConfigOf(manifest, settings),
    limits: { maxRunning: 8, maxQueued: 32, stallTimeoutMs: 60_000, queueTimeoutMs: 60_000 },
    model: {
      packUrl,
      manifestSha256,
      vocab: manifest.dimensions.vocab,
      kvBytesPerPosition: kvBytesPerPosition(manifest),
    },
    hub: {
      command: (peer, command) => {
        if (isVerbose) note(`> ${peer.slice(-8)} ${JSON.stringify(command).slice(0, 300)}`)
        hub.command(peer as Parameters<typeof hub.command>[0], command)
      },
      setCoalition: (id, members) => hub.setCoalition(id, members as Parameters<typeof hub.setCoalition>[1]),
    },
    clock,
    // What checks draw for themselves changes nothing of what else happens in a seed.
    entropy: { bytes: length => (length === 1 || length === 10 ? checkRandom : random).bytes(length) },
    origin: 'http://pool.test',
    iceServersFor: () => [],
    // Its tabs sign with nothing.
    verifyWallet: async () => true,
    onReceipts: verdict => {
      receipts[verdict] = (receipts[verdict] ?? 0) + 1
      if (verdict !== 'whole') for (const { reason } of desk.snapshot().seats) if (reason !== undefined) note(reason)
    },
    onNotice: note,
    challenges: everyMs === undefined ? null : { everyMs, stopTokens: [] },
    audit: {
      checkRateOf: (_, least) => least,
      isBanned: operator => barred.has(operator),
      isTrusted: operator => trusted.has(operator),
      evidence: evidence.port,
      onChecked: () => {
        checks.met += 1
      },
      onFailed: (operator, what) => {
        note(`${operator} failed: ${what}`)
        checks.failed.push([operator, what])
        bar(operator)
      },
      onConvicted: breach => {
        note(`convicted: ${JSON.stringify(breach)}`)
        checks.convicted.push(breach)
        bar(breach.operator)
      },
      onFault: fault => faults.push(fault),
    },
  })

  const join = (facts = drawChaosPeer(random)): void => {
    const index = peers.length
    const peer = openChaosPeer({
      clock,
      network,
      hub,
      pack,
      facts,
      evidence,
      cheat: cheat === undefined ? undefined : engine => cheat(engine, index) ?? engine,
      receipt: honest => (receipt === undefined ? honest : receipt(honest, index)),
      onEngineLost: () => {
        // The page ends the worker and starts another, which signs in as another tab.
        clock.schedule(50, () => {
          if (peer.host.isDead()) return
          peer.vanish({ socketMs: 5, linkMs: 500 })
          if (!isOver) join(facts)
        })
      },
    })
    peers.push(peer)
  }
  for (const facts of plan.peers) join(facts)
  const watchers = Array.from({ length: auditors }, () => {
    const facts = { seed: random.int(2 ** 31), stepMs: 1, rowMs: 0.1, loadMs: 50, socketMs: 5, maxChunk: 64 }
    const common = { clock, network, hub, pack, evidence, receipt: (honest: Receipt) => honest, onEngineLost: () => {} }
    return openChaosPeer({ ...common, facts, role: 'auditor' })
  })

  const isAtWork = ({ snapshot, engines }: ChaosPeer): boolean =>
    desk.snapshot().seats.some(({ peer }) => peer === snapshot().peer) &&
    engines().some(engine => engine.memory().requests > 0)

  const strike = (blow: ChaosBlow): void => {
    const living = peers.filter(({ host }) => !host.isDead())
    const targets = blow.isAtWork === true ? living.filter(isAtWork) : living
    const peer = targets[blow.pick % Math.max(1, targets.length)]
    note(`${JSON.stringify(blow)} on ${peer?.snapshot().peer?.slice(-8)}`)
    switch (blow.type) {
      case 'join':
        join()
        break
      case 'vanish':
        peer?.vanish(blow)
        break
      case 'leave':
        void peer?.running.leave()
        break
      case 'drain':
        void peer?.running.drain(20_000)
        break
      case 'freeze':
        peer?.host.freeze()
        clock.schedule(blow.forMs, () => peer?.host.thaw())
        break
      case 'lose-device':
        for (const engine of peer?.engines() ?? []) engine.loseDevice()
        break
      case 'cut-link': {
        const isTarget = (self: string): boolean => targets.some(({ snapshot }) => snapshot().peer === self)
        const links = network.open().filter(ends => blow.isAtWork !== true || ends.every(isTarget))
        const link = links[blow.pick % Math.max(1, links.length)]
        if (link !== undefined) network.cut(...link)
        break
      }
      case 'break-socket':
        peer?.breakSocket()
        break
      case 'break-hub':
        for (const each of living) each.breakSocket()
        break
      case 'shut-down':
        isShutDown = true
        desk.close()
    }
  }

  return {
    clock,
    desk,
    hub,
    peers,
    faults,
    receipts,
    checks,
    watchers,
    vouch: () => {
      for (const { snapshot } of watchers) trusted.add(operatorOf(snapshot().peer ?? ''))
    },
    log,
    strike,
    calm: () => {
      isOver = true
      for (const { host } of peers) host.thaw()
    },
    isShutDown: () => isShutDown,
    note,
  }
}
