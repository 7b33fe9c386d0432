/**
 * The coalition's workflows against a real Coalition and a real StreamVault on anvil: what they do, that doing it again changes
 * nothing, and that a run which is cut between any two nodes is ended by whoever comes next.
 */
import { testAccount } from '@computepool/contracts/testing'
import type { KeeperInput } from '@computepool/shared/ports'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Breach,
  type CoalitionStage,
  type Home,
  type Key,
  longMs,
  lower,
  noCallback,
  openCoalitionStage,
  type Scene,
  sentBy,
} from '../../testing/coalition-stage.ts'
import { accuserCostAtomic, bondAtomic, stakeAtomic } from '../../testing/keeper-coalition.ts'
import { testPriceAtomic } from '../../testing/test-vault.ts'
import { asJson } from '../coalition/relay-coalition.ts'
import { hostClock } from '../host.ts'
import { callbackPath } from './callback-routes.ts'
import { createCallbackTokens } from './callback-tokens.ts'

const rateWei = testPriceAtomic * 10n ** 12n
const manyRunsMs = 240_000
const [proposed, active] = [1, 2]
const [open, guilty, innocent] = [0, 1, 2]

let stage: CoalitionStage
beforeAll(async () => {
  stage = await openCoalitionStage()
}, 240_000)
afterAll(() => stage?.close())

const listed = ({ members, units }: ReturnType<CoalitionStage['unitsOrder']>) =>
  members.map((account, at) => [account, BigInt(units[at] ?? 0)])

describe('propose', () => {
  const scene = async (): Promise<Scene> => {
    const parties = stage.operators(3)
    const terms = await stage.coalition.termsOf(parties)
    const consents = await stage.coalition.consents(parties, terms)
    return {
      input: { terms: asJson(terms), consents: asJson(consents) },
      async check() {
        const id = await stage.coalition.count()
        expect(await stage.stateOf(id)).toBe(proposed)
        for (const party of parties) {
          expect(await stage.coalition.stakeOf(id, party.address)).toMatchObject({ amountAtomic: stakeAtomic })
        }
      },
    }
  }

  it('puts the terms on the chain with every stake, in one transaction', async () => {
    const { input, check } = await scene()
    const before = await stage.coalition.count()
    const ran = await stage.run('propose', input)
    expect(ran).toMatchObject({ status: 'success', error: null })
    expect(sentBy(ran)).toEqual(['Propose'])
    expect(await stage.coalition.count()).toBe(before + 1n)
    await check()
  })

  it('takes consents that come later to the coalition that waits for them', async () => {
    const parties = stage.operators(2)
    const [early, late] = parties as [Key, Key]
    const terms = await stage.coalition.termsOf(parties)
    const [first, second] = [await stage.coalition.consent(early, terms), await stage.coalition.consent(late, terms)]
    const some = { terms: asJson(terms), consents: asJson([first]) }
    expect(await stage.run('propose', some)).toMatchObject({ status: 'success' })
    const id = await stage.coalition.count()
    const tooSoon = await stage.run('activate-and-pool', { coalition_id: String(id), ...stage.unitsOrder(parties) })
    expect(tooSoon).toMatchObject({ status: 'error', transactions: [] })
    expect(tooSoon.error).toContain(`Activate: The contract refused: ConsentMissing(${late.address})`)

    // All that are there by now, of which one is known.
    const all = { ...some, consents: asJson([first, second]) }
    expect(sentBy(await stage.run('propose', all))).toEqual(['Consent'])
    await stage.coalition.send(stage.coalition.relay.activate(id))
    expect(await stage.stateOf(id)).toBe(active)
    // Consents that come after that find nothing to do.
    expect(await stage.run('propose', all)).toMatchObject({ status: 'success', transactions: [] })
  })

  it('proposes nothing a second time, and takes no stake twice', async () => {
    const { input, check } = await scene()
    await stage.run('propose', input)
    const before = [await stage.coalition.count(), await stage.coalition.held()]
    expect(await stage.run('propose', input)).toMatchObject({ status: 'success', transactions: [] })
    expect([await stage.coalition.count(), await stage.coalition.held()]).toEqual(before)
    await check()
  })

  it('keeps signatures out of its logs', async () => {
    const parties = stage.operators(2)
    const terms = await stage.coalition.termsOf(parties)
    const consents = await stage.coalition.consents(parties, terms)
    const input = { ...noCallback, terms: asJson(terms), consents: asJson(consents) }
    const { executionId } = await stage.home.keeper.execute('propose', input, { idempotencyKey: 'logs' })
    expect(await stage.home.keeper.wait(executionId, longMs)).toMatchObject({ status: 'success' })
    const told = JSON.stringify([
      await stage.home.keeper.logs(executionId),
      await stage.home.keeper.detail(executionId),
    ])
    expect(told).toContain(terms.salt)
    for (const { termsSignature, stakeSignature } of consents) {
      expect(told).not.toContain(termsSignature)
      expect(told).not.toContain(stakeSignature)
    }
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    // Six nodes on this branch, one of which writes.
    expect(await stage.killAtEveryNode('propose', 1, scene)).toBe(6 + 1)
  })

  it('takes each later consent once, wherever it was cut', { timeout: manyRunsMs }, async () => {
    const late = async (): Promise<Scene> => {
      const parties = stage.operators(2)
      const terms = await stage.coalition.termsOf(parties)
      await stage.coalition.send(stage.coalition.relay.propose(terms, []))
      const id = await stage.coalition.count()
      return {
        input: { terms: asJson(terms), consents: asJson(await stage.coalition.consents(parties, terms)) },
        async check() {
          for (const { address } of parties) {
            expect(await stage.coalition.stakeOf(id, address)).toMatchObject({
              amountAtomic: stakeAtomic,
              isMember: true,
            })
          }
        },
      }
    }
    expect(await stage.killAtEveryNode('propose', 2, late)).toBe(12 + 1)
  })
})

describe('activate-and-pool', () => {
  const scene = async (parties = stage.operators(3)) => {
    const id = await stage.coalition.propose(parties)
    const order = stage.unitsOrder(parties)
    return {
      id,
      input: { coalition_id: String(id), ...order },
      async check() {
        expect(await stage.stateOf(id)).toBe(active)
        expect(await stage.members()).toEqual(listed(order))
      },
    }
  }

  it('activates, and gives any number of operators their units in one call', async () => {
    const many = Array.from({ length: 9 }, (_, at) => testAccount(`member ${at}`))
    for (const { address } of many) await stage.chain.mintUsdc(address, stakeAtomic)
    const { input, check } = await scene(many)
    const ran = await stage.run('activate-and-pool', input)
    expect(ran).toMatchObject({ status: 'success', error: null })
    expect(sentBy(ran)).toEqual(['Activate', 'Set units'])
    await check()
  })

  it('changes nothing and sends nothing when it runs twice', async () => {
    const { input, check } = await scene()
    await stage.run('activate-and-pool', input)
    expect(await stage.run('activate-and-pool', input)).toMatchObject({ status: 'success', transactions: [] })
    await check()
  })

  it('leaves a later list alone when it comes late', async () => {
    const { input, id } = await scene()
    const later = await scene(stage.operators(2))
    await stage.run('activate-and-pool', later.input)
    expect(await stage.run('activate-and-pool', input)).toMatchObject({ status: 'success' })
    expect(await stage.stateOf(id)).toBe(active)
    await later.check()
  })

  it('gives the units where somebody else activated', async () => {
    const { id, input, check } = await scene()
    await stage.coalition.send(stage.coalition.relay.activate(id))
    expect(sentBy(await stage.run('activate-and-pool', input))).toEqual(['Set units'])
    await check()
  })

  it('does nothing for a coalition that there is not', async () => {
    const before = await stage.members()
    const unknown = await stage.run('activate-and-pool', {
      coalition_id: '999999',
      ...stage.unitsOrder(stage.operators(2)),
    })
    expect(unknown).toMatchObject({ status: 'success', transactions: [] })
    expect(await stage.members()).toEqual(before)
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    expect(await stage.killAtEveryNode('activate-and-pool', 2, scene)).toBe(8 + 2)
  })
})

describe('handle-breach', () => {
  const orderOf = ({ honest, dispute }: Breach, rates: object[] = []) => ({
    dispute_id: String(dispute),
    ...stage.unitsOrder(honest),
    rates: asJson(rates),
  })
  const scene = async (withRate = false): Promise<Scene & Breach> => {
    const breach = await stage.convict()
    const { id } = withRate ? await stage.openSession() : { id: null }
    const rates = id === null ? [] : [await stage.rateOrder(id, 1, rateWei, 0n)]
    return {
      ...breach,
      input: orderOf(breach, rates),
      async check() {
        expect(await stage.coalition.disputeOf(breach.dispute)).toMatchObject({ verdict: guilty, isSettled: true })
        expect((await stage.members()).map(([account]) => account)).toEqual(breach.honest.map(lower))
        expect(await stage.unitsOf(breach.culprit)).toBe(0n)
        if (id !== null) expect(await stage.session(id)).toMatchObject({ state: 2, rateWei })
      },
    }
  }

  it('slashes, takes the units, and spreads the stream over those who stay', async () => {
    const { id, payer } = await stage.openSession()
    const parties = stage.operators(3)
    const pooled = { coalition_id: String(await stage.coalition.propose(parties)), ...stage.unitsOrder(parties) }
    expect(await stage.run('activate-and-pool', pooled)).toMatchObject({ status: 'success' })
    expect(await stage.run('stream-start', await stage.rateOrder(id, 1, rateWei, 1000n))).toMatchObject({
      status: 'success',
    })
    const breach = await stage.convict(parties, id)
    const creditsOf = () =>
      Promise.all([payer, stage.accuser(), ...breach.honest].map(key => stage.coalition.creditOf(key.address)))
    const before = await creditsOf()
    const { dueAtomic: harmAtomic } = await stage.session(id)
    expect(harmAtomic).toBe(1000n)

    const ran = await stage.run('handle-breach', orderOf(breach, [await stage.rateOrder(id, 2, rateWei, 1500n)]))
    expect(ran).toMatchObject({ status: 'success', error: null })
    expect(sentBy(ran)).toEqual(['Settle', 'Set units', 'Set rate'])
    expect(await stage.unitsOf(breach.culprit)).toBe(0n)
    expect(await stage.session(id)).toMatchObject({ state: 2, rateWei, epoch: 2n })
    // The harmed payer first, then the accuser's cost and bond, the rest in halves.
    const rest = (stakeAtomic - harmAtomic - accuserCostAtomic) / 2n
    const gained = (await creditsOf()).map((after, at) => after - (before[at] ?? 0n))
    expect(gained).toEqual([harmAtomic, accuserCostAtomic + bondAtomic, rest, rest])
  })

  it('changes nothing when it runs twice', async () => {
    const { input, check } = await scene()
    await stage.run('handle-breach', input)
    const held = await stage.coalition.held()
    expect(await stage.run('handle-breach', input)).toMatchObject({ status: 'success', transactions: [] })
    expect(await stage.coalition.held()).toBe(held)
    await check()
  })

  it('takes the units where somebody else settled', async () => {
    const { dispute, input, check } = await scene()
    await stage.coalition.send(stage.coalition.relay.settle(dispute))
    expect(sentBy(await stage.run('handle-breach', input))).toEqual(['Set units'])
    await check()
  })

  it('stops the streams where nobody honest is left', async () => {
    const { id } = await stage.openSession()
    const alone = stage.operators(1)
    const pooled = { coalition_id: String(await stage.coalition.propose(alone)), ...stage.unitsOrder(alone) }
    expect(await stage.run('activate-and-pool', pooled)).toMatchObject({ status: 'success' })
    expect(await stage.run('stream-start', await stage.rateOrder(id, 1, rateWei, 0n))).toMatchObject({
      status: 'success',
    })
    const breach = await stage.convict(alone)
    const ran = await stage.run('handle-breach', orderOf(breach, [await stage.rateOrder(id, 2, 0n, 0n)]))
    expect(ran).toMatchObject({ status: 'success', error: null })
    expect(await stage.members()).toEqual([])
    expect(await stage.session(id)).toMatchObject({ state: 1, rateWei: 0n })
  })

  it.each([
    ['nobody decided', open],
    ['the verdict is innocent', innocent],
  ])('does nothing where %s', async (_, verdict) => {
    const breach = await stage.accuse()
    if (verdict === innocent) await stage.coalition.decide(breach.dispute, false)
    const before = [await stage.members(), await stage.coalition.held()]
    const ran = await stage.run('handle-breach', orderOf(breach))
    expect(ran).toMatchObject({ status: 'success', transactions: [] })
    expect(await stage.coalition.disputeOf(breach.dispute)).toMatchObject({ verdict })
    expect([await stage.members(), await stage.coalition.held()]).toEqual(before)
  })

  it('calls back once, whatever it found', async () => {
    const tokens = createCallbackTokens({ db: stage.home.database.db, clock: hostClock, secret: 'test' })
    const breach = await stage.accuse()
    const subject = { outboxId: 'row-5', transition: 'handle-breach' }
    const told = {
      outbox_id: 'row-5',
      callback_url: `https://pool.example${callbackPath}`,
      callback_token: await tokens.issue(subject),
    }
    stage.hints.length = 0
    const input = { ...orderOf(breach), ...told }
    for (let at = 0; at < 2; at++) expect(await stage.run('handle-breach', input)).toMatchObject({ status: 'success' })
    expect(stage.hints).toEqual(['row-5'])
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    expect(await stage.killAtEveryNode('handle-breach', 3, () => scene(true))).toBe(12 + 3)
  })
})

describe('cast-vote', () => {
  const ballot = async (auditor: Key, dispute: bigint, isGuilty = true): Promise<KeeperInput> => {
    const { signature } = await stage.coalition.signedVote(auditor, dispute, isGuilty)
    return { dispute_id: String(dispute), is_guilty: isGuilty, auditor: lower(auditor), signature }
  }

  it('lets independent organisations decide, and the keeper act only then', { timeout: manyRunsMs }, async () => {
    const breach = await stage.accuse()
    const act = { dispute_id: String(breach.dispute), ...stage.unitsOrder(breach.honest), rates: [] }
    const organisations: Home[] = []
    try {
      for (const [at, auditor] of stage.coalition.auditors.entries()) {
        expect(await stage.run('handle-breach', act)).toMatchObject({ transactions: at < 2 ? [] : [{}, {}] })
        const organisation = await stage.openHome(testAccount(`organisation ${at}`))
        organisations.push(organisation)
        const ran = await stage.run('cast-vote', await ballot(auditor, breach.dispute), organisation)
        expect(ran).toMatchObject({ status: 'success', error: null })
        // Two of three decide; a third finds nothing to do.
        expect(sentBy(ran)).toEqual(at < 2 ? ['Vote'] : [])
      }
    } finally {
      for (const organisation of organisations) await stage.closeHome(organisation)
    }
    expect(await stage.coalition.disputeOf(breach.dispute)).toMatchObject({
      guiltyVotes: 2,
      verdict: guilty,
      isSettled: true,
    })
  })

  it('counts once when it runs twice', async () => {
    const { dispute } = await stage.accuse()
    const [auditor] = stage.coalition.auditors as [Key]
    const input = await ballot(auditor, dispute)
    expect(sentBy(await stage.run('cast-vote', input))).toEqual(['Vote'])
    expect(await stage.run('cast-vote', input)).toMatchObject({ status: 'success', transactions: [] })
    expect(await stage.coalition.disputeOf(dispute)).toMatchObject({ guiltyVotes: 1, verdict: open })
  })

  it('is refused by name from whoever is no auditor', async () => {
    const { dispute } = await stage.accuse()
    const nobody = stage.chain.accounts.stranger
    const refused = await stage.run('cast-vote', await ballot(nobody, dispute))
    expect(refused).toMatchObject({ status: 'error', transactions: [] })
    expect(refused.error).toBe(`Vote: The contract refused: NotAuditor(${nobody.address})`)
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    const scene = async (): Promise<Scene> => {
      const { dispute } = await stage.accuse()
      const [auditor] = stage.coalition.auditors as [Key]
      return {
        input: await ballot(auditor, dispute),
        async check() {
          expect(await stage.coalition.disputeOf(dispute)).toMatchObject({ guiltyVotes: 1, verdict: open })
        },
      }
    }
    expect(await stage.killAtEveryNode('cast-vote', 1, scene)).toBe(7 + 1)
  })
})
