/**
 * What a coalition says of itself in 0G Compute's registry. It claims what is so: the orchestrator is attested, the machines that compute are
 * not. Any change of these texts makes 0G's team acknowledge the provider again, so they hold nothing that varies.
 */
import type { AttestationKind } from '../attestation/index.ts'

/** 0G's clients take these words for a model inside a TEE, or one that is proven; ours is neither. */
export const refusedVerifiability = ['TeeML', 'OpML', 'ZKML', 'TeeTLS'] as const

/** 0G's clients skip their own check of answers where they meet a word that they do not know; ours is checked by who knows it. */
export const verifiabilityOf = (kind: AttestationKind): string =>
  kind === 'simulated' ? 'ComputePool/simulated' : 'ComputePool/attested-orchestrator'

/** JSON of at most 4,096 bytes; keys that 0G's clients know begin with a capital. */
export const additionalInfoOf = (kind: AttestationKind): string =>
  JSON.stringify({
    // The other verifier that 0G's clients know, cryptopilot, is not ours.
    ...(kind === 'tdx-dstack' ? { TEEVerifier: 'dstack' } : {}),
    ProviderType: 'decentralized',
    TargetSeparated: false,
    attestation: kind,
    attestedScope: kind === 'simulated' ? 'nothing: simulated' : 'orchestrator',
    workers: 'untrusted-browser',
    spotCheck: { method: 'auditors compute sampled work again', covers: 'activations and tokens', privacy: 'none' },
  })

export const serviceType = 'chatbot'
