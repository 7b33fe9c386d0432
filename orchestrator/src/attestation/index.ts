export type { AttestationProvider, Evidence } from './attestation-provider.ts'
export { attest, attestationRoutes } from './attestation-routes.ts'
export { type AttestationChoice, openAttestation } from './open-attestation.ts'
export { type AnswerSigner, type AnswerSignerOptions, createAnswerSigner } from './sign-answers.ts'
