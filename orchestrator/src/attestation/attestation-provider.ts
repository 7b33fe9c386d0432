/** What vouches for the process that runs here: one port, whatever hardware is behind it, or none. */
import type { AttestationKind, EventLog } from '@computepool/shared/attestation'
import type { LocalAccount } from 'viem'

export interface Evidence {
  /** Hex without 0x; null where nothing but software vouches. */
  readonly quote: string | null
  readonly eventLog: EventLog | null
  readonly simulatedSignature: string | null
  /** Of a TD under dstack: what its verifier measures the image against; null elsewhere. */
  readonly vmConfig: string | null
}

export interface AttestationProvider {
  readonly kind: AttestationKind
  /** Key that exists in no other place of this kind, or says by its kind that it does. */
  signer(): Promise<LocalAccount>
  /** Evidence over 64 bytes. Errors: `attestation_unavailable`. */
  evidence(reportData: Uint8Array): Promise<Evidence>
  /** Of a TD under dstack: JSON of what it runs (`app_compose` and its measurements). Errors: `attestation_unavailable`. */
  tcbInfo?(): Promise<string>
}
