import { type RecomputeReport, recompute } from '@computepool/shared/audit'
import { greedy } from '@computepool/shared/pipeline'
import type { Engine, OpenEngine, SliceRequest } from '@computepool/shared/ports'
import { type RandomPack, randomPack } from '@computepool/shared/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  coarserPack,
  collude,
  garbage,
  identity,
  lyingAccuser,
  lyingAuditor,
  openWithoutLayer,
  prunedPack,
  replayed,
  staleEpoch,
} from '../../../shared/testing/cheats/index.ts'
import { type NativeEngineOptions, openNativeEngine } from '../engine/open-native-engine.ts'
import { claimOf, type ServedAnswer, serveAnswer } from './served-answer.ts'

/** Strict and the same for all. Measured: f32 against f32 in other ways 7.7e-7, f16 against f32 2.4e-3, the least of the cheats (q4 for q8) 0.30. */
const tolerance = { relative: 2e-2, logit: 0.05 }
const pack = randomPack({ quantisation: 'q8', dimensions: { layers: 6 } })
const { layers, vocab } = pack.manifest.dimensions
const spans = [
  { start: 0, end: 1 },
  { start: 1, end: 4 },
  { start: 4, end: layers },
] as const
const prompt = Array.from({ length: 40 }, (_, i) => (i * 71 + 13) % vocab)
const otherPrompt = Array.from({ length: 40 }, (_, i) => (i * 29 + 101) % vocab)

const opened: Engine[] = []
function openIn(options: NativeEngineOptions = {}): OpenEngine {
  return async slice => {
    const engine = await openNativeEngine(slice, { threads: 1, maxChunk: 32, ...options })
    opened.push(engine)
    return engine
  }
}
function sliceOf(seat: number, of: RandomPack = pack): SliceRequest {
  return { ...of, layers: spans[seat]!, kvBudgetBytes: 2 ** 26, maxContext: 256 }
}
const open = (seat: number, options?: NativeEngineOptions) => openIn(options)(sliceOf(seat))

let honest: [Engine, Engine, Engine]
let auditors: [Engine, Engine, Engine]
beforeAll(async () => {
  honest = [await open(0), await open(1), await open(2)]
  auditors = [await open(0), await open(1), await open(2)]
})
afterAll(async () => {
  for (const engine of opened) await engine.close()
})

/** So many that draws which are near ties one by one show in their number. */
const answered = 40
const params = { ...greedy, temperature: 0.8, seed: 4 }

let served = 0
async function serve(seat: number, engine: Engine, text = prompt): Promise<ServedAnswer> {
  const engines = honest.with(seat, engine) as [Engine, Engine, Engine]
  const requestId = `request-${served++}`
  return serveAnswer({ engines, prompt: text, chunks: [25, 15], count: answered, params, vocab, requestId })
}

/** Serves with `engine` on `seat`, the second of two requests, and computes that one's part again. */
async function audit(seat: number, engine: Engine, auditor = auditors[seat]!): Promise<RecomputeReport> {
  await serve(seat, engine, otherPrompt)
  return judge(seat, await serve(seat, engine), auditor)
}

function judge(seat: number, served: ServedAnswer, auditor = auditors[seat]!): Promise<RecomputeReport> {
  const claimed = claimOf(served, seat)
  return recompute({ engine: auditor, frames: served.frames[seat]!, claimed, tolerance, chunk: 17 })
}

type Cheat = readonly [name: string, open: (seat: number) => Promise<Engine>, seats: readonly number[]]
const cheats: Cheat[] = [
  ['garbage', async seat => garbage(await open(seat), { vocab }), [0, 1, 2]],
  ['identity', async seat => identity(await open(seat)), [1, 2]],
  ['a skipped layer', async seat => openWithoutLayer(openIn(), sliceOf(seat), seat === 1 ? 2 : 4), [1, 2]],
  ['coarser weights', async seat => openIn()(sliceOf(seat, coarserPack(pack, 'q4'))), [0, 1, 2]],
  ['a smaller model', async seat => openIn()(sliceOf(seat, prunedPack(pack, 64))), [0, 1, 2]],
  ['another request’s activations', async seat => replayed(await open(seat)), [0, 1, 2]],
  ['a stale epoch', async seat => staleEpoch(await open(seat)), [0, 1, 2]],
]

describe.each(cheats)('%s', (_, openCheat, seats) => {
  test.each(seats)('on seat %i is caught', async seat => {
    const report = await audit(seat, await openCheat(seat))
    expect(report.isHonest).toBe(false)
    // An exit that shows honest rows did not draw from them.
    const isDrawn = report.draws === null || report.draws.same >= answered / 2
    if (isDrawn) expect(report.worst).toBeGreaterThan(2 * tolerance.relative)
  })
})

test('garbage on every tenth step alone is caught on those rows, and on no other', async () => {
  const report = await audit(1, garbage(await open(1), { vocab, which: step => step % 10 === 5 }))
  // Two prompt frames and 39 steps a request: the second's are steps 41 and on, of which 45 is its fifth, at position 42.
  expect(report).toMatchObject({ isHonest: false, over: 4, firstOver: 42 })
})

test('two neighbours who agree on a mask give a right answer, and are caught both', async () => {
  const [first, second] = collude(honest[0], honest[1])
  const engines = [first, second, honest[2]] as const
  const served = await serveAnswer({ engines, prompt, chunks: [25, 15], count: answered, params, vocab })
  const right = await serve(1, honest[1])
  expect(served.draws.tokens).toEqual(right.draws.tokens)
  for (const seat of [0, 1]) expect((await judge(seat, served)).isHonest).toBe(false)
  expect((await judge(2, served)).isHonest).toBe(true)
})

const manners: [string, NativeEngineOptions, NativeEngineOptions][] = [
  ['the same engine in other chunks', {}, {}],
  ['one thread against two', { threads: 1 }, { threads: 2 }],
  ['caches in place against caches that grow', { caches: 'static' }, { caches: 'growing' }],
  ['packed weights against expanded ones', { expansion: { dtypes: [], upToBytes: 0 } }, {}],
  ['f16 against f32', { float: 'f16' }, {}],
  ['f32 against f16', {}, { float: 'f16' }],
]

describe.each(manners)('an honest run is not blamed: %s', (_, theirs, ours) => {
  test.each([0, 1, 2])('on seat %i', async seat => {
    const report = await audit(seat, await open(seat, theirs), await open(seat, ours))
    expect(report).toMatchObject({ isHonest: true, positions: 79, over: 0 })
    expect(report.worst).toBeLessThan(tolerance.relative / 3)
    if (seat === 2) expect(report.draws!.verdicts).toHaveLength(answered)
  })
})

describe('those who lie about others', () => {
  test('an auditor’s word differs from what two others compute, whichever way it lies', async () => {
    const served = await serve(1, honest[1])
    const cheated = await serve(1, garbage(honest[1], { vocab }))
    for (const [answer, lie] of [
      [served, 'blames'],
      [served, 'opposite'],
      [cheated, 'clears'],
      [cheated, 'opposite'],
    ] as const) {
      const reports = [await judge(1, answer), await judge(1, answer, await open(1, { threads: 2 }))]
      expect(reports[0]!.isHonest).toBe(reports[1]!.isHonest)
      expect(lyingAuditor(reports[0]!, lie).isHonest).toBe(!reports[0]!.isHonest)
    }
  })

  test('an accuser’s made-up outputs look wrong, and are not what the next seat received', async () => {
    const served = await serve(1, honest[1])
    const outputs = lyingAccuser(served.outputs[1])
    const made = { ...served, outputs: [served.outputs[0], outputs, served.outputs[2]] as const }
    expect((await judge(1, made as ServedAnswer)).isHonest).toBe(false)
    const received = served.frames[2].map(({ input }) => ('activation' in input ? input.activation.data : null))
    expect(outputs.map(({ data }) => data)).not.toEqual(received)
    expect(served.outputs[1].map(({ data }) => data)).toEqual(received)
  })
})
