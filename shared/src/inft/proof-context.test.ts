import { expect, it } from 'vitest'
import { type ProofContext, proofContextOf, proofNonce } from './index.ts'

const context: ProofContext = {
  salt: `0x${'5a'.repeat(32)}`,
  deadline: 1_900_000_000n,
  tokenId: 7n,
  from: `0x${'aa'.repeat(20)}`,
  to: `0x${'0b'.repeat(20)}`,
  isClone: true,
}

it('reads from a proof’s nonce what was written into it, and nothing from other bytes', () => {
  for (const isClone of [true, false]) {
    expect(proofContextOf(proofNonce({ ...context, isClone }))).toEqual({ ...context, isClone })
  }
  const nonce = proofNonce(context)
  const wrong = [
    nonce.slice(0, -2),
    `${nonce}00`,
    // An address of 21 bytes, and a truth of 2.
    nonce.replace(`${'0'.repeat(24)}${'aa'.repeat(20)}`, `${'0'.repeat(22)}01${'aa'.repeat(20)}`),
    `${nonce.slice(0, -1)}2`,
  ]
  expect(wrong.map(bytes => proofContextOf(bytes as `0x${string}`))).toEqual([null, null, null, null])
})
