/**
 * What the attested key signs of an answer: the hashes of the bytes that came in and of those that went out, as 0G's clients expect it.
 * Simulated keys sign in a domain of their own. It knows no key and checks nothing.
 */
import { z } from 'zod'
import { type AttestationKind, attestationKinds } from './attestation-body.ts'

/** Response header under which an answer's signature is to be asked for: 0G's name. */
export const answerKeyHeader = 'ZG-Res-Key'

/** How long a signature can be fetched after its answer. */
export const answerSignatureMs = 20 * 60_000

/** No signature of a real answer begins with it: those begin with a hash. */
export const simulatedAnswerDomain = 'cp-sim-v1:'

const sha256Hex = /^[0-9a-f]{64}$/

export interface AnswerHashes {
  /** SHA-256 of the request's body as it was received; 64 hex digits. */
  readonly request: string
  /** SHA-256 of the answer's body as it was sent, of a stream every byte. */
  readonly response: string
}

/** The signed text (EIP-191). */
export function answerText(kind: AttestationKind, { request, response }: AnswerHashes): string {
  return `${kind === 'simulated' ? simulatedAnswerDomain : ''}${request}:${response}`
}

/** The hashes in a signed text of that kind; null where it is of another kind, or none at all. */
export function readAnswerText(kind: AttestationKind, text: string): AnswerHashes | null {
  const domain = kind === 'simulated' ? simulatedAnswerDomain : ''
  if (!text.startsWith(domain)) return null
  const [request = '', response = '', ...rest] = text.slice(domain.length).split(':')
  return sha256Hex.test(request) && sha256Hex.test(response) && rest.length === 0 ? { request, response } : null
}

/** `GET /v1/signature/ID`, and the same under `/v1/proxy`: 0G's fields, and two of ours. */
export const answerSignatureSchema = z.object({
  text: z.string().max(256),
  signature: z.string().regex(/^0x[0-9a-f]{130}$/),
  /** Lower case. */
  signing_address: z.string().regex(/^0x[0-9a-f]{40}$/),
  signing_algo: z.literal('ecdsa'),
  /** Says who vouches for the key; what that is worth is told by `/v1/attestation` alone. */
  attestation: z.enum(attestationKinds),
  /** False where the answer was cut, or ended in an error: the hash is of what was sent until then. */
  isComplete: z.boolean(),
})

export type AnswerSignature = z.infer<typeof answerSignatureSchema>
