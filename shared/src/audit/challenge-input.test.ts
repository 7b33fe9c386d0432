import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { activationValues, convertActivation } from '../engine/index.ts'
import type { Activation } from '../ports/index.ts'
import { challengeInput } from './index.ts'

const dimensions = { hidden: 96, vocab: 300 }
const seed = 'ab'.repeat(32)
const rowsOf = (of: string, positions = 18): Activation => {
  const input = challengeInput({ seed: of, positions, dimensions, isEntry: false })
  if (!('activation' in input)) throw new Error('An entry?')
  return input.activation
}

describe('what a seed makes', () => {
  it('is these very bits, on every machine', () => {
    const tokens = challengeInput({ seed, positions: 64, dimensions, isEntry: true })
    expect(bytesToHex(sha256(rowsOf(seed).data))).toMatchInlineSnapshot(
      `"a5ec01287e26d9b87fe148daffc7fb0f758c7a41ae7aeed8b7af7e79ad2ea63d"`,
    )
    expect(bytesToHex(sha256(utf8ToBytes(JSON.stringify(tokens))))).toMatchInlineSnapshot(
      `"24c4ca5f404e8bbf697941b7c63abfcac970d05d97a434e45922b4eb261f25ff"`,
    )
  })

  it('loses nothing in coarser floats: two engines begin with the same', () => {
    const rows = rowsOf(seed)
    for (const dtype of ['f16', 'bf16'] as const)
      expect(activationValues(convertActivation(rows, dtype))).toEqual(activationValues(rows))
  })

  it('is as large as rows between layers are, the small and the large ones', () => {
    const values = activationValues(rowsOf(seed))
    const sizes = Array.from({ length: 18 }, (_, row) => {
      const own = values.subarray(row * dimensions.hidden, (row + 1) * dimensions.hidden)
      return Math.sqrt(own.reduce((sum, value) => sum + value ** 2, 0) / own.length)
    })
    // The demo model's golden rows lie between 0.07, behind the embedding, and 23.
    expect(Math.min(...sizes)).toBeGreaterThan(0.1)
    expect(Math.min(...sizes)).toBeLessThan(0.2)
    expect(Math.max(...sizes)).toBeGreaterThan(23)
    expect(Math.max(...sizes)).toBeLessThan(50)
    // No mean that a layer could be guessed by.
    expect(Math.abs(values.reduce((sum, value) => sum + Math.sign(value), 0)) / values.length).toBeLessThan(0.05)
  })

  it('is another for another seed, tokens within the vocabulary, and goes on where fewer were asked for', () => {
    expect(rowsOf('cd'.repeat(32)).data).not.toEqual(rowsOf(seed).data)
    expect(rowsOf(seed, 3).data).toEqual(rowsOf(seed).data.subarray(0, 3 * 4 * dimensions.hidden))
    const many = challengeInput({ seed, positions: 1024, dimensions, isEntry: true })
    const tokens = 'tokens' in many ? many.tokens : []
    expect(Math.max(...tokens)).toBeLessThan(300)
    expect(new Set(tokens).size).toBeGreaterThan(280)
  })
})
