/**
 * The 64 bytes that hardware signs beside its measurements: they bind a signer, the asker's nonce and what is claimed. It does not know who
 * signs them.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { AttestationClaims, AttestationKind } from './attestation-body.ts'

export interface BoundToQuote {
  readonly kind: AttestationKind
  /** Lower-case address of the key that signs answers. */
  readonly signer: string
  /** 64 hex digits. */
  readonly nonce: string
  readonly claims: AttestationClaims
}

/**
 * Layout `claims-v1`: signer (20 bytes), 12 zeros, SHA-256 of the rest. Claims count by name, not by order, and simulated evidence hashes under a
 * domain of its own: moved under a real kind's name, it no longer fits.
 */
export function reportDataOf({ kind, signer, nonce, claims }: BoundToQuote): Uint8Array {
  const domain = kind === 'simulated' ? 'computepool-simulated-attestation-v1' : 'computepool-attestation-v1'
  const sorted = Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const rest = sha256(utf8ToBytes(JSON.stringify([domain, kind, nonce, sorted])))
  return concatBytes(hexToBytes(signer.slice(2)), new Uint8Array(12), rest)
}

/** What a simulated provider signs (EIP-191): words that no signature of a real answer begins with. */
export const simulatedMessage = (reportData: Uint8Array): string =>
  `computepool-simulated-attestation-v1:${bytesToHex(reportData)}`
