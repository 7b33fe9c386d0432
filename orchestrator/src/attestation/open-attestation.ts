/** Chooses the provider that was asked for, and no other. Production takes a simulated one only when told twice. */
import type { AttestationKind } from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'
import type { AttestationProvider } from './attestation-provider.ts'
import { createGramineProvider } from './gramine-provider.ts'
import { createSimulatedProvider } from './simulated-provider.ts'

export interface AttestationChoice {
  readonly kind: AttestationKind
  readonly isProduction: boolean
  /** Whether production may simulate. */
  readonly isSimulationAllowed: boolean
  /** Whether the environment leads dstack's SDK to a simulator. */
  readonly hasDstackSimulator: boolean
  /** Of a simulated provider alone. */
  readonly simulatedKey: () => `0x${string}`
  readonly dstackSocket?: string
  readonly gramineFolder?: string
}

/** Errors: `attestation_refused` for simulation where it is not wanted, `attestation_unavailable` without the hardware. */
export async function openAttestation(choice: AttestationChoice): Promise<AttestationProvider> {
  if (choice.kind === 'simulated') {
    if (choice.isProduction && !choice.isSimulationAllowed) {
      throw refused('Attestation would be simulated, in production.', 'Set COMPUTEPOOL_ALLOW_SIMULATED_ATTESTATION=1.')
    }
    return createSimulatedProvider(choice.simulatedKey())
  }
  if (choice.kind === 'sgx-gramine') return createGramineProvider(choice.gramineFolder)
  if (choice.hasDstackSimulator) {
    const remedy = 'Unset it, or ask for --attestation simulated.'
    throw refused('DSTACK_SIMULATOR_ENDPOINT is set: what dstack’s simulator says is no hardware’s word.', remedy)
  }
  const { createDstackProvider } = await import('./dstack-provider.ts')
  return createDstackProvider(choice.dstackSocket)
}

const refused = (message: string, remedy: string): ComputePoolError =>
  new ComputePoolError('attestation_refused', message, { remedy })
