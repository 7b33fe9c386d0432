/** Auditors that look at a pool's disputes: what they vote on a real registry, and where they keep silent. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testAccount } from '@computepool/contracts/testing'
import { decodeEvidence, encodeEvidence } from '@computepool/shared/audit'
import { bigintAsString, moneyTermsSchema } from '@computepool/shared/money'
import { createGate, createManualClock } from '@computepool/shared/testing'
import { formatEther } from 'viem'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { errorResponse } from '../../orchestrator/src/api/openai-routes.ts'
import { type DisputeDesk, disputeRoutes } from '../../orchestrator/src/disputes/index.ts'
import { hostClock } from '../../orchestrator/src/host.ts'
import { type Key, longMs, lower } from '../../orchestrator/testing/coalition-stage.ts'
import { type DisputeStage, openDisputeStage } from '../../orchestrator/testing/dispute-stage.ts'
import { type KeeperHouse, openKeeperHouse } from '../../orchestrator/testing/keeper-house.ts'
import { garbage } from '../../shared/testing/cheats/change-outputs.ts'
import { evidenceManifest, evidenceSpans, sampleEvidence } from '../../shared/testing/cheats/sample-evidence.ts'
import { judgeSample as judge } from '../testing/judge-sample.ts'
import { keepConvictions } from './auditor/kept-convictions.ts'
import { createOwnKeeper } from './auditor/own-keeper.ts'
import { type AuditorVotes, type AuditorVotesOptions, startAuditorVotes } from './auditor-votes.ts'

const origin = 'https://pool.example'
const auditorKeys = [0, 1, 2].map(at => testAccount(`auditor ${at}`))
const { vocab } = evidenceManifest.dimensions

let stage: DisputeStage
let desk: DisputeDesk
let routes: ReturnType<typeof disputeRoutes>
/** Each auditor's own organisation; the last one's wallet has no coins. */
let house: KeeperHouse
/** Votes that the pool was asked to relay. */
let relayed = 0
const bundles = new Map<string, Uint8Array>()
beforeAll(async () => {
  stage = await openDisputeStage()
  desk = stage.openDesk()
  routes = disputeRoutes({ desk: () => desk, addressOf: () => 'auditor', clock: hostClock })
  routes.onError(errorResponse)
  for (const { address } of auditorKeys.slice(0, 2))
    await stage.chain.testClient.setBalance({ address, value: 10n ** 18n })
  house = await openKeeperHouse({ db: stage.home.database.db, client: stage.disputeChain.client }, auditorKeys)
}, 240_000)
afterAll(async () => {
  await desk?.close()
  await house?.close()
  await stage?.close()
})

/** The pool as auditors reach it. */
const pool: typeof fetch = async (input, init) => {
  const url = new URL(String(input))
  if (url.origin !== origin) throw new TypeError(`Somebody went to ${url.origin}.`)
  if (init?.method === 'POST') relayed++
  const bundle = bundles.get(url.pathname)
  if (bundle !== undefined) return new Response(bundle as Uint8Array<ArrayBuffer>)
  return routes.request(url.pathname.replace(/^\/api/, ''), init)
}

const said: string[] = []
const faults: unknown[] = []
const started: AuditorVotes[] = []
afterEach(async () => {
  for (const votes of started.splice(0)) await votes.close()
  said.length = 0
  relayed = 0
  expect(faults.splice(0)).toEqual([])
})
function start(keys: readonly Key[], change: Partial<AuditorVotesOptions> = {}): AuditorVotes {
  const votes = startAuditorVotes({
    ...{ origin, keys, judge, clock: createManualClock(), rpcUrl: stage.chain.url, fetch: pool },
    registries: [stage.coalition.address.toLowerCase()],
    onNotice: text => said.push(text),
    onFault: fault => faults.push(fault),
    ...change,
  })
  started.push(votes)
  return votes
}

let seeds = 0
/** Evidence about the middle seat of these three, and a dispute over it that is open to votes. */
async function disputed({ isCheat, about, ...given }: { isCheat: boolean; about?: Key; bytes?: Uint8Array }) {
  const parties = stage.operators(3)
  const wallets = parties.map(party => ({
    peer: `${lower(party)}.00000000`,
    sign: (message: string) => party.signMessage({ message }),
  }))
  const cheat = isCheat ? { cheat: (engine: Parameters<typeof garbage>[0]) => garbage(engine, { vocab }) } : {}
  const bytes = given.bytes ?? encodeEvidence(await sampleEvidence({ seat: 1, seed: ++seeds, wallets, ...cheat }))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const path = `/api/evidence/${sha256}`
  bundles.set(path, bytes)
  const accused = about ?? parties[1]!
  const breach = { ...(await stage.breachOf(parties)), operator: lower(accused), evidence: { sha256, path } }
  await desk.accuse(breach)
  await stage.until(desk, breach, ({ onChain }) => Boolean(onChain))
  await stage.chain.passSeconds(61)
  await stage.until(desk, breach, ({ state }) => state === 'voting')
  return { breach, path, accused, bytes }
}
const settled = async ({ breach }: Awaited<ReturnType<typeof disputed>>) => {
  const view = await stage.until(desk, breach, ({ transactions }) =>
    transactions.some(({ what }) => what.startsWith('paid')),
  )
  await desk.idle()
  return view
}

test(
  'replay the evidence, say what came of it, and a cheat loses its stake',
  async () => {
    expect(evidenceSpans).toHaveLength(3)
    const dispute = await disputed({ isCheat: true })
    await start(auditorKeys).look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled', onChain: { guiltyVotes: 2, innocentVotes: 0 } })
  },
  longMs,
)

test(
  'vote on one of two bundles about the same work, not on both',
  async () => {
    const dispute = await disputed({ isCheat: true })
    const bundle = decodeEvidence(dispute.bytes)
    const { sections: _, ...header } = bundle.header
    const finding = { ...header.finding, worst: 7 }
    const second = await disputed({
      isCheat: true,
      bytes: encodeEvidence({ ...bundle, header: { ...header, finding } }),
    })
    const folder = await mkdtemp(join(tmpdir(), 'auditor-votes-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const own = () => ({ convictions: keepConvictions(join(folder, 'convicted')) })
    await start(auditorKeys, own()).look()
    // Started anew: what it has not yet heard of is the second.
    await start(auditorKeys, own()).look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled' })
    expect((await stage.viewOf(desk, second.breach))?.onChain).toMatchObject({ guiltyVotes: 0, innocentVotes: 0 })
    await stage.chain.passSeconds(700)
    expect(await settled(second)).toMatchObject({ state: 'undecided' })
  },
  longMs,
)

test(
  'find the honest innocent, and whoever accused it loses its bond',
  async () => {
    const dispute = await disputed({ isCheat: false })
    const before = await stage.usdcOf(dispute.accused.address)
    const votes = start(auditorKeys)
    await votes.look()
    await votes.look()
    const view = await settled(dispute)
    expect(view).toMatchObject({ state: 'innocent', onChain: { guiltyVotes: 0, innocentVotes: 2 } })
    expect((await stage.usdcOf(dispute.accused.address)) - before).toBe(view.bondAtomic)
  },
  longMs,
)

test(
  'find whoever is accused of what another did innocent',
  async () => {
    const dispute = await disputed({ isCheat: true, about: stage.operators(3)[2]! })
    await start(auditorKeys).look()
    expect(await settled(dispute)).toMatchObject({ state: 'innocent' })
  },
  longMs,
)

test(
  'keep silent where they cannot judge, are no auditors, or the bundle is another',
  async () => {
    const dispute = await disputed({ isCheat: true })
    const asked = async (keys: readonly Key[], change: Partial<AuditorVotesOptions> = {}) => {
      await start(keys, change).look()
      const { onChain } = (await stage.viewOf(desk, dispute.breach))!
      return onChain!.guiltyVotes + onChain!.innocentVotes
    }
    expect(await asked([testAccount('no auditor')])).toBe(0)
    expect(await asked(auditorKeys, { judge: async () => ({ verdict: 'unjudged', faults: ['unmeasured'] }) })).toBe(0)
    expect(said).toContainEqual(expect.stringContaining('cannot judge it'))
    const bytes = bundles.get(dispute.path)!
    for (const other of [bytes.slice(1), new Uint8Array(bytes.length)]) {
      bundles.set(dispute.path, other)
      expect(await asked(auditorKeys)).toBe(0)
    }
    bundles.set(dispute.path, bytes)
    // One vote is none yet, and the same auditor has no second one.
    const one = start(auditorKeys.slice(0, 1))
    await one.look()
    await one.look()
    await stage.until(desk, dispute.breach, ({ onChain }) => onChain?.guiltyVotes === 1)
    await start(auditorKeys.slice(1)).look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled' })
  },
  longMs,
)

test(
  'ask for the evidence again where the pool is busy',
  async () => {
    const dispute = await disputed({ isCheat: true })
    let status = 429
    const busy: typeof fetch = async (input, init) =>
      String(input).endsWith(dispute.path) && status !== 200 ? new Response(null, { status }) : pool(input, init)
    const votes = start(auditorKeys, { fetch: busy })
    for (status of [429, 502]) {
      await votes.look()
      expect(faults.splice(0)).toMatchObject([{ code: 'peer_unreachable' }])
    }
    status = 200
    await votes.look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled' })
  },
  longMs,
)

test(
  'look again after a minute for evidence that was not there',
  async () => {
    const dispute = await disputed({ isCheat: true })
    const clock = createManualClock()
    let asked = 0
    let isThere = false
    const late: typeof fetch = async (input, init) => {
      if (!String(input).endsWith(dispute.path)) return pool(input, init)
      asked++
      return isThere ? pool(input, init) : new Response(null, { status: 404 })
    }
    const votes = start(auditorKeys, { fetch: late, clock })
    await votes.look()
    await votes.look()
    expect(asked).toBe(1)
    isThere = true
    await clock.advance(60_000)
    await votes.look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled' })
  },
  longMs,
)

test(
  'give up a vote that the pool does not answer, and send it again',
  async () => {
    const dispute = await disputed({ isCheat: true })
    const clock = createManualClock()
    const asked = createGate()
    let isDeaf = true
    const deaf: typeof fetch = async (input, init) => {
      if (!isDeaf || init?.method !== 'POST') return pool(input, init)
      isDeaf = false
      return new Promise((_, reject) => {
        init.signal!.addEventListener('abort', () => reject(init.signal!.reason))
        asked.open()
      })
    }
    const votes = start(auditorKeys.slice(0, 2), { fetch: deaf, clock })
    const first = votes.look()
    await asked.opened
    await clock.advance(90_000)
    await first
    expect(faults.splice(0)).toMatchObject([{ code: 'peer_unreachable' }])
    await votes.look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled' })
  },
  longMs,
)

test(
  'an auditor with a stake in the coalition keeps out of it, and a pool cannot make it sign for another accused',
  async () => {
    const owner = stage.chain.accounts.owner
    const [first] = stage.operators(1)
    await stage.setAuditor(first!.address, true, owner)
    const dispute = await disputed({ isCheat: true })
    const involved = testAccount('operator 0')
    await start([involved]).look()
    expect((await stage.viewOf(desk, dispute.breach))!.onChain).toMatchObject({ guiltyVotes: 0, innocentVotes: 0 })
    await stage.setAuditor(first!.address, false, owner)
    // The list says who is accused, and is not asked.
    const lying: typeof fetch = async (input, init) => {
      const response = await pool(input, init)
      if (!String(input).endsWith('/api/disputes')) return response
      const { disputes } = (await response.json()) as { disputes: { accused: string }[] }
      const other = disputes.map(one => ({ ...one, accused: lower(testAccount('nobody')) }))
      return new Response(JSON.stringify({ disputes: other }, bigintAsString))
    }
    await start(auditorKeys, { fetch: lying }).look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled' })
  },
  longMs,
)

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
    expect(relayed).toBe(0)
    expect(onChain).toMatchObject({ guiltyVotes: 2, innocentVotes: 0 })
    const votes = onChain!.votes!
    expect(new Set(votes.map(({ auditor }) => auditor))).toEqual(new Set(auditorKeys.slice(0, 2).map(lower)))
    for (const { auditor, sender, by, transaction } of votes) {
      expect([sender, by]).toEqual([auditor, 'own-keeper'])
      const at = auditorKeys.findIndex(key => lower(key) === auditor)
      // In that organisation, and in no other.
      const runs = await Promise.all(auditorKeys.map((_, other) => runsOf(other, onChain!.dispute)))
      expect(runs[at]!.map(({ transactions: sent }) => sent.map(({ hash }) => hash))).toEqual([[transaction]])
      const { gasUsed, effectiveGasPrice } = await stage.chain.publicClient.getTransactionReceipt({
        hash: transaction as `0x${string}`,
      })
      const gas = formatEther(gasUsed * effectiveGasPrice)
      expect(said.join('\n')).toContain(
        `${auditor} voted guilty in dispute ${onChain!.dispute} by a run of its own keeper (${transaction}, ${gas} for gas).`,
      )
    }
    // The keeper of the pool, and after the verdict.
    const blockOf = async (hash: string) =>
      (await stage.chain.publicClient.getTransactionReceipt({ hash: hash as `0x${string}` })).blockNumber
    const settling = transactions.find(({ what }) => what === 'settled')!.hash
    const handled = (await stage.home.keeper.runs(null, 50)).find(({ transactions: sent }) =>
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
    const registry = stage.coalition.address.toLowerCase()
    const other = `0x${'77'.repeat(20)}`
    await start(auditorKeys.slice(0, 1), { keepers: ownKeepers(), registries: [other] }).look()
    // An endpoint that the pool names shows whatever it likes.
    const terms = { mode: 'paid', chain: { rpcUrl: stage.chain.url } }
    vi.spyOn(moneyTermsSchema, 'parse').mockReturnValue(terms as never)
    onTestFinished(() => void vi.restoreAllMocks())
    const ofPool: typeof fetch = async (input, init) =>
      String(input).endsWith('/api/money') ? Response.json(terms) : pool(input, init)
    await start(auditorKeys.slice(1, 2), { keepers: ownKeepers(), rpcUrl: undefined, fetch: ofPool }).look()
    const { onChain } = await settled(dispute)
    expect(relayed).toBe(2)
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
    await stage.chain.testClient.setAutomine(false)
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
    await stage.chain.testClient.setAutomine(true)
    await stage.chain.testClient.mine({ blocks: 1 })
    await start(one, { keepers: ownKeepers() }).look()
    const view = await stage.until(desk, dispute.breach, ({ onChain }) => onChain?.guiltyVotes === 1)
    expect(await runsOf(0, view.onChain!.dispute)).toMatchObject([{ run: { status: 'success' }, transactions: [{}] }])
    expect(relayed).toBe(0)
    await start(auditorKeys.slice(1, 2), { keepers: ownKeepers() }).look()
    expect(await settled(dispute)).toMatchObject({ state: 'settled' })
  },
  longMs,
)

test(
  'whose keeper cannot has its vote relayed by the pool, says so, and votes once',
  async () => {
    const dispute = await disputed({ isCheat: true })
    const { voteUntil } = (await stage.viewOf(desk, dispute.breach))!.onChain!
    // Without coins a run waits for some: not longer than half the time that is left.
    const late = { ...hostClock, wallMs: () => voteUntil * 1000 - 3000 }
    await start(auditorKeys.slice(2), { keepers: ownKeepers(), clock: late }).look()
    await stage.until(desk, dispute.breach, ({ onChain }) => onChain?.guiltyVotes === 1)
    expect(said).toContainEqual(expect.stringMatching(/own keeper did not cast its vote .* did not end within 2 s/))
    const away: typeof fetch = async () => Response.json({ error: 'no' }, { status: 403 })
    await start(auditorKeys.slice(1, 2), { keepers: ownKeepers(away) }).look()
    const { onChain } = await settled(dispute)
    expect(relayed).toBe(2)
    expect(onChain!.votes).toMatchObject([
      { auditor: lower(auditorKeys[2]!), sender: lower(stage.home.account), by: 'relay' },
      { auditor: lower(auditorKeys[1]!), sender: lower(stage.home.account), by: 'relay' },
    ])
  },
  longMs,
)

test(
  'are silent on a bundle of another version, and say which release votes',
  async () => {
    const text = Buffer.from(encodeEvidence(await sampleEvidence({ seat: 1, seed: ++seeds }))).toString('latin1')
    const bytes = new Uint8Array(Buffer.from(text.replace('"version":3', '"version":9'), 'latin1'))
    const dispute = await disputed({ isCheat: true, bytes })
    await start(auditorKeys).look()
    const { onChain } = await stage.until(desk, dispute.breach, ({ state }) => state === 'voting')
    expect(onChain).toMatchObject({ guiltyVotes: 0, innocentVotes: 0 })
    expect(said).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/of version 9; .* newer release/),
        expect.stringMatching(/cannot judge it, and does not vote/),
      ]),
    )
  },
  longMs,
)
