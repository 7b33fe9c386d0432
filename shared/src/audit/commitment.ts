/**
 * What a desk binds itself to before an attempt begins, in 32 bytes that every receipt of it repeats: the secret that checks are drawn by, and
 * the terms that are drawn under. It knows no desk and no receipt.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { ComputePoolError } from '../errors/index.ts'
import type { CheckTerms } from '../wire/index.ts'

/** Bytes of a secret, a commitment, and a receipt's digest. */
export const digestBytes = 32

/**
 * The attempt's nonce, hex: SHA-256("computepool check 2" ‖ 0 ‖ secret ‖ SHA-256(canonical JSON of the terms)). Errors: `input_invalid`
 * unless the secret (hex) has 32 bytes, which a guess cannot find.
 */
export function commitmentOf(secret: string, terms: CheckTerms): string {
  if (!/^[0-9a-f]{64}$/.test(secret))
    throw new ComputePoolError('input_invalid', `A secret of ${secret.length} characters was to be committed to.`, {
      remedy: 'Draw 32 random bytes for each attempt, and give them as 64 hex digits.',
    })
  const encoder = new TextEncoder()
  const label = encoder.encode('computepool check 2\0')
  const bytes = new Uint8Array(label.length + 2 * digestBytes)
  bytes.set(label)
  bytes.set(hexToBytes(secret), label.length)
  bytes.set(sha256(encoder.encode(canonicalJson(terms))), label.length + digestBytes)
  return bytesToHex(sha256(bytes))
}

/** JSON with the fields of each object in the order of their UTF-16 code units and no space: two who parsed the same write the same. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`
}
