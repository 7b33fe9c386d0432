import { bytesToHex } from '@noble/hashes/utils.js'
import { expect, test } from 'vitest'
import { type Witness, weighProofs } from './weigh-proofs.ts'

const native = (dtype: 'f32' | 'f16') => ({ kind: 'native', dtype }) as const

/** A sketch that lies `off` away from another's. */
function witness(peer: string, off: number, dtype: 'f32' | 'f16' = 'f32', engine: Witness['engine'] = null): Witness {
  const sums = Float32Array.from({ length: 32 }, (_, at) => (at === 0 ? off : 0.17))
  const sketch = bytesToHex(new Uint8Array(sums.buffer))
  return { peer, operator: peer, proof: { kind: 'rows', engine: native(dtype), rows: 54, sketch }, engine }
}
const weigh = (own: Witness | null, ...others: Witness[]) =>
  weighProofs({ own, others, layers: { start: 2, end: 4 }, quantisation: 'q8' })

test('nobody is wrong where a third is near enough to both', () => {
  const [own, first] = [witness('a', 0), witness('b', 0.04, 'f16')]
  expect(weigh(own, first)).toEqual({ kind: 'undecided' })
  // f32 and f16 may lie 0.028 apart, two in f16 0.036.
  expect(weigh(own, first, witness('c', 0.02, 'f16'))).toEqual({ kind: 'unproved' })
  expect(weigh(own, first, witness('c', 0.039, 'f16'))).toMatchObject({ kind: 'wrong', wrong: { witness: own } })
  expect(weigh(own, first, witness('c', 0.001, 'f16'))).toMatchObject({ kind: 'met', wrong: { witness: first } })
})

test('what a standby said when it joined counts, and not what it says now', () => {
  const [late, other] = [witness('a', 0.02, 'f16', native('f32')), witness('b', 0)]
  expect(weigh(late, other).kind).toBe('undecided')
  expect(weigh(witness('a', 0.02, 'f16'), other)).toEqual({ kind: 'met', wrong: null })
})

test('nothing is said before both have answered, nor where nobody measured the two', () => {
  expect([weigh(null, witness('b', 0)).kind, weigh(witness('a', 0)).kind]).toEqual(['waiting', 'waiting'])
  const unmeasured = { kind: 'webgpu', dtype: 'f16' } as const
  expect(weigh(witness('a', 0.3, 'f16', unmeasured), witness('b', 0)).kind).toBe('unproved')
  expect(weigh(witness('a', 1.4, 'f16', unmeasured), witness('b', 0)).kind).toBe('undecided')
})
