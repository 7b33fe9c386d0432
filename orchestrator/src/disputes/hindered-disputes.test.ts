/** What a dispute may lack, a chain, the accuser's key, its money or a keeper, and how it is carried on: on a real Coalition, a real vault and the real runner. */
import { ComputePoolError } from '@computepool/shared/errors'
import { describe, expect, it } from 'vitest'
import { longMs } from '../../testing/coalition-stage.ts'
import type { DisputeStage } from '../../testing/dispute-stage.ts'
import { isOnChain, verdictsOn } from '../../testing/dispute-verdicts.ts'
import { bondAtomic, stakeAtomic } from '../../testing/keeper-coalition.ts'
import { useDisputeStage } from '../../testing/use-dispute-stage.ts'
import type { DisputeDesk } from './index.ts'

let stage: DisputeStage
let desk: DisputeDesk
const { decide, isClosed } = verdictsOn(() => stage)
useDisputeStage(
  (opened, first) => {
    stage = opened
    desk = first
  },
  () => desk,
)

const unasked = async (): Promise<never> => {
  throw new Error('Nobody asked for that.')
}

it(
  'a chain that cannot be read yet keeps nobody from being accused later',
  async () => {
    await desk.close()
    const parties = stage.operators(2)
    const breach = await stage.breachOf(parties)
    let asked = 0
    desk = stage.openDesk({
      coalitionsOf: async () => {
        if (asked++ === 0) throw new ComputePoolError('chain_unreachable', 'It does not answer.')
        return [breach.id]
      },
    })
    await desk.accuse(breach)
    const view = await stage.until(desk, breach, isOnChain)
    await decide(desk, view, false)
    await isClosed(desk, breach)
    await desk.close()
    desk = stage.openDesk()
  },
  longMs,
)

describe('a desk without the accuser’s key', () => {
  it.each(['where it was opened', 'on another registry than the pool’s is now'])(
    'sees an open dispute to its end, %s, and accuses nobody',
    async place => {
      const parties = stage.operators(2)
      const breach = await stage.breachOf(parties)
      await desk.accuse(breach)
      await stage.until(desk, breach, isOnChain)
      await desk.close()
      const mute = { ...stage.disputeChain, accuser: null }
      const elsewhere = { ...mute, place: { ...mute.place, coalition: `0x${'77'.repeat(20)}` as const } }
      const late = stage.openDesk({
        chain: place.startsWith('where') ? mute : elsewhere,
        chainAt: registry => (registry === mute.place.coalition ? { ...mute, hasWorkflows: false } : null),
      })
      const view = (await stage.viewOf(late, breach))!
      expect(view.onChain).toMatchObject({ registry: mute.place.coalition })
      await decide(late, view, true)
      expect(await isClosed(late, breach)).toMatchObject({ state: 'settled', slashedAtomic: stakeAtomic })
      const second = await stage.breachOf(stage.operators(3).slice(1))
      await late.accuse(second)
      await late.idle()
      expect(await stage.viewOf(late, second)).toMatchObject({ state: 'recorded', onChain: null })
      await late.close()
      desk = stage.openDesk()
    },
    longMs,
  )
})

it(
  'a keeper that fails keeps no payer waiting: the verdict is settled without it',
  async () => {
    await desk.close()
    const parties = stage.operators(2)
    const breach = await stage.breachOf(parties)
    const keys: (string | undefined)[] = []
    desk = stage.openDesk({
      keeper: {
        execute: async (workflow, _, options) => {
          if (workflow === 'handle-breach') keys.push(options?.idempotencyKey)
          return { executionId: `run ${keys.length}`, status: 'pending' }
        },
        wait: async executionId => ({ executionId, status: 'error', transactions: [], error: 'no gas' }),
        cancel: unasked,
      },
    })
    await desk.accuse(breach)
    const view = await stage.until(desk, breach, isOnChain)
    // Votes too go by ourselves then.
    await decide(desk, view, true)
    expect(await isClosed(desk, breach)).toMatchObject({ state: 'settled', slashedAtomic: stakeAtomic })
    // A keeper replays a failure under its key: each try has its own.
    expect(new Set(keys).size).toBe(3)
    await desk.close()
    desk = stage.openDesk()
  },
  longMs,
)

it(
  'a run that does not end is ended, and the verdict is settled without it',
  async () => {
    await desk.close()
    const parties = stage.operators(2)
    const breach = await stage.breachOf(parties)
    const cancelled: string[] = []
    const endless = async (executionId: string) =>
      ({ executionId, status: 'running', transactions: [], error: null }) as const
    desk = stage.openDesk({
      keeper: {
        execute: async workflow => ({ executionId: workflow, status: 'pending' }),
        wait: endless,
        cancel: async executionId => {
          cancelled.push(executionId)
          return endless(executionId)
        },
      },
    })
    await desk.accuse(breach)
    await decide(desk, await stage.until(desk, breach, isOnChain), true)
    expect(await isClosed(desk, breach)).toMatchObject({ state: 'settled', slashedAtomic: stakeAtomic })
    expect(cancelled).toEqual(['handle-breach'])
    await desk.close()
    desk = stage.openDesk()
  },
  longMs,
)

it(
  'a verdict that somebody else settles while a run is under way waits for the run no longer',
  async () => {
    await desk.close()
    const parties = stage.operators(2)
    const breach = await stage.breachOf(parties)
    let waits = 0
    desk = stage.openDesk({
      keeper: {
        execute: async workflow => ({ executionId: workflow, status: 'pending' }),
        wait: async executionId => {
          if (executionId === 'handle-breach' && ++waits === 1) {
            const view = (await stage.viewOf(desk, breach))!
            await stage.coalition.send(stage.coalition.relay.settle(BigInt(view.onChain!.dispute)))
          }
          return { executionId, status: 'running', transactions: [], error: null }
        },
        cancel: unasked,
      },
    })
    await desk.accuse(breach)
    await decide(desk, await stage.until(desk, breach, isOnChain), true)
    expect(await isClosed(desk, breach)).toMatchObject({ state: 'settled', slashedAtomic: stakeAtomic })
    expect(waits).toBe(1)
    await desk.close()
    desk = stage.openDesk()
  },
  longMs,
)

it(
  'an accuser without money for the bond says so, and accuses once it has it',
  async () => {
    await desk.close()
    const parties = stage.operators(2)
    const breach = await stage.breachOf(parties)
    await stage.spendAll(stage.accuser)
    const poor = stage.openDesk({ fund: null })
    await poor.accuse(breach)
    await stage.untilFault('chain_underfunded')
    expect(await stage.viewOf(poor, breach)).toMatchObject({ state: 'recorded', coalition: String(breach.id) })
    await stage.chain.mintUsdc(stage.accuser.address, bondAtomic)
    await stage.until(poor, breach, isOnChain)
    await stage.chain.passSeconds(700)
    await isClosed(poor, breach)
    await poor.close()
    desk = stage.openDesk()
  },
  longMs,
)
