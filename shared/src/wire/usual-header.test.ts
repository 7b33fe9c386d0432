import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { type FrameHeader, frameHeaderSchema, headerBounds, maxDraftTokens } from './frame-header.ts'
import { isUsualHeader } from './usual-header.ts'

const { size, count, ms } = headerBounds
const hidden: FrameHeader = {
  request_id: 'r-1',
  kind: 'hidden',
  dtype: 'f32',
  shape: [1, 576],
  seq: 7,
  position: 66,
  epoch: 3,
  sample: true,
  draft: [4, 9],
  trace: [
    { seat: 0, computeMs: 1.25, queueMs: 0 },
    { seat: 1, computeMs: 0, queueMs: 0.5, tokens: 128 },
  ],
}
const { sample: _, draft: __, ...plain } = hidden
const token: FrameHeader = { ...plain, kind: 'token', dtype: 'int64', shape: [1] }

describe('a header that is known by hand', () => {
  it.each([
    ['of a decode row, with guesses', hidden],
    ['of a chunk', plain],
    ['of a token', token],
    ['at every bound', { ...plain, request_id: 'x'.repeat(64), shape: [size, 0, 1], seq: count, position: size }],
  ])('is one %s', (_, header) => {
    expect(isUsualHeader(JSON.parse(JSON.stringify(header)))).toBe(true)
  })

  it('is nothing that the schema refuses, or would change', () => {
    const random = createSeededRandom(20_261_123)
    const pick = <T>(list: readonly T[]): T => list[random.int(list.length)]!
    const numbers = [
      -1,
      0,
      1,
      0.5,
      63,
      64,
      65,
      size,
      size + 1,
      count,
      count + 1,
      ms,
      ms + 1,
      2 ** 53 - 1,
      2 ** 53,
      1e300,
    ]
    const lists = [
      [],
      [1, 1, 1],
      [1, 1, 1, 1],
      new Array(maxDraftTokens + 1).fill(1),
      new Array(65).fill(hidden.trace![0]),
    ]
    const texts = ['', 'x'.repeat(64), 'x'.repeat(65), 'hidden', 'token', 'f16', 'f64', '1']
    const odd = [null, true, {}, [[]], [null], ['1'], [0.5], [-1], { length: 1 }]
    const values = (): unknown => pick<unknown>([pick(numbers), pick(lists), pick(texts), pick(odd)])
    const names = [...Object.keys(hidden), 'sampled', 'as', 'last', 'nonce', 'surprise', '__proto__', 'constructor']
    const change = (fields: Record<string, unknown>, among: readonly string[]): void => {
      const name = pick(among)
      if (random.int(4) === 0) delete fields[name]
      else
        Object.defineProperty(fields, name, { value: values(), enumerable: true, configurable: true, writable: true })
    }
    const seen = { known: 0, refused: 0 }
    for (let round = 0; round < 20_000; round++) {
      const fields = JSON.parse(JSON.stringify(pick([hidden, plain, token])))
      if (random.int(2) === 0)
        change(pick<Record<string, unknown>>(fields.trace), ['seat', 'computeMs', 'queueMs', 'tokens', 'x'])
      else change(fields, names)
      // An infinite number is one that JSON can write, and what it says of none is null.
      const text = JSON.stringify(fields).replace('1e+300', pick(['1e+300', '1e999', '-0']))
      const parsed = frameHeaderSchema.safeParse(JSON.parse(text))
      seen.refused += parsed.success ? 0 : 1
      if (!isUsualHeader(JSON.parse(text))) continue
      seen.known += 1
      expect(parsed.success, text).toBe(true)
      expect(JSON.parse(text)).toEqual(parsed.data)
    }
    expect(seen.known).toBeGreaterThan(2000)
    expect(seen.refused).toBeGreaterThan(5000)
  })

  it.each([null, 7, 'text', [], [hidden]])('is not %j', json => {
    expect(isUsualHeader(json)).toBe(false)
  })
})
