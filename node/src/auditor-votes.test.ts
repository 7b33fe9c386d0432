/** Auditors that look at a pool's disputes: what they vote on a real registry, and where they keep silent. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testAccount } from '@computepool/contracts/testing'
import { verifyWallet } from '@computepool/peer/runtime/verify-wallet.ts'
import { checkEvidence, decodeEvidence, encodeEvidence, recompute, replayOf } from '@computepool/shared/audit'
import { bigintAsString } from '@computepool/shared/money'
import { createGate, createManualClock, openFakeEngine } from '@computepool/shared/testing'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { errorResponse } from '../../orchestrator/src/api/openai-routes.ts'
import { type DisputeDesk, disputeRoutes } from '../../orchestrator/src/disputes/index.ts'
import { hostClock } from '../../orchestrator/src/host.ts'
import { type Key, longMs, lower } from '../../orchestrator/testing/coalition-stage.ts'
import { type DisputeStage, openDisputeStage } from '../../orchestrator/testing/dispute-stage.ts'
import { garbage } from '../../shared/testing/cheats/change-outputs.ts'
import { evidenceManifest, evidenceSpans, sampleEvidence } from '../../shared/testing/cheats/sample-evidence.ts'
import { keepConvictions } from './auditor/kept-convictions.ts'
import { type AuditorVotes, type AuditorVotesOptions, type JudgeBundle, startAuditorVotes } from './auditor-votes.ts'

const origin = 'https://pool.example'
const auditorKeys = [0, 1, 2].map(at => testAccount(`auditor ${at}`))
const { vocab } = evidenceManifest.dimensions

let stage: DisputeStage
let desk: DisputeDesk
let routes: ReturnType<typeof disputeRoutes>
const bundles = new Map<string, Uint8Array>()
beforeAll(async () => {
  stage = await openDisputeStage()
  desk = stage.openDesk()
  routes = disputeRoutes({ desk: () => desk, addressOf: () => 'auditor', clock: hostClock })
  routes.onError(errorResponse)
}, 240_000)
afterAll(async () => {
  await desk?.close()
  await stage?.close()
})

/** The pool as auditors reach it. */
const pool: typeof fetch = async (input, init) => {
  const url = new URL(String(input))
  if (url.origin !== origin) throw new TypeError(`Somebody went to ${url.origin}.`)
  const bundle = bundles.get(url.pathname)
  if (bundle !== undefined) return new Response(bundle as Uint8Array<ArrayBuffer>)
  return routes.request(url.pathname.replace(/^\/api/, ''), init)
}

/** With engines that compute as those of the sample do. */
const judge: JudgeBundle = async bundle => {
  const faults = await checkEvidence(bundle, verifyWallet)
  if (faults.length > 0) return { verdict: 'unsound', faults }
  const { attempts, tolerance, check } = bundle.header
  const { layers } = attempts.at(-1)!.receipt
  const engine = openFakeEngine({ manifest: evidenceManifest, layers })
  const report = await recompute({
    engine,
    ...replayOf(bundle, vocab),
    tolerance,
    endPosition: check.endPosition,
    chunk: 7,
  })
  return { verdict: report.isHonest ? 'honest' : 'cheated', report, tolerance: tolerance as never }
}

const said: string[] = []
const faults: unknown[] = []
const started: AuditorVotes[] = []
afterEach(async () => {
  for (const votes of started.splice(0)) await votes.close()
  said.length = 0
  expect(faults.splice(0)).toEqual([])
})
function start(keys: readonly Key[], change: Partial<AuditorVotesOptions> = {}): AuditorVotes {
  const votes = startAuditorVotes({
    ...{ origin, keys, judge, clock: createManualClock(), rpcUrl: stage.chain.url, fetch: pool },
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
