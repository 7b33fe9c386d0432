/** The part of the settings that says what vouches for this process, and what `npm start` says of it. No hardware is touched. */
import { type AttestationKind, attestationKinds } from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'

export interface AttestationSettings {
  readonly kind: AttestationKind | 'none'
  readonly isProduction: boolean
  readonly isSimulationAllowed: boolean
  readonly hasDstackSimulator: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/** `isEmbedded`: on a chain of its own, where everything is for trying out. Errors: `input_invalid`. */
export function attestationOf(
  option: string | undefined,
  isEmbedded: boolean,
  environment: Environment,
): AttestationSettings {
  const isProduction = environment.NODE_ENV === 'production'
  const kind = option ?? (isEmbedded && !isProduction ? 'simulated' : 'none')
  if (!isKind(kind)) {
    throw new ComputePoolError('input_invalid', `--attestation is "${kind}"; it must be one of ${kinds.join(', ')}.`, {
      remedy: 'See `npm start -- --help`.',
      context: { param: '--attestation' },
    })
  }
  return {
    kind,
    isProduction,
    isSimulationAllowed: environment.COMPUTEPOOL_ALLOW_SIMULATED_ATTESTATION === '1',
    hasDstackSimulator: (environment.DSTACK_SIMULATOR_ENDPOINT ?? '') !== '',
  }
}

const kinds = ['none', ...attestationKinds] as const
const isKind = (kind: string): kind is (typeof kinds)[number] => (kinds as readonly string[]).includes(kind)

/** In words for a terminal: what stands behind this orchestrator’s answers. `signer`: address; null where nothing signs. */
export function tellAttestation(kind: AttestationKind | 'none', signer: string | null): string {
  if (kind === 'none' || signer === null) return 'Nothing vouches for this orchestrator, and it signs no answer.'
  if (kind === 'simulated') {
    return `Attestation is SIMULATED: no hardware vouches for this orchestrator. Answers are signed by ${signer}, whose key lies in a file; no check takes that for verified.`
  }
  const hardware = kind === 'tdx-dstack' ? 'Intel TDX, through dstack' : 'Intel SGX, through Gramine'
  return `${hardware}: answers are signed by ${signer}. What that is worth, computepool verify-attestation says; the tabs are covered by nothing.`
}
