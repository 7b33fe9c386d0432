/** From a conviction to the money, on a real Coalition, a real vault and the real runner; every step cut, and taken up again. */
import { testAccount } from '@computepool/contracts/testing'
import type { Hex, VoteWord } from '@computepool/shared/coalition'
import { describe, expect, it } from 'vitest'
import { type Key, longMs, lower } from '../../testing/coalition-stage.ts'
import type { DisputeStage } from '../../testing/dispute-stage.ts'
import { isOnChain, isPaid, type View, verdictsOn } from '../../testing/dispute-verdicts.ts'
import { accuserCostAtomic, bondAtomic, stakeAtomic } from '../../testing/keeper-coalition.ts'
import { useDisputeStage } from '../../testing/use-dispute-stage.ts'
import { disputeKillPoints } from './dispute-ports.ts'
import type { Breach, DisputeDesk } from './index.ts'

const manyRunsMs = 240_000

let stage: DisputeStage
let desk: DisputeDesk
const { decide, isClosed, signed } = verdictsOn(() => stage)
useDisputeStage(
  (opened, first) => {
    stage = opened
    desk = first
  },
  () => desk,
)

const treasury = testAccount('treasury').address

const held = (all: readonly { readonly address: Hex }[]): Promise<bigint[]> =>
  Promise.all(all.map(({ address }) => stage.usdcOf(address)))
describe('guilty', () => {
  it(
    'pays the harmed payer first, then the accuser, then the honest, and takes the guilty one’s units',
    async () => {
      const parties = stage.operators(3)
      await stage.giveUnits(parties)
      const { session, payer } = await stage.harmedSession(3_000n)
      // The session is looked up by the attempt.
      const breach = await stage.breachOf(parties)
      await stage.ledger.startRequest({ sessionId: session, requestId: breach.requestId })
      const all = [payer, ...parties, stage.accuser]
      const before = await held(all)
      const treasuryBefore = await stage.reader.creditOf(treasury)
      await desk.accuse(breach)
      const view = await stage.until(desk, breach, isOnChain)
      expect(view).toMatchObject({ state: 'accused', coalition: String(breach.id), bondAtomic, reason: 'wrong-output' })
      await decide(desk, view, true)
      expect(await isClosed(desk, breach)).toMatchObject({
        ...{ state: 'settled', slashedAtomic: stakeAtomic, payerAtomic: 3_000n, note: null },
        onChain: { guiltyVotes: 2, innocentVotes: 0, quorum: 2 },
      })

      const rest = stakeAtomic - 3_000n - accuserCostAtomic
      const after = await held(all)
      expect(after.map((now, at) => now - before[at]!)).toEqual([
        ...[3_000n, 0n, rest / 2n, rest / 2n],
        // Its bond was made for it, and comes back with its cost.
        accuserCostAtomic + bondAtomic,
      ])
      expect((await stage.reader.creditOf(treasury)) - treasuryBefore).toBe(rest % 2n)
      expect(await stage.unitsOf(parties[0]!)).toBe(0n)
      expect(await stage.members()).toEqual(parties.slice(1).map((party, at) => [lower(party), 101n + BigInt(at)]))
      expect((await stage.ledger.units())?.members).toEqual(
        parties.slice(1).map((party, at) => ({ member: lower(party), units: 101 + at })),
      )
      expect((await stage.ledger.receipt(session)).refundedBySlashAtomic).toBe(3_000n)
      expect(desk.view()).toEqual({ open: 0, slashed: 1 })
      expect(stage.acquitted).toEqual([])
    },
    longMs,
  )

  it(
    'is one dispute, however often it is reported',
    async () => {
      const parties = stage.operators(2)
      const breach = await stage.breachOf(parties)
      const before = await stage.reader.totals()
      await Promise.all([desk.accuse(breach), desk.accuse(breach)])
      // Of the same work, with a bundle that another auditor made.
      const other = 'ab'.repeat(32)
      await desk.accuse({ ...breach, evidence: { sha256: other, path: `/api/evidence/${other}` } })
      const view = await stage.until(desk, breach, isOnChain)
      await desk.accuse(breach)
      await desk.idle()
      expect((await stage.reader.totals()).disputes).toBe(before.disputes + 1n)
      expect(
        (await desk.list()).filter(
          ({ accused, coalition }) => accused === breach.operator && coalition === String(breach.id),
        ),
      ).toHaveLength(1)
      await decide(desk, view, true)
      await isClosed(desk, breach)
    },
    longMs,
  )

  it(
    'leaves alone what another accuser had punished already',
    async () => {
      const parties = stage.operators(2)
      const breach = await stage.breachOf(parties)
      const evidenceHash = `0x${breach.evidence.sha256}` as const
      const { dispute } = await stage.accuseBy(stage.accuserElsewhere, breach, evidenceHash)
      await stage.coalition.decide(dispute, true)
      await desk.accuse(breach)
      expect(await stage.until(desk, breach, ({ note }) => note !== null)).toMatchObject({
        state: 'recorded',
        coalition: null,
        onChain: null,
      })
    },
    longMs,
  )
})

describe('the coalition that the slash is taken in', () => {
  it(
    'is that of the harmed ring, whichever the accused staked in first or with more',
    async () => {
      const parties = stage.operators(3)
      const friends = [0, 3].map(at => stage.operators(4)[at]!)
      for (const name of ['before', 'after']) {
        const first = name === 'before' ? await stage.breachOf(friends) : null
        const breach = await stage.breachOf(parties)
        if (first === null) await stage.breachOf(friends)
        await desk.accuse(breach)
        const view = await stage.until(desk, breach, isOnChain)
        expect({ name, coalition: view.coalition }).toEqual({ name, coalition: String(breach.id) })
        await decide(desk, view, false)
        await isClosed(desk, breach)
      }
    },
    longMs,
  )

  it(
    'is the newest of those with strangers, where it has a stake with nobody of the ring',
    async () => {
      const friends = [0, 3].map(at => stage.operators(4)[at]!)
      await stage.breachOf(friends)
      const breach = await stage.breachOf(friends)
      await desk.accuse({ ...breach, members: [lower(testAccount('somebody'))] })
      const view = await stage.until(desk, breach, isOnChain)
      expect(view.coalition).toBe(String(breach.id))
      await decide(desk, view, false)
      await isClosed(desk, breach)
    },
    longMs,
  )
})

it(
  'innocent: the accuser’s bond is the accused’s, and whoever banned it hears of it',
  async () => {
    const parties = stage.operators(2)
    const breach = await stage.breachOf(parties)
    await stage.chain.mintUsdc(stage.accuser.address, bondAtomic)
    const before = await held([parties[0]!, stage.accuser])
    await desk.accuse(breach)
    const view = await stage.until(desk, breach, isOnChain)
    await decide(desk, view, false)
    expect(await isClosed(desk, breach)).toMatchObject({ state: 'innocent', slashedAtomic: 0n, payerAtomic: 0n })
    const after = await held([parties[0]!, stage.accuser])
    expect(after[0]! - before[0]!).toBe(bondAtomic)
    expect(before[1]! - after[1]!).toBe(bondAtomic)
    expect(stage.acquitted).toContain(breach.operator)
    expect((await stage.coalition.stakeOf(breach.id, parties[0]!.address)).amountAtomic).toBe(stakeAtomic)
  },
  longMs,
)

it(
  'undecided: the bond comes back, and nobody loses anything',
  async () => {
    const parties = stage.operators(2)
    const breach = await stage.breachOf(parties)
    await stage.chain.mintUsdc(stage.accuser.address, bondAtomic)
    const before = await held([...parties, stage.accuser])
    await desk.accuse(breach)
    const view = await stage.until(desk, breach, isOnChain)
    await stage.chain.passSeconds(700)
    await stage.until(desk, breach, isPaid)
    expect(await isClosed(desk, breach)).toMatchObject({ state: 'undecided', slashedAtomic: 0n })
    expect(await held([...parties, stage.accuser])).toEqual(before)
    expect(await desk.vote(view.id, await signed(stage.coalition.auditors[0]!, view, true))).toEqual({
      kind: 'refused',
      why: 'not-open',
    })
  },
  longMs,
)

it(
  'who has no stake, and whoever is in an unstaked pool, is written down and no more',
  async () => {
    const [stranger] = [testAccount('operator without a stake')]
    const sha256 = 'cd'.repeat(32)
    const evidence = { sha256, path: `/api/evidence/${sha256}` }
    const breach: Breach = { operator: lower(stranger), what: 'withheld', requestId: 'r', members: [], evidence }
    const before = await stage.reader.totals()
    await desk.accuse(breach)
    const unstaked = stage.openDesk({ chain: null, vault: `0x${'77'.repeat(20)}` })
    await unstaked.accuse({ ...breach, operator: lower(stage.operators(1)[0]!) })
    for (const one of [desk, unstaked]) {
      await one.idle()
      expect((await one.list())[0]).toMatchObject({ state: 'recorded', coalition: null, onChain: null, evidence })
    }
    expect((await stage.reader.totals()).disputes).toBe(before.disputes)
    await unstaked.close()
  },
  longMs,
)

describe('a vote', () => {
  it(
    'is taken of a registered auditor that is not involved, in time, over this evidence, once',
    async () => {
      const parties = stage.operators(2)
      const breach = await stage.breachOf(parties)
      await desk.accuse(breach)
      const view = await stage.until(desk, breach, isOnChain)
      const [first, second, third] = stage.coalition.auditors as [Key, Key, Key]
      const good = await signed(first, view, true)
      const why = async (word: VoteWord, id = view.id) => {
        const outcome = await desk.vote(id, word)
        return outcome.kind === 'refused' ? outcome.why : outcome.kind
      }
      expect(await why(good)).toBe('too-early')
      await stage.chain.passSeconds(61)
      await stage.until(desk, breach, ({ state }) => state === 'voting')
      expect(await why({ ...good, dispute: good.dispute + 1n })).toBe('other-dispute')
      expect(await why({ ...good, isGuilty: false })).toBe('signature-wrong')
      expect(await why({ ...good, auditor: lower(second) })).toBe('signature-wrong')
      expect(await why(await signed(parties[1]!, view, true))).toBe('not-auditor')
      await expect(desk.vote('99999', good)).rejects.toMatchObject({ code: 'input_not_found' })
      // Whoever names an auditor without its signature takes nobody's place.
      const dissent = await signed(third, view, false)
      const forged = { ...dissent, signature: good.signature }
      expect(await Promise.all([why(forged), why(dissent)])).toEqual(['signature-wrong', 'taken'])
      const sent = await Promise.all([why(good), why(good)])
      expect(sent.sort()).toEqual(['busy', 'taken'])
      expect(await why(good)).toBe('taken')
      expect(await why(await signed(first, view, false))).toBe('voted-otherwise')
      expect((await stage.reader.disputeOf(BigInt(view.onChain!.dispute))).guiltyVotes).toBe(1)
      // No run of the pool's: those that vote are of the auditors' organisations.
      expect((await stage.home.keeper.runs(null, 50)).map(({ workflow }) => workflow)).not.toContain('cast-vote')
      await decide(desk, view, true)
      await isClosed(desk, breach)
    },
    longMs,
  )
})

/** As a process does that comes after: reports again what it knows, and auditors vote who have not. */
async function carry(on: DisputeDesk, breach: Breach, isGuilty: boolean | null): Promise<void> {
  await on.accuse(breach)
  const view = await stage.until(on, breach, isOnChain)
  if (isGuilty === null) await stage.chain.passSeconds(700)
  else {
    await stage.chain.passSeconds(61)
    for (const auditor of stage.coalition.auditors.slice(0, 2))
      await on.vote(view.id, await signed(auditor, view, isGuilty))
  }
  await isClosed(on, breach)
}

describe('killed', () => {
  const ways = disputeKillPoints.map(point => [point, point === 'dispute:closed' ? null : true] as const)
  it.each(ways)(
    'at %s, it is taken up by the next process, and ends as if nothing had been',
    async (point, isGuilty) => {
      await desk.close()
      const parties = stage.operators(2)
      await stage.giveUnits(parties)
      const breach = await stage.breachOf(parties)
      if (point === 'dispute:due-noted') {
        const { session } = await stage.harmedSession(0n)
        await stage.ledger.startRequest({ sessionId: session, requestId: breach.requestId })
      }
      const all = [...parties, stage.accuser]
      // The bond is made anew, where that is what is cut.
      await stage.spendAll(stage.accuser)
      const before = await held(all)
      const disputes = (await stage.reader.totals()).disputes
      expect(await stage.dieAt(point, doomed => carry(doomed, breach, isGuilty))).toBe(true)
      desk = stage.openDesk()
      await carry(desk, breach, isGuilty)
      expect((await stage.reader.totals()).disputes).toBe(disputes + 1n)
      const after = await held(all)
      const guilty = [0n, stakeAtomic - accuserCostAtomic, bondAtomic + accuserCostAtomic]
      expect(after.map((now, at) => now - before[at]!)).toEqual(isGuilty ? guilty : [0n, 0n, bondAtomic])
      expect(await stage.unitsOf(parties[0]!)).toBe(isGuilty ? 0n : 100n)
    },
    manyRunsMs,
  )
})

/** Last: it leaves two disputes open, and their bonds in the registry. */
it(
  'is told to be voted on when its time comes, beside others whose time came before',
  async () => {
    const [earlier, later] = [await stage.breachOf(stage.operators(2)), await stage.breachOf(stage.operators(2))]
    const isVotedOn = ({ state }: View): boolean => state === 'voting'
    await desk.accuse(earlier)
    await stage.until(desk, earlier, isOnChain)
    await stage.chain.passSeconds(61)
    await stage.until(desk, earlier, isVotedOn)
    await desk.accuse(later)
    await stage.until(desk, later, isOnChain)
    // Both look at the clock of the chain; whoever waits for the later one hears of it.
    const told = stage.until(desk, later, isVotedOn)
    await stage.chain.passSeconds(61)
    await told
  },
  longMs,
)
