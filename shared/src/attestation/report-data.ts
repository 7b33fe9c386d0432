/**
 * The 64 bytes that hardware signs beside its measurements: they bind a signer, and what else its layout has room for. Ours binds the asker's
 * nonce and what is claimed; the others are read by 0G's clients and by vLLM's. It does not know who signs them.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { AttestationClaims, AttestationKind } from './attestation-body.ts'
import { checksummedAddress } from './checksummed-address.ts'

export const reportLayouts = ['claims-v1', '0g-address', '0g-encryption-key', 'challenge'] as const

interface Bound<Layout extends (typeof reportLayouts)[number]> {
  readonly layout: Layout
  /** Lower-case address of the key that signs answers. */
  readonly signer: string
}

export type BoundToQuote =
  | (Bound<'claims-v1'> & {
      readonly kind: AttestationKind
      /** 64 hex digits. */
      readonly nonce: string
      readonly claims: AttestationClaims
    })
  | Bound<'0g-address'>
  | (Bound<'0g-encryption-key'> & {
      /** X25519, 64 hex digits. */
      readonly encryptionKey: string
    })
  | (Bound<'challenge'> & { readonly nonce: string })

/**
 * `claims-v1`: signer (20 bytes), 12 zeros, SHA-256 of the rest. Claims count by name, not by order, and simulated evidence hashes under a
 * domain of its own: moved under a real kind's name, it no longer fits.
 * `0g-address`: the signer in ASCII with its checksum, then zeros: what 0G's clients read today. `0g-encryption-key`: encryption key (32),
 * signer (20), version 1 (4, big-endian), 8 zeros. `challenge`: signer (20), 12 zeros, nonce (32). These have no room for a kind or claims.
 */
export function reportDataOf(bound: BoundToQuote): Uint8Array {
  const signer = hexToBytes(bound.signer.slice(2))
  switch (bound.layout) {
    case 'claims-v1': {
      const { kind, nonce, claims } = bound
      const domain = kind === 'simulated' ? 'computepool-simulated-attestation-v1' : 'computepool-attestation-v1'
      const sorted = Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      const rest = sha256(utf8ToBytes(JSON.stringify([domain, kind, nonce, sorted])))
      return concatBytes(signer, new Uint8Array(12), rest)
    }
    case '0g-address':
      return concatBytes(utf8ToBytes(checksummedAddress(bound.signer)), new Uint8Array(22))
    case '0g-encryption-key':
      return concatBytes(hexToBytes(bound.encryptionKey), signer, Uint8Array.of(0, 0, 0, 1), new Uint8Array(8))
    case 'challenge':
      return concatBytes(signer, new Uint8Array(12), hexToBytes(bound.nonce))
  }
}

/** What a simulated provider signs (EIP-191): words that no signature of a real answer begins with. */
export const simulatedMessage = (reportData: Uint8Array): string =>
  `computepool-simulated-attestation-v1:${bytesToHex(reportData)}`
