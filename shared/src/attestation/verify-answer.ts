/**
 * Checks that an answer is the attested key's, to this request and byte by byte. What the attestation of that key is worth was judged before;
 * a simulated one never makes an answer verified.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { type AnswerHashes, type AnswerSignature, readAnswerText } from './answer-signature.ts'
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

export interface HashedAnswer {
  /** Of the request's body as it was sent, and of the answer's as it was received; of a stream every byte, `data: [DONE]` and its line ends included. */
  readonly hashes: AnswerHashes
  /** A stream's last event was `[DONE]`; an answer in one piece is always whole. */
  readonly isWhole: boolean
  readonly signed: AnswerSignature
  /** What `/v1/attestation` said, and what `judgeAttestation` made of it. */
  readonly attestation: Pick<AttestationBody, 'kind' | 'signer'>
  readonly judged: Pick<AttestationJudgement, 'verified'>
}

/** The same, by the bodies themselves. */
export interface AnswerEvidence extends Omit<HashedAnswer, 'hashes' | 'isWhole'> {
  readonly request: Uint8Array
  readonly response: Uint8Array
}

/** Of bodies that were kept. A refusal is a value. */
export function verifyAnswer({ request, response, ...rest }: AnswerEvidence): AnswerJudgement {
  const hashes = { request: bytesToHex(sha256(request)), response: bytesToHex(sha256(response)) }
  return judgeAnswer({ hashes, isWhole: isWhole(response), ...rest })
}

/** Of bodies that were hashed as they passed. A refusal is a value. */
export function judgeAnswer({ hashes, isWhole, signed, attestation, judged }: HashedAnswer): AnswerJudgement {
  const { kind, signer } = attestation
  const said = readAnswerText(kind, signed.text)
  const recovered = recoverSigner(signed.text, signed.signature)
  const hashed = (name: 'request' | 'response'): AnswerCheck => {
    const is = hashes[name]
    const ok = said?.[name] === is
    return { name, ok, detail: ok ? `SHA-256 ${is}` : `SHA-256 ${is}, and ${said?.[name] ?? 'none'} was signed` }
  }
  const check = (name: AnswerCheck['name'], ok: boolean, good: string, bad: string): AnswerCheck => ({
    name,
    ok,
    detail: ok ? good : bad,
  })
  const cut = 'it was cut, or ended in an error'
  const checks = [
    check('kind', signed.attestation === kind, kind, `signed as ${signed.attestation}, attested as ${kind}`),
    check('text', said !== null, 'of its kind', `no text that ${kind} signs`),
    hashed('request'),
    hashed('response'),
    check('signature', recovered === signed.signing_address, 'good', `of ${recovered ?? 'nobody'}`),
    check('signer', recovered === signer.toLowerCase(), signer, `${recovered ?? 'nobody'}, not ${signer}`),
    check('complete', signed.isComplete && isWhole, 'to its end', cut),
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
