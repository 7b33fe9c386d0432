import { createReceiptSigner, isSignedBy, type Receipt } from '@computepool/shared/receipts'
import { expect, it } from 'vitest'
import { fakeReceipt } from '../../testing/fake-receipts.ts'
import { orderOf } from '../../testing/fake-rings.ts'
import { fakePeerId } from '../../testing/fake-tab.ts'
import { isSigned } from './is-signed.ts'

it('says what the pure core says, of whatever is asked', () => {
  const seats = [{ seat: 0, peer: fakePeerId(1), layers: { start: 0, end: 2 } }]
  const job = { ...orderOf(), requestId: 'r', nonce: '0f'.repeat(32) }
  const signers = [1, 2].map(seed => createReceiptSigner(new Uint8Array(32).fill(seed)))
  const [own, other] = [signers[0]!, signers[1]!]
  const receipt = own.sign(fakeReceipt({ coalition: 'c', epoch: 1, seats, job, tokens: [4, 5] }, 0))
  const asked: [Receipt, string][] = [
    [receipt, own.key],
    [receipt, other.key],
    [receipt, 'no key'],
    [receipt, ''],
    [{ ...receipt, outSteps: receipt.outSteps + 1 }, own.key],
    [{ ...receipt, lastTokens: [6] }, own.key],
    [{ ...receipt, signature: other.sign(receipt).signature }, own.key],
    [{ ...receipt, signature: '00'.repeat(64) }, own.key],
    [{ ...receipt, signature: '' }, own.key],
    [other.sign(receipt), other.key],
  ]
  const said = asked.map(([given, key]) => isSigned(given, key))
  expect(said).toEqual(asked.map(([given, key]) => isSignedBy(given, key)))
  expect(said).toEqual([true, ...Array(8).fill(false), true])
})
