/** Auditors that look at a pool's disputes: what they vote on a real registry, and where they keep silent. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testAccount } from '@computepool/contracts/testing'
import { decodeEvidence, encodeEvidence } from '@computepool/shared/audit'
import { bigintAsString } from '@computepool/shared/money'
import { createGate, createManualClock } from '@computepool/shared/testing'
import { expect, onTestFinished, test } from 'vitest'
import { type Key, longMs, lower } from '../../orchestrator/testing/coalition-stage.ts'
import { evidenceSpans, sampleEvidence } from '../../shared/testing/cheats/sample-evidence.ts'
import { auditorKeys, newSeed, useVoteStage } from '../testing/vote-stage.ts'
import { keepConvictions } from './auditor/kept-convictions.ts'
import type { AuditorVotesOptions } from './auditor-votes.ts'

const on = useVoteStage()
const { bundles, pool, said, faults, start, disputed, settled } = on

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
    expect((await on.stage.viewOf(on.desk, second.breach))?.onChain).toMatchObject({ guiltyVotes: 0, innocentVotes: 0 })
    await on.stage.chain.passSeconds(700)
    expect(await settled(second)).toMatchObject({ state: 'undecided' })
  },
  longMs,
)

test(
  'find the honest innocent, and whoever accused it loses its bond',
  async () => {
    const dispute = await disputed({ isCheat: false })
    const before = await on.stage.usdcOf(dispute.accused.address)
    const votes = start(auditorKeys)
    await votes.look()
    await votes.look()
    const view = await settled(dispute)
    expect(view).toMatchObject({ state: 'innocent', onChain: { guiltyVotes: 0, innocentVotes: 2 } })
    expect((await on.stage.usdcOf(dispute.accused.address)) - before).toBe(view.bondAtomic)
  },
  longMs,
)

test(
  'find whoever is accused of what another did innocent',
  async () => {
    const dispute = await disputed({ isCheat: true, about: on.stage.operators(3)[2]! })
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
      const { onChain } = (await on.stage.viewOf(on.desk, dispute.breach))!
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
    await on.stage.until(on.desk, dispute.breach, ({ onChain }) => onChain?.guiltyVotes === 1)
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
    const owner = on.stage.chain.accounts.owner
    const [first] = on.stage.operators(1)
    await on.stage.setAuditor(first!.address, true, owner)
    const dispute = await disputed({ isCheat: true })
    const involved = testAccount('operator 0')
    await start([involved]).look()
    expect((await on.stage.viewOf(on.desk, dispute.breach))!.onChain).toMatchObject({
      guiltyVotes: 0,
      innocentVotes: 0,
    })
    await on.stage.setAuditor(first!.address, false, owner)
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

test(
  'are silent on a bundle of another version, and say which release votes',
  async () => {
    const text = Buffer.from(encodeEvidence(await sampleEvidence({ seat: 1, seed: newSeed() }))).toString('latin1')
    const bytes = new Uint8Array(Buffer.from(text.replace('"version":3', '"version":9'), 'latin1'))
    const dispute = await disputed({ isCheat: true, bytes })
    await start(auditorKeys).look()
    const { onChain } = await on.stage.until(on.desk, dispute.breach, ({ state }) => state === 'voting')
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
