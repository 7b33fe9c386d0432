import { answerChallenge, compareProofs, measuredTolerances } from '@computepool/shared/audit'
import type { Engine, OpenEngine, SliceRequest } from '@computepool/shared/ports'
import { type RandomPack, randomPack } from '@computepool/shared/testing'
import type { SliceProof } from '@computepool/shared/wire'
import { afterAll, describe, expect, test } from 'vitest'
import {
  coarserPack,
  garbage,
  identity,
  openWithoutLayer,
  prunedPack,
  staleEpoch,
} from '../../../shared/testing/cheats/index.ts'
import { type NativeEngineOptions, openNativeEngine } from '../engine/open-native-engine.ts'

const pack = randomPack({ quantisation: 'q8', dimensions: { layers: 6 } })
const { layers, vocab } = pack.manifest.dimensions
const spans = [
  { start: 0, end: 2 },
  { start: 2, end: 4 },
  { start: 4, end: layers },
] as const
const opened: Engine[] = []
afterAll(async () => {
  for (const engine of opened) await engine.close()
})

const openIn =
  (options: NativeEngineOptions = {}): OpenEngine =>
  async slice => {
    const engine = await openNativeEngine(slice, { threads: 1, maxChunk: 32, ...options })
    opened.push(engine)
    return engine
  }
const sliceOf = (seat: number, of: RandomPack = pack): SliceRequest => ({
  ...of,
  layers: spans[seat]!,
  kvBudgetBytes: 2 ** 26,
  maxContext: 256,
})
const open = (seat: number, options?: NativeEngineOptions) => openIn(options)(sliceOf(seat))

const askedOf = (seat: number, digit = 1) => ({
  challenge: `challenge:${String(digit).repeat(20)}`,
  layers: spans[seat]!,
  seed: String(digit).repeat(64),
  nonce: String(digit + 1).repeat(64),
  positions: 54,
})
const prove = (engine: Engine, seat: number, digit?: number, chunk?: number): Promise<SliceProof> =>
  answerChallenge({
    engine,
    manifest: pack.manifest,
    asked: askedOf(seat, digit),
    ...(chunk === undefined ? {} : { chunk }),
  })

function compare(a: SliceProof, b: SliceProof, seat: number, sides = [a.engine, b.engine] as const) {
  const { start, end } = spans[seat]!
  return compareProofs({
    ...{ proofs: [a, b], sides: [...sides], quantisation: 'q8', layers: end - start, table: measuredTolerances() },
  })
}

const seats = [0, 1, 2]
describe('a slice of the beginning, the middle and the end', () => {
  test.each(seats)('meets another that computes it in another way (%i)', async seat => {
    const honest = await prove(await open(seat), seat)
    const ways = [
      await prove(await open(seat, { maxChunk: 5 }), seat),
      await prove(await open(seat, { caches: 'growing', smallestCapacity: 16 }), seat, 1, 1),
      await prove(await open(seat, { float: 'f16' }), seat),
    ]
    expect(ways.map(proof => compare(honest, proof, seat))).toEqual(['same', 'same', 'same'])
    expect(ways.at(-1)!.engine).toEqual({ kind: 'native', dtype: 'f16' })
  })

  const cheats: readonly [string, (seat: number) => Promise<Engine>][] = [
    ['garbage', async seat => garbage(await open(seat), { vocab })],
    ['a skipped layer', seat => openWithoutLayer(openIn(), sliceOf(seat), seat === 0 ? 1 : spans[seat]!.start)],
    ['weights in q4', seat => openIn()({ ...sliceOf(seat), ...coarserPack(pack, 'q4') })],
    ['fewer inner units', seat => openIn()({ ...sliceOf(seat), ...prunedPack(pack, 64) })],
    ['a cache of before', async seat => staleEpoch(await open(seat))],
  ]
  test.each(cheats.flatMap(([name, cheat]) => seats.map(seat => ({ name, cheat, seat }))))(
    'does not meet $name ($seat), in f32 or against f16',
    async ({ cheat, seat }) => {
      const engine = await cheat(seat)
      await prove(engine, seat, 2)
      const wrong = await prove(engine, seat)
      expect(compare(await prove(await open(seat), seat), wrong, seat)).toBe('different')
      expect(compare(await prove(await open(seat, { float: 'f16' }), seat), wrong, seat)).toBe('different')
    },
  )

  test('does not meet its input handed on', async () => {
    expect(compare(await prove(await open(1), 1), await prove(identity(await open(1)), 1), 1)).toBe('different')
  })
})

describe('where nobody measured the pair', () => {
  const unmeasured = { kind: 'webgpu', dtype: 'f16' } as const
  const ours = { kind: 'native', dtype: 'f32' } as const
  test.each(seats)('noise is found, and all that could be rounding is left unjudged (%i)', async seat => {
    const honest = await prove(await open(seat), seat)
    const coarse = await prove(await openIn()({ ...sliceOf(seat), ...coarserPack(pack, 'q4') }), seat)
    const noise = await prove(garbage(await open(seat), { vocab }), seat)
    const by = (proof: SliceProof, sides = [ours, unmeasured] as const) => compare(honest, proof, seat, sides)
    // A model of random weights is sure of no token: any may be drawn within the floor.
    const found = seat === 2 ? 'unjudged' : 'different'
    expect([by(honest), by(coarse), by(noise)]).toEqual(['unjudged', 'unjudged', found])
    expect(by(noise, [unmeasured, unmeasured] as never)).toBe('unjudged')
  })
})

test('what was proved for one nonce or seed is nothing under another, nor of fewer rows', async () => {
  const engine = await open(1)
  const first = await prove(engine, 1)
  const under = async (change: object) =>
    compare(first, await answerChallenge({ engine, manifest: pack.manifest, asked: { ...askedOf(1), ...change } }), 1)
  expect(await under({})).toBe('same')
  expect(await under({ seed: '9'.repeat(64) })).toBe('different')
  expect(await under({ nonce: '9'.repeat(64) })).toBe('different')
  expect(compare(first, { ...(first as Extract<SliceProof, { kind: 'rows' }>), rows: 10 }, 1)).toBe('different')
  await expect(prove(engine, 0)).rejects.toMatchObject({ code: 'input_invalid' })
  expect(engine.memory().requests).toBe(0)
})
