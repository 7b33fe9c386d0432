/** Chooses the provider that was asked for, and no other. Production takes a simulated one only when told twice. */
import { type AttestationKind, readQuote, reportDataOf } from '@computepool/shared/attestation'
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

/**
 * Hardware is asked for a quote before anything is served. Errors: `attestation_refused` for simulation where it is not wanted and for hardware
 * under debug, `attestation_unavailable` without the hardware.
 */
export async function openAttestation(choice: AttestationChoice): Promise<AttestationProvider> {
  if (choice.kind === 'simulated') {
    if (choice.isProduction && !choice.isSimulationAllowed) {
      throw refused('Attestation would be simulated, in production.', 'Set COMPUTEPOOL_ALLOW_SIMULATED_ATTESTATION=1.')
    }
    return createSimulatedProvider(choice.simulatedKey())
  }
  if (choice.kind === 'sgx-gramine') return checked(createGramineProvider(choice.gramineFolder))
  if (choice.hasDstackSimulator) {
    const remedy = 'Unset it, or ask for --attestation simulated.'
    throw refused('DSTACK_SIMULATOR_ENDPOINT is set: what dstack’s simulator says is no hardware’s word.', remedy)
  }
  const { createDstackProvider } = await import('./dstack-provider.ts')
  return checked(createDstackProvider(choice.dstackSocket))
}

/** That the quote is of this kind and over these report data each provider sees to; whoever may look into the memory it leaves to us. */
async function checked(provider: AttestationProvider): Promise<AttestationProvider> {
  const signer = (await provider.signer()).address.toLowerCase()
  const { quote } = await provider.evidence(reportDataOf({ layout: '0g-address', signer }))
  const report = quote === null ? null : readQuote(Buffer.from(quote, 'hex'))
  if (report?.isDebug === false) return provider
  throw refused(
    'The hardware runs this under debug: its host can read the key that would sign.',
    'Run it without debug.',
  )
}

const refused = (message: string, remedy: string): ComputePoolError =>
  new ComputePoolError('attestation_refused', message, { remedy })
