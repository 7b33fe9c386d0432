/** An exit that is honest is honest by the rows that it signed, however it was served: guesses that fail, rows cut by its engine, attempts cut short. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { expect, it } from 'vitest'
import { type EvidenceLink, finalRows, pairFrames, recompute } from '../src/audit/index.ts'
import { activationRows, joinActivations } from '../src/engine/index.ts'
import { greedy } from '../src/pipeline/index.ts'
import type { Activation } from '../src/ports/index.ts'
import { createReceiptChain, extend, headOf, linkOfFrame, linksOfTokens } from '../src/receipts/index.ts'
import type { FrameHeader } from '../src/wire/index.ts'
import { circling } from './circling.ts'
import { openFakeEngine } from './fake-engine.ts'
import { fakeManifest } from './fake-manifest.ts'
import { createSeededRandom } from './seeded-random.ts'
import { dealSeats, fakeJob, fakePeer, openSwarm } from './swarm.ts'

const vocab = 16
const manifest = fakeManifest({ dimensions: { vocab, context: 320 } })
const { hidden, layers } = manifest.dimensions

interface Frame {
  readonly header: Omit<FrameHeader, 'epoch'>
  readonly payload: Uint8Array
}
interface Kept {
  readonly received: Frame[]
  readonly rows: Frame[]
  readonly drawn: number[]
  firstPosition: number
}

const evidenceOf = ({ header, payload }: Frame): EvidenceLink => {
  const { position, rows, terms = '' } = linkOfFrame(header, payload)
  return { position, rows, terms, sha256: bytesToHex(sha256(payload)) }
}
const activationOf = ({ header, payload }: Frame): Activation => ({
  dtype: 'f32',
  hidden,
  tokens: header.shape[0]!,
  data: payload,
})

it('is agreed with over dozens of attempts', async () => {
  let checked = 0
  let overwritten = 0
  let cancelled = 0
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = createSeededRandom(seed)
    const peers = 2 + random.int(3)
    const script = circling(seed)
    const attempts = new Map<string, Kept>()
    const open = (requestId: string): Kept => {
      const kept = attempts.get(requestId) ?? { received: [], rows: [], drawn: [], firstPosition: 0 }
      attempts.set(requestId, kept)
      return kept
    }
    const swarm = openSwarm({
      manifest,
      peers,
      link: { seed, delayMs: random.int(40), jitterMs: random.int(40) },
      engine: seat => ({ script, maxChunk: [32, 7, 16, 31, 3][(seat + seed) % 5]! }),
      keeper: seat => ({
        received: (id, header, payload) => void (seat === peers - 1 && open(id).received.push({ header, payload })),
        computed: (id, header, payload) => void open(id).rows.push({ header, payload }),
        drew(id, position, tokens) {
          const kept = open(id)
          if (kept.drawn.length === 0) kept.firstPosition = position
          kept.drawn.push(...tokens)
        },
      }),
    })
    const temperature = random.int(2)
    const sampling = { ...greedy, temperature, seed: random.int(1e6), presencePenalty: random.int(2) }
    const ids = ['a', 'bb', 'ccc']
    for (const id of ids) {
      const promptTokens = Array.from({ length: 1 + random.int(60) }, () => random.int(vocab))
      const nonce = 'ab'.repeat(32)
      const job = { promptTokens, maxTokens: 1 + random.int(60), sampling, nonce, speculate: random.int(4) > 0 }
      swarm.pipelines[0]!.submit(fakeJob(id, job))
    }
    await swarm.clock.advance(random.int(2500))
    if (random.int(2) === 0) for (const id of ids) swarm.pipelines[0]!.cancel(id)
    await swarm.clock.advance(5000)
    const span = dealSeats(
      Array.from({ length: peers }, (_, i) => fakePeer(i)),
      layers,
    ).at(-1)!.layers
    const engine = openFakeEngine({ manifest, layers: span }, { script })
    for (const id of ids) {
      expect(swarm.verdictOf(id).faults, `seed ${seed}`).toEqual([])
      const receipt = swarm.receipts.find(({ requestId, seat }) => requestId === id && seat === peers - 1)
      const kept = attempts.get(id)
      if (receipt === undefined || kept === undefined || kept.drawn.length === 0) continue
      const { received, rows, drawn, firstPosition } = kept
      const begun = createReceiptChain(receipt)
      const links = rows.map(({ header, payload }) => linkOfFrame(header, payload))
      expect([headOf(extend(begun, ...links)), links.length]).toEqual([receipt.rowHead, receipt.rowSteps])
      expect(headOf(extend(begun, ...linksOfTokens(drawn, 0)))).toBe(receipt.outHead)
      const paired = pairFrames(received.map(evidenceOf), rows.map(evidenceOf))
      if ('fault' in paired) throw new Error(`seed ${seed}: ${paired.fault}`)
      const outputs = rows.map(activationOf)
      const places = rows.map(({ header }) => ({ position: header.position, rows: header.shape[0]! }))
      const all = joinActivations(
        finalRows(places).map(({ frame, from, rows: count }) => activationRows(outputs[frame]!, from, from + count)),
      )
      const run = { from: firstPosition, until: firstPosition + drawn.length }
      const report = await recompute({
        engine,
        frames: received.slice(0, paired.answered).map(frame => ({
          position: frame.header.position,
          rows: frame.header.shape[0]!,
          input: { activation: activationOf(frame) },
        })),
        claimed: {
          outputs,
          positions: places.map(({ position }) => position),
          draws: {
            ...{ firstPosition, tokens: drawn, params: sampling, generated: [], prompt: [], vocab, run },
            rows: activationRows(all, run.from - 1, run.until - 1),
          },
        },
        tolerance: { relative: 1e-6, logit: 1e-6 },
      })
      expect(report.draws, `seed ${seed}`).toMatchObject({ same: drawn.length, different: 0 })
      expect(report, `seed ${seed}`).toMatchObject({ isHonest: true, over: 0 })
      checked += 1
      const end = swarm.endOf(id)
      if (end?.type === 'request-finished' && end.reason === 'cancelled') cancelled += 1
      overwritten += report.overwritten
    }
  }
  expect(checked).toBeGreaterThan(30)
  expect(overwritten).toBeGreaterThan(10)
  expect(cancelled).toBeGreaterThan(0)
})
