/** An exit that is honest is honest by the rows that it signed, however it was served: guesses that fail, rows cut by its engine, attempts cut short. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { expect, it } from 'vitest'
import {
  type EvidenceCase,
  type EvidenceLink,
  finalRows,
  pairFrames,
  recompute,
  unpairedFrames,
} from '../src/audit/index.ts'
import { activationRows, joinActivations } from '../src/engine/index.ts'
import { greedy } from '../src/pipeline/index.ts'
import type { Activation } from '../src/ports/index.ts'
import { createReceiptChain, extend, headOf, linkOfFrame, linksOfTokens } from '../src/receipts/index.ts'
import { decodeFrame, encodeFrame, type FrameHeader } from '../src/wire/index.ts'
import { circling } from './circling.ts'
import { openFakeEngine } from './fake-engine.ts'
import { fakeManifest } from './fake-manifest.ts'
import { createSeededRandom } from './seeded-random.ts'
import { seeds } from './seeds.ts'
import { dealSeats, fakeJob, fakePeer, openSwarm } from './swarm.ts'

const vocab = 16
const manifest = fakeManifest({ dimensions: { vocab, context: 320 } })
const { hidden, layers } = manifest.dimensions

interface Frame {
  readonly header: Omit<FrameHeader, 'epoch'>
  readonly payload: Uint8Array
}
interface Kept {
  /** By seat. */
  readonly received: Frame[][]
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

const caseOf = (incoming: object, links: EvidenceLink[], sampling: object, draws: object | null = null) =>
  ({
    attempts: [{ incoming }],
    outgoing: { links },
    draws,
    check: { terms: { sampling } },
  }) as unknown as EvidenceCase

it('is agreed with over dozens of attempts', async () => {
  let checked = 0
  let overwritten = 0
  let cancelled = 0
  for (const seed of seeds(20)) {
    const random = createSeededRandom(seed)
    const peers = 2 + random.int(3)
    const script = circling(seed)
    const attempts = new Map<string, Kept>()
    const open = (requestId: string): Kept => {
      const kept = attempts.get(requestId) ?? {
        received: Array.from({ length: peers }, () => []),
        rows: [],
        drawn: [],
        firstPosition: 0,
      }
      attempts.set(requestId, kept)
      return kept
    }
    const swarm = openSwarm({
      manifest,
      peers,
      link: { seed, delayMs: random.int(40), jitterMs: random.int(40) },
      engine: seat => ({ script, maxChunk: [32, 7, 16, 31, 3][(seat + seed) % 5]! }),
      keeper: seat => ({
        received: (id, header, payload) => void open(id).received[seat]!.push({ header, payload }),
        computed: (id, header, payload) => void open(id).rows.push({ header, payload }),
        drew(id, position, tokens) {
          const kept = open(id)
          if (kept.drawn.length === 0) kept.firstPosition = position
          kept.drawn.push(...tokens)
        },
        over: () => true,
      }),
    })
    const temperature = random.int(2)
    const sampling = { ...greedy, temperature, seed: random.int(1e6), presencePenalty: random.int(2) }
    const ids = ['a', 'bb', 'ccc']
    const prompts = new Map<string, number[]>()
    for (const id of ids) {
      const promptTokens = Array.from({ length: 1 + random.int(60) }, () => random.int(vocab))
      prompts.set(id, promptTokens)
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
      for (let seat = 0; seat < peers; seat += 1) {
        const { received = [], rows = [], drawn = [], firstPosition = 0 } = attempts.get(id) ?? {}
        const sent = (received[seat + 1] ?? rows).map(evidenceOf)
        const text = { kind: 'text', tokens: prompts.get(id)!, position: 0, told: swarm.tokensOf(id) }
        const incoming = seat === 0 ? text : { kind: 'frames', links: (received[seat] ?? []).map(evidenceOf) }
        const draws = seat === peers - 1 && drawn.length > 0 ? { firstPosition, tokens: drawn } : null
        expect(unpairedFrames(caseOf(incoming, sent, sampling, draws)), `seed ${seed}, seat ${seat}`).toBeNull()
        if (draws === null) continue
        const untold = caseOf(incoming, sent, sampling, { firstPosition, tokens: [] })
        expect(unpairedFrames(untold), `seed ${seed}`).toMatch(/a token was to be drawn/)
      }
      expect(swarm.verdictOf(id).faults, `seed ${seed}`).toEqual([])
      const receipt = swarm.receipts.find(({ requestId, seat }) => requestId === id && seat === peers - 1)
      const kept = attempts.get(id)
      if (receipt === undefined || kept === undefined || kept.drawn.length === 0) continue
      const { rows, drawn, firstPosition } = kept
      const received = kept.received.at(-1)!
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

it('drops an entry that goes back behind its last draw, and computes nothing of it', async () => {
  const promptTokens = [5, 9, 2, 4, 7]
  const maxTokens = 6
  const received: Frame[] = []
  const rows: Frame[] = []
  const swarm = openSwarm({
    manifest,
    peers: 2,
    transport: (seat, transport) => ({
      ...transport,
      async send(peer, bytes, signal) {
        await transport.send(peer, bytes, signal)
        const { header, payload } = decodeFrame(bytes)
        const isLast = header.kind === 'hidden' && header.position === promptTokens.length + maxTokens - 2
        if (seat !== 0 || !isLast) return
        const { sample: _, trace: __, ...rest } = header
        const back = { ...rest, seq: header.seq + 1, position: 0, shape: [1, hidden] }
        await transport.send(peer, encodeFrame({ header: back, payload: payload.subarray(0, 4 * hidden) }), signal)
      },
    }),
    keeper: () => ({
      received: (_, header, payload) => void received.push({ header, payload }),
      computed: (_, header, payload) => void rows.push({ header, payload }),
      drew() {},
      over: () => true,
    }),
  })
  const nonce = 'ab'.repeat(32)
  swarm.pipelines[0]!.submit(fakeJob('a', { promptTokens, maxTokens, sampling: greedy, nonce, speculate: false }))
  await swarm.clock.advance(20_000)
  expect(swarm.dropped).toEqual([
    { by: fakePeer(1), peer: fakePeer(0), error: expect.objectContaining({ code: 'peer_frame_invalid' }) },
  ])
  // The exit signed that it came, for which its sender answers; and for no row of it.
  const [came, computed] = [received, rows].map(frames => frames.map(evidenceOf)) as [EvidenceLink[], EvidenceLink[]]
  expect(came.map(({ position }) => position)).toEqual([0, 5, 6, 7, 8, 9, 0])
  expect(computed.map(({ position }) => position)).toEqual([0, 5, 6, 7, 8])
  const told = swarm.tokensOf('a')
  const entry = caseOf({ kind: 'text', tokens: promptTokens, position: 0, told }, came, greedy)
  expect(unpairedFrames(entry)).toMatch(/goes back to position 0/)
  expect(unpairedFrames(caseOf({ kind: 'frames', links: came }, computed, greedy))).toBeNull()
  expect(unpairedFrames(caseOf({ kind: 'frames', links: came }, [...computed, came[5]!, came[6]!], greedy))).toMatch(
    /answered what no honest seat takes/,
  )
})
