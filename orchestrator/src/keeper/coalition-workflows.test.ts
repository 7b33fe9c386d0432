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
import { keeperRoutes } from './keeper-routes.ts'
import { createKeeperHubClient } from './keeperhub-client.ts'

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

it('the same files run by KeeperHub’s REST', async () => {
  const client = createKeeperHubClient({
    baseUrl: 'https://keeper.example/api/keeper',
    apiKey: 'owner-key',
    fetch: async (address, init) => {
      const { pathname, search } = new URL(String(address))
      return keeperRoutes([{ keeper: stage.home.keeper, apiKey: 'owner-key' }]).request(
        pathname.replace('/api/keeper', '') + search,
        init,
      )
    },
    clock: hostClock,
  })
  await client.install(stage.workflows)
  const through = async (workflow: string, input: KeeperInput) => {
    const key = { idempotencyKey: `rest-${workflow}` }
    const { executionId } = await client.execute(workflow, { ...noCallback, ...input }, key)
    return client.wait(executionId, longMs)
  }
  const parties = stage.operators(3)
  const terms = await stage.coalition.termsOf(parties)
  const consents = asJson(await stage.coalition.consents(parties, terms))
  expect(await through('propose', { terms: asJson(terms), consents })).toMatchObject({ status: 'success' })
  const id = await stage.coalition.count()
  const pooled = { coalition_id: String(id), ...stage.unitsOrder(parties) }
  expect(sentBy(await through('activate-and-pool', pooled))).toEqual(['Activate', 'Set units'])
  const [culprit, ...honest] = parties as [Key, ...Key[]]
  const dispute = await stage.coalition.accuse(id, { accused: culprit, accuser: stage.accuser() })
  await stage.coalition.decide(dispute, true)
  const breach = { dispute_id: String(dispute), ...stage.unitsOrder(honest), rates: [] }
  expect(sentBy(await through('handle-breach', breach))).toEqual(['Settle', 'Set units'])
  expect(await stage.unitsOf(culprit)).toBe(0n)
})
