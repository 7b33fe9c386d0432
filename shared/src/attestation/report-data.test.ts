/** The four layouts, byte by byte, and that no two of them are taken for each other. */
import { bytesToHex } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { checksummedAddress } from './checksummed-address.ts'
import { type BoundToQuote, reportDataOf, reportLayouts } from './report-data.ts'

/** Of EIP-55. */
const checksummed = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
const signer = checksummed.toLowerCase()
const nonce = 'ab'.repeat(32)
const encryptionKey = '07'.repeat(32)
const claims = { model: 'm', covers: 'orchestrator' }

const bound: Readonly<Record<(typeof reportLayouts)[number], BoundToQuote>> = {
  'claims-v1': { layout: 'claims-v1', kind: 'tdx-dstack', signer, nonce, claims },
  '0g-address': { layout: '0g-address', signer },
  '0g-encryption-key': { layout: '0g-encryption-key', signer, encryptionKey },
  challenge: { layout: 'challenge', signer, nonce },
}
const hexOf = (layout: keyof typeof bound) => bytesToHex(reportDataOf(bound[layout]))

describe('reportDataOf', () => {
  it('writes 0G’s address in ASCII, with its checksum', () => {
    expect(checksummedAddress(signer)).toBe(checksummed)
    const ascii = [...checksummed].map(letter => letter.charCodeAt(0).toString(16)).join('')
    expect(hexOf('0g-address')).toBe(ascii.padEnd(128, '0'))
  })

  it('writes 0G’s encryption key, signer and version', () => {
    expect(hexOf('0g-encryption-key')).toBe(`${encryptionKey}${signer.slice(2)}00000001${'00'.repeat(8)}`)
  })

  it('writes signer and nonce as vLLM’s proxy does', () => {
    expect(hexOf('challenge')).toBe(`${signer.slice(2)}${'00'.repeat(12)}${nonce}`)
  })

  it('binds kind, nonce and claims by name in a layout of its own', () => {
    const ofOurs = bound['claims-v1'] as Extract<BoundToQuote, { layout: 'claims-v1' }>
    const turned = { covers: 'orchestrator', model: 'm' }
    expect(bytesToHex(reportDataOf({ ...ofOurs, claims: turned }))).toBe(hexOf('claims-v1'))
    for (const other of [
      { ...ofOurs, kind: 'simulated' as const },
      { ...ofOurs, nonce: 'cd'.repeat(32) },
      { ...ofOurs, claims: { model: 'n', covers: 'orchestrator' } },
    ]) {
      expect(bytesToHex(reportDataOf(other))).not.toBe(hexOf('claims-v1'))
    }
  })

  it('has 64 bytes, others in each layout', () => {
    const all = reportLayouts.map(hexOf)
    expect(all.map(hex => hex.length)).toEqual([128, 128, 128, 128])
    expect(new Set(all).size).toBe(4)
  })
})
