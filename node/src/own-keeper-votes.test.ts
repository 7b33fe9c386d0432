/** Auditors with keepers of their own: votes by runs of their organisations, and by the pool's relay where those cannot. */
import { moneyTermsSchema } from '@computepool/shared/money'
import { createGate } from '@computepool/shared/testing'
import { formatEther } from 'viem'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { hostClock } from '../../orchestrator/src/host.ts'
import { longMs, lower } from '../../orchestrator/testing/coalition-stage.ts'
import { type KeeperHouse, openKeeperHouse } from '../../orchestrator/testing/keeper-house.ts'
import { auditorKeys, useVoteStage } from '../testing/vote-stage.ts'
import { createOwnKeeper } from './auditor/own-keeper.ts'

const on = useVoteStage()
const { pool, said, start, disputed, settled } = on

/** Each auditor's own organisation; the last one's wallet has no coins. */
let house: KeeperHouse
beforeAll(async () => {
  const { chain, home, disputeChain } = on.stage
  for (const { address } of auditorKeys.slice(0, 2)) await chain.testClient.setBalance({ address, value: 10n ** 18n })
  house = await openKeeperHouse({ db: home.database.db, client: disputeChain.client }, auditorKeys)
}, 240_000)
afterAll(() => house?.close())

/** As each auditor's process has them. */
const ownKeepers = (fetch = house.fetch, clock = hostClock) =>
  new Map(
    house.organisations.map(({ account, apiKey }) => [
      account.address.toLowerCase(),
      createOwnKeeper({ baseUrl: house.baseUrl, apiKey, clock, fetch }),
    ]),
  )
const runsOf = async (at: number, dispute: string) =>
  (await house.organisations[at]!.keeper.runs(null, 50)).filter(
    ({ run }) => JSON.parse(run.input).dispute_id === dispute,
  )

test(
  'each votes by a run of its own organisation, from its own wallet, and the pool acts on that',
  async () => {
    const dispute = await disputed({ isCheat: true })
    await start(auditorKeys.slice(0, 2), { keepers: ownKeepers() }).look()
    const { onChain, transactions } = await settled(dispute)
    expect(on.relayed).toBe(0)
    expect(onChain).toMatchObject({ guiltyVotes: 2, innocentVotes: 0 })
    const votes = onChain!.votes!
    expect(new Set(votes.map(({ auditor }) => auditor))).toEqual(new Set(auditorKeys.slice(0, 2).map(lower)))
    for (const { auditor, sender, by, transaction } of votes) {
      expect([sender, by]).toEqual([auditor, 'own-keeper'])
      const at = auditorKeys.findIndex(key => lower(key) === auditor)
      // In that organisation, and in no other.
      const runs = await Promise.all(auditorKeys.map((_, other) => runsOf(other, onChain!.dispute)))
      expect(runs[at]!.map(({ transactions: sent }) => sent.map(({ hash }) => hash))).toEqual([[transaction]])
      const { gasUsed, effectiveGasPrice } = await on.stage.chain.publicClient.getTransactionReceipt({
        hash: transaction as `0x${string}`,
      })
      const gas = formatEther(gasUsed * effectiveGasPrice)
      expect(said.join('\n')).toContain(
        `${auditor} voted guilty in dispute ${onChain!.dispute} by a run of its own keeper (${transaction}, ${gas} for gas).`,
      )
    }
    // The keeper of the pool, and after the verdict.
    const blockOf = async (hash: string) =>
      (await on.stage.chain.publicClient.getTransactionReceipt({ hash: hash as `0x${string}` })).blockNumber
    const settling = transactions.find(({ what }) => what === 'settled')!.hash
    const handled = (await on.stage.home.keeper.runs(null, 50)).find(({ transactions: sent }) =>
      sent.some(({ hash }) => hash === settling),
    )
    expect(handled?.workflow).toBe('handle-breach')
    for (const { transaction } of votes) expect(await blockOf(transaction)).toBeLessThan(await blockOf(settling))
  },
  longMs,
)

test(
  'spend nothing of their own where only the pool says that there is a registry, and say so once',
  async () => {
    const dispute = await disputed({ isCheat: true })
    const registry = on.stage.coalition.address.toLowerCase()
    const other = `0x${'77'.repeat(20)}`
    await start(auditorKeys.slice(0, 1), { keepers: ownKeepers(), registries: [other] }).look()
    // An endpoint that the pool names shows whatever it likes.
    const terms = { mode: 'paid', chain: { rpcUrl: on.stage.chain.url } }
    vi.spyOn(moneyTermsSchema, 'parse').mockReturnValue(terms as never)
    onTestFinished(() => void vi.restoreAllMocks())
    const ofPool: typeof fetch = async (input, init) =>
      String(input).endsWith('/api/money') ? Response.json(terms) : pool(input, init)
    await start(auditorKeys.slice(1, 2), { keepers: ownKeepers(), rpcUrl: undefined, fetch: ofPool }).look()
    const { onChain } = await settled(dispute)
    expect(on.relayed).toBe(2)
    expect(onChain!.votes).toMatchObject([{ by: 'relay' }, { by: 'relay' }])
    for (const at of [0, 1]) expect(await runsOf(at, onChain!.dispute)).toEqual([])
    const told = `${registry} is no registry that was named: votes at such go by the pool’s relay alone, at its cost.`
    // Each of the two that were started.
    expect(said.filter(text => text === told)).toHaveLength(2)
  },
  longMs,
)

test(
  'killed at any call to its keeper, an auditor goes on with the same run, and its vote counts once',
  async () => {
    const dispute = await disputed({ isCheat: true })
    const one = auditorKeys.slice(0, 1)
    // What is sent is not mined before the last of them is dead.
    await on.stage.chain.testClient.setAutomine(false)
    let last = ''
    for (let calls = 0; !last.includes('/wait'); calls++) {
      let left = calls
      const doomed = createGate()
      // What was asked is heard; whoever asked is not there any more.
      const mortal: typeof fetch = async (input, init) => {
        last = String(input)
        const answer = house.fetch(input, { ...init, signal: null })
        if (left-- > 0) return answer
        if (!last.includes('/wait')) await answer
        doomed.open()
        return new Promise((_, reject) => init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason)))
      }
      const votes = start(one, { keepers: ownKeepers(mortal) })
      void votes.look()
      await doomed.opened
      await votes.close()
    }
    await on.stage.chain.testClient.setAutomine(true)
    await on.stage.chain.testClient.mine({ blocks: 1 })
    await start(one, { keepers: ownKeepers() }).look()
    const view = await on.stage.until(on.desk, dispute.breach, ({ onChain }) => onChain?.guiltyVotes === 1)
    expect(await runsOf(0, view.onChain!.dispute)).toMatchObject([{ run: { status: 'success' }, transactions: [{}] }])
    expect(on.relayed).toBe(0)
    await start(auditorKeys.slice(1, 2), { keepers: ownKeepers() }).look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled' })
  },
  longMs,
)

test(
  'whose keeper cannot has its vote on.relayed by the pool, says so, and votes once',
  async () => {
    const dispute = await disputed({ isCheat: true })
    const { voteUntil } = (await on.stage.viewOf(on.desk, dispute.breach))!.onChain!
    // Without coins a run waits for some: not longer than half the time that is left.
    const late = { ...hostClock, wallMs: () => voteUntil * 1000 - 3000 }
    await start(auditorKeys.slice(2), { keepers: ownKeepers(), clock: late }).look()
    await on.stage.until(on.desk, dispute.breach, ({ onChain }) => onChain?.guiltyVotes === 1)
    expect(said).toContainEqual(expect.stringMatching(/own keeper did not cast its vote .* did not end within 2 s/))
    const away: typeof fetch = async () => Response.json({ error: 'no' }, { status: 403 })
    await start(auditorKeys.slice(1, 2), { keepers: ownKeepers(away) }).look()
    const { onChain } = await settled(dispute)
    expect(on.relayed).toBe(2)
    expect(onChain!.votes).toMatchObject([
      { auditor: lower(auditorKeys[2]!), sender: lower(on.stage.home.account), by: 'relay' },
      { auditor: lower(auditorKeys[1]!), sender: lower(on.stage.home.account), by: 'relay' },
    ])
  },
  longMs,
)
