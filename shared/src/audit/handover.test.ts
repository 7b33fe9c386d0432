import { expect, test } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { ComputePoolError } from '../errors/index.ts'
import { cutHandover, decodeHandover, encodeHandoverHeader, type HandedAttempt, maxHandoverBytes } from './index.ts'

const random = createSeededRandom(20_261_122)
const hidden = 8

function attempt(requestId: string, rows: readonly number[], held: number): HandedAttempt {
  let position = 0
  const links = rows.map(count => {
    const link = { position, rows: count, terms: '["f32"]', sha256: 'ab'.repeat(32) }
    position += count
    return link
  })
  return { requestId, frames: { kind: 'frames', dtype: 'f32', hidden, links, held }, draws: null }
}

const attempts: HandedAttempt[] = [
  attempt('a', [3, 1, 1], 2),
  { requestId: 'b', frames: null, draws: { firstPosition: 4, tokens: [9, 8, 7] } },
  attempt('c', [5, 2], 2),
]
const payloads = [
  random.bytes(3 * hidden * 4),
  random.bytes(hidden * 4),
  random.bytes(5 * hidden * 4),
  random.bytes(2 * hidden * 4),
]
const flat = (pieces: readonly Uint8Array[]): Uint8Array => Uint8Array.from(pieces.flatMap(piece => [...piece]))
const pieces = [encodeHandoverHeader({ attempts }), ...payloads]

test.each([1, 7, 64, 4096])('in pieces of %i bytes it reads as it was written', size => {
  const cut = [...cutHandover(pieces, size)]
  expect(cut.map(({ isLast }) => isLast)).toEqual(cut.map((_, i) => i === cut.length - 1))
  expect(cut.slice(0, -1).every(({ chunk }) => chunk.length === size)).toBe(true)
  const handed = decodeHandover(flat(cut.map(({ chunk }) => chunk)))
  expect(handed.attempts).toEqual(attempts)
  expect(handed.payloads).toEqual(flat(payloads))
})

test('what is too large is refused before it is made, and before it is read', () => {
  const rows = Math.ceil(maxHandoverBytes / (hidden * 4))
  const huge = attempt('a', [rows], 1)
  expect(() => encodeHandoverHeader({ attempts: [huge] })).toThrow(expect.objectContaining({ code: 'input_too_large' }))
  expect(() => decodeHandover(new Uint8Array(maxHandoverBytes + 1))).toThrow(
    expect.objectContaining({ code: 'input_too_large' }),
  )
})

const seed = 7_041_776
test(`takes 1500 mutated hand-overs, or refuses them by name (seed ${seed})`, () => {
  const draw = createSeededRandom(seed)
  const whole = flat(pieces)
  const outcomes = { taken: 0, refused: 0 }
  for (let round = 0; round < 1500; round++) {
    const bytes = whole.slice()
    for (let count = draw.int(4); count >= 0; count--) bytes[draw.int(bytes.length)] = draw.int(256)
    try {
      const { attempts: found, payloads: rest } = decodeHandover(
        draw.int(5) === 0 ? bytes.slice(0, draw.int(bytes.length)) : bytes,
      )
      // Whatever it says, it brings just as many rows.
      const rows = found.flatMap(
        ({ frames }) =>
          frames?.links
            .slice(0, frames.held)
            .map(link => link.rows * frames.hidden * (frames.dtype === 'f32' ? 4 : 2)) ?? [],
      )
      expect(rows.reduce((sum, size) => sum + size, 0)).toBe(rest.length)
      outcomes.taken += 1
    } catch (error) {
      if (!(error instanceof ComputePoolError) || !/^input_/.test(error.code)) throw error
      outcomes.refused += 1
    }
  }
  expect(outcomes.taken).toBeGreaterThan(100)
  expect(outcomes.refused).toBeGreaterThan(500)
})
