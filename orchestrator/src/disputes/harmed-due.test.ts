/** The payer's repayment where the ledger's close is not on the vault yet: on a real Coalition, a real vault and the real runner. */
import { noSession } from '@computepool/shared/coalition'
import { eq } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { longMs, lower } from '../../testing/coalition-stage.ts'
import type { DisputeStage } from '../../testing/dispute-stage.ts'
import { isOnChain, type View, verdictsOn } from '../../testing/dispute-verdicts.ts'
import { stakeAtomic } from '../../testing/keeper-coalition.ts'
import { useDisputeStage } from '../../testing/use-dispute-stage.ts'
import { signLeave } from '../coalition/index.ts'
import { outboxTable } from '../store/ledger-tables.ts'
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

describe('what the harmed session owes, where the ledger’s close is not on the vault yet', () => {
  const isWaiting = ({ note }: View): boolean => note?.startsWith('Waits until the vault') === true
  const never = { accusing: 0, settling: 0 }

  it(
    'is waited for before anybody is accused, also by the next process: from the verdict on anybody may settle',
    async () => {
      await desk.close()
      const breach = await stage.breachOf(stage.operators(2))
      const { payer, dueAtomic, carry } = await stage.owingSession(breach)
      const before = await stage.usdcOf(payer.address)
      const first = stage.openDesk()
      await first.accuse(breach)
      await stage.until(first, breach, isWaiting)
      await first.close()
      desk = stage.openDesk()
      await desk.idle()
      expect(await stage.viewOf(desk, breach)).toMatchObject({ state: 'recorded', onChain: null })
      await carry()
      const view = await stage.until(desk, breach, isOnChain)
      expect(view.note).toBeNull()
      await decide(desk, view, true)
      expect(await isClosed(desk, breach)).toMatchObject({ state: 'settled', payerAtomic: dueAtomic, note: null })
      // What it had not spent came back from the vault, and from the stake what it had.
      expect((await stage.usdcOf(payer.address)) - before).toBe(2_000_000n)
    },
    longMs,
  )

  it.each(['by workflow', 'directly'])(
    'is waited for once more before the verdict is settled, %s',
    async way => {
      await desk.close()
      const hasWorkflows = way === 'by workflow'
      const waitsMs = { ...never, settling: longMs }
      const harmed = { ...stage.harmed, waitsMs }
      desk = stage.openDesk({ chain: { ...stage.disputeChain, hasWorkflows }, harmed })
      const parties = stage.operators(2)
      await stage.giveUnits(parties)
      const breach = await stage.breachOf(parties)
      const { payer, dueAtomic, carry } = await stage.owingSession(breach)
      const before = await stage.usdcOf(payer.address)
      await desk.accuse(breach)
      await stage.untilFault('chain_due_late')
      await decide(desk, await stage.until(desk, breach, isOnChain), true)
      await stage.until(desk, breach, isWaiting)
      // The guilty one earns nothing meanwhile.
      expect((await stage.ledger.units())?.members.map(({ member }) => member)).toEqual([lower(parties[1]!)])
      await carry()
      expect(await isClosed(desk, breach)).toMatchObject({ state: 'settled', payerAtomic: dueAtomic, note: null })
      expect((await stage.usdcOf(payer.address)) - before).toBe(2_000_000n)
      await desk.close()
      desk = stage.openDesk()
    },
    longMs,
  )

  it(
    'is not waited for without end: it is settled then, and the dispute says what that may cost',
    async () => {
      await desk.close()
      desk = stage.openDesk({ harmed: { ...stage.harmed, waitsMs: never } })
      const breach = await stage.breachOf(stage.operators(2))
      const { carry } = await stage.owingSession(breach)
      await desk.accuse(breach)
      await decide(desk, await stage.until(desk, breach, isOnChain), true)
      const view = await isClosed(desk, breach)
      expect(view).toMatchObject({ state: 'settled', slashedAtomic: stakeAtomic, payerAtomic: 0n })
      expect(view.note).toContain('may get less back')
      await carry()
      await desk.close()
      desk = stage.openDesk()
    },
    longMs,
  )

  it(
    'is not waited for where it never comes: another vault’s session, one that its payer has ended, and free work',
    async () => {
      const { session } = await stage.harmedSession(0n)
      for (const harm of ['ended', 'of another vault', 'free']) {
        const breach = await stage.breachOf(stage.operators(2))
        if (harm === 'ended') {
          // The ledger has not heard of it.
          await stage.ledger.startRequest({ sessionId: session, requestId: breach.requestId })
        }
        if (harm === 'of another vault') await stage.sessionOfFormerVault(breach)
        await desk.accuse(breach)
        const view = await stage.until(desk, breach, isOnChain)
        const { session: named } = await stage.reader.disputeOf(BigInt(view.onChain!.dispute))
        expect({ harm, named }).toEqual({ harm, named: harm === 'ended' ? session : noSession })
        await decide(desk, view, false)
        await isClosed(desk, breach)
      }
    },
    longMs,
  )

  it(
    'is waited for after the accusation, where the stake of one that has left would be free before',
    async () => {
      const parties = stage.operators(2)
      const breach = await stage.breachOf(parties)
      const { dueAtomic, carry } = await stage.owingSession(breach)
      const { place, relay, send } = stage.coalition
      await send(relay.leave(await signLeave({ signer: parties[0]!, place }, { id: breach.id, version: 0 })))
      await stage.chain.passSeconds(3_500)
      await desk.accuse(breach)
      await decide(desk, await stage.until(desk, breach, isOnChain), true)
      await stage.until(desk, breach, isWaiting)
      await carry()
      expect(await isClosed(desk, breach)).toMatchObject({ state: 'settled', payerAtomic: dueAtomic })
    },
    longMs,
  )

  it(
    'is told to the vault at once where the request still runs',
    async () => {
      const breach = await stage.breachOf(stage.operators(2))
      const { session, dueAtomic, carry, end } = await stage.owingSession(breach, false)
      await desk.accuse(breach)
      await stage.until(desk, breach, isWaiting)
      const orders = await stage.home.database.db.select().from(outboxTable).where(eq(outboxTable.sessionId, session))
      expect(orders.map(({ kind, payload }) => ({ kind, payload }))).toContainEqual({
        kind: 'set',
        payload: { rateAtomic: '1000', dueAtomic: String(dueAtomic) },
      })
      await carry()
      await decide(desk, await stage.until(desk, breach, isOnChain), true)
      expect(await isClosed(desk, breach)).toMatchObject({ state: 'settled', payerAtomic: dueAtomic })
      await end()
    },
    longMs,
  )
})
