import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { advance, createReceiptChain, extend, headOf, mostRecentHeads, settleChain } from './receipt-chain.ts'

const attempt = { coalition: 'c7', epoch: 0x01020304, requestId: 'r.2' }
const sha256 = (...parts: (string | Buffer | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const link = (position: number, length = 12, terms = '') => ({
  position,
  rows: 3,
  payload: Uint8Array.from({ length }, (_, i) => (i * 7 + position) % 256),
  terms,
})

test('a chain is what its description says, by another SHA-256', () => {
  const begun = sha256('computepool receipt 1', Buffer.of(0), 'c7', Buffer.of(0), u32(0x01020304), 'r.2')
  expect(headOf(createReceiptChain(attempt))).toBe(begun.toString('hex'))
  const [one, two] = [link(5), link(8, 0, '["f16",äöü]')]
  const first = sha256(begun, u32(5), u32(3), sha256(one.payload))
  const second = sha256(first, u32(8), u32(3), sha256(two.payload), two.terms)
  const chain = advance(advance(createReceiptChain(attempt), one), two)
  expect(headOf(chain)).toBe(second.toString('hex'))
  expect(chain.steps).toBe(2)
})

test('any byte, position, count, order, attempt or epoch makes another head', () => {
  const begun = createReceiptChain(attempt)
  const altered = link(5)
  altered.payload[11]! ^= 1
  const heads = [
    advance(advance(begun, link(5)), link(6)),
    advance(advance(begun, link(6)), link(5)),
    advance(advance(begun, altered), link(6)),
    advance(advance(begun, { ...link(5), position: 4 }), link(6)),
    advance(advance(begun, { ...link(5), rows: 2 }), link(6)),
    advance(advance(begun, link(5, 12, 'x')), link(6)),
    advance(begun, link(6)),
    begun,
    createReceiptChain({ ...attempt, epoch: 1 }),
    createReceiptChain({ ...attempt, requestId: 'r.3' }),
    createReceiptChain({ ...attempt, coalition: 'c8' }),
  ].map(headOf)
  expect(new Set(heads).size).toBe(heads.length)
})

test('what is hashed later is hashed alike, and leaves the chain it came from as it was', () => {
  const begun = createReceiptChain(attempt)
  const later = extend(extend(begun, link(1)), link(2), link(3))
  const atOnce = advance(advance(advance(begun, link(1)), link(2)), link(3))
  expect(later.steps).toBe(3)
  expect(headOf(later)).toBe(headOf(atOnce))
  expect(settleChain(later, bytes => new Uint8Array(sha256(bytes)))).toEqual(atOnce)
  expect(headOf(begun)).toBe(headOf(createReceiptChain(attempt)))
})

test('the heads before the last are remembered back to what the other end has taken, and no more than a bound', () => {
  const heads = [createReceiptChain(attempt)]
  for (let i = 0; i < 5; i += 1) heads.push(advance(heads.at(-1)!, { ...link(i), isAnswer: i === 3 }))
  expect(heads[3]!.recent).toEqual(heads.slice(0, 3).map(chain => chain.head))
  expect(heads[4]!.recent).toEqual([heads[3]!.head])
  expect(heads[5]!.recent).toEqual([heads[3]!.head, heads[4]!.head])
  const many = Array.from({ length: 300 }, (_, i) => link(i))
  expect(extend(createReceiptChain(attempt), ...many).recent).toEqual([])
  expect(settleChain(extend(createReceiptChain(attempt), ...many)).recent).toHaveLength(mostRecentHeads)
})
