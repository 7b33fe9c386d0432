/**
 * Checks that an answer is the attested key's, to this very request and byte by byte: its signature is fetched from the pool, everything else is
 * known here. What the attestation of the key is worth `verifyAttestation` says.
 */
import { answerSignatureSchema, judgeAnswer } from '@computepool/shared/attestation'
import type { Answer } from './answer.ts'
import { askJson } from './ask-pool.ts'
import type { CallOptions, Fetch, PoolDoor } from './pool-door.ts'
import { PoolError } from './pool-error.ts'
import type { AnswerVerdict, AttestationVerdict } from './verdict.ts'
import { verifyAttestation } from './verify-attestation.ts'

export interface AnswerOptions extends CallOptions {
  /** Of this pool, from `verifyAttestation`. Absent: it is asked now, and no hardware is believed. */
  readonly attestation?: AttestationVerdict
  readonly fetch?: Fetch
}

/** A refusal is a value. A pool keeps a signature for 20 minutes. Errors: `unreachable`, `not_understood`. */
export async function verifyAnswer(
  { evidence }: Pick<Answer, 'evidence'>,
  options: AnswerOptions = {},
): Promise<AnswerVerdict> {
  const { fetch: given, signal, timeoutMs } = options
  const door: PoolDoor = { origin: evidence.pool, fetch: given ?? ((to, init) => fetch(to, init)), headers: {} }
  const call = { signal, timeoutMs }
  const { signatureId, requestSha256: request, responseSha256: response } = evidence
  if (signatureId === null) return unsigned('the pool signs no answers')
  const attestation =
    options.attestation ??
    (await verifyAttestation(evidence.pool, given === undefined ? call : { ...call, fetch: given }))
  const { kind, signer, verified } = attestation
  if (kind === 'none' || signer === null) return unsigned('nothing vouches for who would sign')
  try {
    const path = `/v1/signature/${encodeURIComponent(signatureId)}`
    const signed = await askJson(door, path, answerSignatureSchema, call)
    // An Answer is made of whole answers only.
    const hashed = {
      hashes: { request, response },
      isWhole: true,
      signed,
      attestation: { kind, signer },
      judged: { verified },
    }
    const judged = judgeAnswer(hashed)
    // A simulation that was not even whole vouches for nothing.
    const level = judged.level === 'simulated' ? attestation.level : judged.level
    return { subject: 'answer', ...judged, level }
  } catch (thrown) {
    if (thrown instanceof PoolError && thrown.httpStatus === 404) return unsigned(thrown.message)
    throw thrown
  }
}

const unsigned = (detail: string): AnswerVerdict => ({
  subject: 'answer',
  verified: false,
  matches: false,
  level: 'none',
  checks: [{ name: 'signed', ok: false, detail }],
})
