/**
 * Checks that an answer is the attested key's, to this request and byte by byte. What the attestation of that key is worth was judged before;
 * a simulated one never makes an answer verified.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { type AnswerSignature, readAnswerText } from './answer-signature.ts'
import type { AttestationBody } from './attestation-body.ts'
import type { AttestationJudgement } from './judge-attestation.ts'
import { recoverSigner } from './recover-signer.ts'

export const answerCheckNames = ['kind', 'text', 'request', 'response', 'signature', 'signer', 'complete'] as const

export interface AnswerCheck {
  readonly name: (typeof answerCheckNames)[number]
  readonly ok: boolean
  readonly detail: string
}

export interface AnswerJudgement {
  /** Every check passed: these bytes are that signer's, whoever vouches for it. */
  readonly matches: boolean
  /** And hardware vouches for the signer. */
  readonly verified: boolean
  readonly level: AttestationJudgement['level']
  readonly checks: readonly AnswerCheck[]
}

export interface AnswerEvidence {
  /** The request's body as it was sent. */
  readonly request: Uint8Array
  /** The answer's body as it was received; of a stream every byte, `data: [DONE]` and its line ends included. */
  readonly response: Uint8Array
  readonly signed: AnswerSignature
  /** What `/v1/attestation` said, and what `judgeAttestation` made of it. */
  readonly attestation: Pick<AttestationBody, 'kind' | 'signer'>
  readonly judged: Pick<AttestationJudgement, 'verified'>
}

/** A refusal is a value. */
export function verifyAnswer({ request, response, signed, attestation, judged }: AnswerEvidence): AnswerJudgement {
  const { kind, signer } = attestation
  const hashes = readAnswerText(kind, signed.text)
  const recovered = recoverSigner(signed.text, signed.signature)
  const hashed = (name: 'request' | 'response', bytes: Uint8Array): AnswerCheck => {
    const is = bytesToHex(sha256(bytes))
    const ok = hashes?.[name] === is
    return { name, ok, detail: ok ? `SHA-256 ${is}` : `SHA-256 ${is}, and ${hashes?.[name] ?? 'none'} was signed` }
  }
  const check = (name: AnswerCheck['name'], ok: boolean, good: string, bad: string): AnswerCheck => ({
    name,
    ok,
    detail: ok ? good : bad,
  })
  const cut = 'it was cut, or ended in an error'
  const checks = [
    check('kind', signed.attestation === kind, kind, `signed as ${signed.attestation}, attested as ${kind}`),
    check('text', hashes !== null, 'of its kind', `no text that ${kind} signs`),
    hashed('request', request),
    hashed('response', response),
    check('signature', recovered === signed.signing_address, 'good', `of ${recovered ?? 'nobody'}`),
    check('signer', recovered === signer.toLowerCase(), signer, `${recovered ?? 'nobody'}, not ${signer}`),
    check('complete', signed.isComplete && isWhole(response), 'to its end', cut),
  ]
  const matches = checks.every(each => each.ok)
  const isHardware = kind !== 'simulated' && judged.verified
  const level = !matches ? 'none' : isHardware ? 'hardware' : kind === 'simulated' ? 'simulated' : 'none'
  return { matches, verified: matches && isHardware, level, checks }
}

/** The flag beside the signature is not signed: of a stream, its own last event says whether it is whole. */
function isWhole(response: Uint8Array): boolean {
  const text = (from: number, to?: number) => new TextDecoder('utf-8').decode(response.slice(from, to))
  return text(0, 1) === '{' || text(-14) === 'data: [DONE]\n\n'
}
