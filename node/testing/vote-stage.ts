/** A real registry with disputes over real evidence, and auditors that look at them through the pool's own routes. It registers vitest's hooks. */
import { createHash } from 'node:crypto'
import { testAccount } from '@computepool/contracts/testing'
import { encodeEvidence } from '@computepool/shared/audit'
import { createManualClock } from '@computepool/shared/testing'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { errorResponse } from '../../orchestrator/src/api/openai-routes.ts'
import { type DisputeDesk, disputeRoutes } from '../../orchestrator/src/disputes/index.ts'
import { hostClock } from '../../orchestrator/src/host.ts'
import { type Key, lower } from '../../orchestrator/testing/coalition-stage.ts'
import { type DisputeStage, openDisputeStage } from '../../orchestrator/testing/dispute-stage.ts'
import type { View } from '../../orchestrator/testing/dispute-verdicts.ts'
import { garbage } from '../../shared/testing/cheats/change-outputs.ts'
import { evidenceManifest, sampleEvidence } from '../../shared/testing/cheats/sample-evidence.ts'
import { type AuditorVotes, type AuditorVotesOptions, startAuditorVotes } from '../src/auditor-votes.ts'
import { judgeSample as judge } from './judge-sample.ts'

const origin = 'https://pool.example'
export const auditorKeys: readonly Key[] = [0, 1, 2].map(at => testAccount(`auditor ${at}`))
const { vocab } = evidenceManifest.dimensions

let seeds = 0
/** Of evidence that no other test has. */
export const newSeed = (): number => ++seeds

export interface Disputed {
  readonly breach: Awaited<ReturnType<DisputeStage['breachOf']>>
  readonly path: string
  readonly accused: Key
  readonly bytes: Uint8Array
}

/** One for the tests of a file. */
export function useVoteStage() {
  let stage: DisputeStage
  let desk: DisputeDesk
  let routes: ReturnType<typeof disputeRoutes>
  let relayed = 0
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

  /** Evidence about the middle seat of these three, and a dispute over it that is open to votes. */
  async function disputed({
    isCheat,
    about,
    ...given
  }: {
    isCheat: boolean
    about?: Key
    bytes?: Uint8Array
  }): Promise<Disputed> {
    const parties = stage.operators(3)
    const wallets = parties.map(party => ({
      peer: `${lower(party)}.00000000`,
      sign: (message: string) => party.signMessage({ message }),
    }))
    const cheat = isCheat ? { cheat: (engine: Parameters<typeof garbage>[0]) => garbage(engine, { vocab }) } : {}
    const bytes = given.bytes ?? encodeEvidence(await sampleEvidence({ seat: 1, seed: newSeed(), wallets, ...cheat }))
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
  /** Paid out, and nothing left to do. */
  const settled = async ({ breach }: Disputed): Promise<View> => {
    const view = await stage.until(desk, breach, ({ transactions }) =>
      transactions.some(({ what }) => what.startsWith('paid')),
    )
    await desk.idle()
    return view
  }

  return {
    get stage() {
      return stage
    },
    get desk() {
      return desk
    },
    /** Votes that the pool was asked to relay in this test. */
    get relayed() {
      return relayed
    },
    /** By the path of each, and what the test makes of it. */
    bundles,
    pool,
    /** What auditors said in this test, and what failed: whoever expects a fault takes it out. */
    ...{ said, faults },
    ...{ start, disputed, settled },
  }
}
