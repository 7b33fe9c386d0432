import { createReceiptSigner, isTextSignedBy } from '@computepool/shared/receipts'
import { sha256 as scriptSha256 } from '@noble/hashes/sha2.js'
import { expect, it } from 'vitest'
import { ed25519, sha256 } from './host-crypto.ts'

it('hashes as the pure core does', () => {
  for (const length of [0, 4, 119, 120, 2304]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) % 256)
    expect([...sha256(bytes)]).toEqual([...scriptSha256(bytes)])
  }
})

it('signs as the pure core does, to the byte', () => {
  for (const seed of [1, 200]) {
    const secret = new Uint8Array(32).fill(seed)
    const [host, core] = [createReceiptSigner(secret, ed25519), createReceiptSigner(secret)]
    expect(host.key).toBe(core.key)
    const signature = host.signText('said')
    expect(signature).toBe(core.signText('said'))
    expect(isTextSignedBy('said', signature, host.key)).toBe(true)
    expect(isTextSignedBy('unsaid', signature, host.key)).toBe(false)
  }
})
