/** Slices that serve nobody, proved all the same: who stands by with a wrong one is found out before it has a seat, and nobody who is honest is. */
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { activationFromValues, activationValues } from '@computepool/shared/engine'
import type { Engine } from '@computepool/shared/ports'
import { describe, expect, test } from 'vitest'
import { coarserPack, garbage, openWithoutLayer, withOutputs, withRun } from '../../shared/testing/cheats/index.ts'
import {
  type AuditedSwarm,
  type AuditedSwarmOptions,
  type OpenSlice,
  type SwarmPeer,
  walletOf,
} from '../harness/audited-swarm.ts'
import { useAuditedSwarm } from '../harness/use-audited-swarm.ts'

const openSwarm = useAuditedSwarm()

/** A ring of two that serves, and auditors. */
const open = (options: Partial<AuditedSwarmOptions> = {}): Promise<AuditedSwarm> =>
  openSwarm({ seats: 2, challengeEveryMs: 3_600_000, peers: [{}, {}], auditors: [{}, {}, {}], ...options })
const pool = (of: AuditedSwarm) => of.orchestrator.desk.snapshot()
const slices = (of: AuditedSwarm) => pool(of).checks!.slices!
const seated = (of: AuditedSwarm): string[] => pool(of).seats.map(({ peer }) => walletOf(peer))
const isBanned = (of: AuditedSwarm, { wallet }: SwarmPeer): boolean => of.orchestrator.standing.isBanned(wallet)
const banned = (of: AuditedSwarm) => [...of.peers, ...of.auditors].filter(peer => isBanned(of, peer))

const vocab = 300
/** Each value off by a millionth, as another kernel's sums are. */
const noisy = (engine: Engine): Engine =>
  withOutputs(engine, {
    activation: honest => {
      const values = activationValues(honest).map((value, at) => value * (1 + (at % 2 === 0 ? 1e-6 : -1e-6)))
      return activationFromValues(values, honest.hidden, honest.dtype)
    },
    token: token => token,
  })

describe('who stands by', () => {
  const honest: readonly (readonly [string, OpenSlice])[] = [
    [
      'in chunks of five, with caches that grow',
      slice => openNativeEngine(slice, { threads: 1, maxChunk: 5, caches: 'growing' }),
    ],
    ['with another machine’s roundings', async (slice, open) => noisy(await open(slice))],
  ]
  test.each(honest)('%s, meets what an auditor computes, and has earned nothing by it', async (_, openSlice) => {
    const of = await open()
    const standby = of.join({ openSlice })
    await of.until('a challenge that is over', () => slices(of).proved > 0)
    expect(slices(of)).toEqual({ proved: 1, wrong: 0, unproved: 0 })
    await of.until('its operator’s hearing of it', () => standby.snapshot().standing?.challenged === 1)
    expect(standby.snapshot().standing).toMatchObject({ challenged: 1, challengesMet: 1, checked: 0, weight: 0.1 })
    expect([banned(of), of.faults]).toEqual([[], []])
  })

  const cheats: readonly (readonly [string, OpenSlice])[] = [
    ['garbage', async (slice, open) => garbage(await open(slice), { vocab })],
    ['a skipped layer', (slice, open) => openWithoutLayer(open, slice, Math.max(1, slice.layers.start))],
    ['weights in q4', (slice, open) => open({ ...slice, ...coarserPack(slice, 'q4') })],
  ]
  test.each(cheats)('with %s, is out before it has a seat', async (_, openSlice) => {
    const of = await open()
    const before = seated(of)
    const cheat = of.join({ openSlice })
    await of.until('a wrong slice', () => slices(of).wrong > 0)
    expect(banned(of)).toEqual([cheat])
    expect(of.orchestrator.standing.changesOf(cheat.wallet)[0]!.reason).toMatch(
      /^Your slice was challenged while you stood by, and two others computed something else of layers \d to \d\. Your weight is 0: you get no work for 16 days/,
    )
    expect([seated(of), pool(of).rings![0]!.standbys, of.breaches]).toEqual([before, [], []])
    // A seat that falls vacant is not for it.
    await of.peers[0]!.leave()
    await of.until('no ring', () => pool(of).status !== 'ready')
    expect(seated(of)).not.toContain(cheat.wallet)
  })
})

test('an auditor whose answer is wrong is outvoted, and out', async () => {
  const lying: OpenSlice = async (slice, open) => {
    const [honest, liar] = [await open(slice), garbage(await open(slice), { vocab })]
    // In checks it is honest, or those would find it out first.
    return withRun(honest, rows => (rows[0]!.requestId.startsWith('challenge:') ? liar : honest).run(rows))
  }
  const of = await open({ auditors: [{ openSlice: lying }, {}, {}] })
  of.join({})
  await of.until('a challenge that is over', () => slices(of).proved > 0)
  expect([banned(of), of.breaches, slices(of)]).toEqual([[of.auditors[0]], [], { proved: 1, wrong: 0, unproved: 0 }])
})

describe('in the middle of a challenge', () => {
  /** A standby that computes nothing until it is told to. */
  async function withSlowStandby() {
    const of = await open()
    let go = (): void => {}
    let steps = 0
    const gate = new Promise<void>(resolve => {
      go = resolve
    })
    const openSlice: OpenSlice = async (slice, open) => {
      const engine = await open(slice)
      return withRun(engine, async rows => {
        steps += 1
        if (rows[0]!.requestId.startsWith('challenge:')) await gate
        return engine.run(rows)
      })
    }
    const standby = of.join({ openSlice })
    await of.until('its first step', () => steps > 0)
    return { of, standby, go }
  }
  const nothing = { proved: 0, wrong: 0, unproved: 0 }

  test('a request is answered at once, and a seat is taken: nothing is counted', async () => {
    const { of, standby, go } = await withSlowStandby()
    expect((await of.ask('Who are you?')).status).toBe(200)
    await of.peers[0]!.leave()
    await of.until('its own seat', () => seated(of).includes(standby.wallet))
    go()
    await of.until('a ring that serves', () => pool(of).status === 'ready')
    expect((await of.ask('What is a ring?')).route).toContain(standby.wallet)
    expect([slices(of), banned(of), of.faults]).toEqual([nothing, [], []])
  })

  test('a standby that leaves owes nothing', async () => {
    const { of, standby, go } = await withSlowStandby()
    const left = standby.leave()
    await of.until('a pool without it', () => pool(of).waitingPeers === 0)
    go()
    await left
    expect([slices(of), banned(of), of.faults]).toEqual([nothing, [], []])
    expect((await of.ask('Who are you?')).status).toBe(200)
  })
})
