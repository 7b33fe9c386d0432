/** What vouches for the orchestrator, in words; the label alone where there is little room. A label is no proof, and says so. */
import { useEffect } from 'react'
import { useServices } from '../shell/services.ts'
import type { AttestationLabel } from '../stores/attestation-store.ts'
import { useStore } from '../stores/use-store.ts'

/** Short: under an answer. */
export const attestationNames: Readonly<Record<AttestationLabel, string>> = {
  none: 'orchestrator not attested',
  simulated: 'attestation simulated',
  'tdx-dstack': 'says Intel TDX',
  'sgx-gramine': 'says Intel SGX',
}

const verify =
  'A page cannot check its quote; `computepool verify-attestation` can, and until then this is its own word.'
const meanings: Readonly<Record<AttestationLabel, string>> = {
  none: 'No hardware vouches for this pool’s orchestrator: trust it as far as you trust who runs it.',
  simulated:
    'This pool’s orchestrator simulates its attestation, to try it out. No hardware vouches for it, and nothing verifies it.',
  'tdx-dstack': `This pool’s orchestrator says that it runs in an Intel TDX machine (dstack). ${verify}`,
  'sgx-gramine': `This pool’s orchestrator says that it runs in an Intel SGX enclave (Gramine). ${verify}`,
}

export function AttestationWords() {
  const { attestation } = useServices()
  const label = useStore(attestation)
  useEffect(() => attestation.load(), [attestation])
  return (
    <p data-testid="attestation" data-kind={label ?? 'unknown'}>
      {label === null ? 'What vouches for this pool’s orchestrator is not known.' : meanings[label]} It covers the
      orchestrator at most: no seat’s machine, and not what a tab sees.
    </p>
  )
}
