/**
 * Verifies a DCAP quote against Intel's root with collateral that the caller brings, without any network. The collateral must not come from
 * whoever is judged: its revocation lists are not checked for a signature.
 */
import type { QuoteVerdict } from '@computepool/shared/attestation'
import { type Collateral, verify } from '@phala/dcap-qvl'
import { z } from 'zod'

const text = z.string().max(1 << 20)
const bytes = z.union([
  z
    .string()
    .max(1 << 20)
    .regex(/^([0-9a-f]{2})+$/i),
  z.array(z.int().min(0).max(255)).max(1 << 20),
])

/** As Phala's and Intel's tools write it. */
export const collateralSchema = z.object({
  pck_crl_issuer_chain: text,
  root_ca_crl: bytes,
  pck_crl: bytes,
  tcb_info_issuer_chain: text,
  tcb_info: text,
  tcb_info_signature: bytes,
  qe_identity_issuer_chain: text,
  qe_identity: text,
  qe_identity_signature: bytes,
})

/** `now` in ms since 1970. A refusal is a value. */
export function verifyQuote(quote: Uint8Array, collateral: Collateral | null, now: number): QuoteVerdict {
  const refused = (why: string, isCollateralAtFault: boolean): QuoteVerdict => ({
    isSigned: false,
    why,
    isCollateralAtFault,
  })
  if (collateral === null) return refused('no collateral was given', true)
  try {
    return { isSigned: true, status: verify(quote, collateral, now / 1000).status }
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    return refused(why, /tcb_?info|qe_?identity|QE Identity|expired|future|revoked|fmspc/i.test(why))
  }
}
