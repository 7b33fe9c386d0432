/** A signed pair of request and answer, and everything that must not pass for one. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { type AnswerSignature, answerText } from './answer-signature.ts'
import type { AttestationKind } from './attestation-body.ts'
import { recoverSigner } from './recover-signer.ts'
import { type AnswerEvidence, verifyAnswer } from './verify-answer.ts'

const key = new Uint8Array(32).fill(0x33)
const signer = `0x${bytesToHex(keccak_256(secp256k1.getPublicKey(key, false).subarray(1)).subarray(12))}`
const hex = (bytes: Uint8Array) => bytesToHex(sha256(bytes))

function signText(text: string): string {
  const message = utf8ToBytes(text)
  const head = utf8ToBytes(`\x19Ethereum Signed Message:\n${message.length}`)
  const digest = keccak_256(concatBytes(head, message))
  const made = secp256k1.sign(digest, key, { prehash: false, format: 'recovered' })
  return `0x${bytesToHex(made.subarray(1))}${bytesToHex(Uint8Array.of((made[0] ?? 0) + 27))}`
}

const request = utf8ToBytes('{"model":"m"}')
const stream = utf8ToBytes('data: {"a":1}\n\ndata: [DONE]\n\n')

function evidence(kind: AttestationKind, verified: boolean, response = stream): AnswerEvidence {
  const text = answerText(kind, { request: hex(request), response: hex(response) })
  const base = { signing_address: signer, signing_algo: 'ecdsa', attestation: kind, isComplete: true } as const
  const signed = { ...base, text, signature: signText(text) }
  return { request, response, signed, attestation: { kind, signer }, judged: { verified } }
}

const failing = (of: AnswerEvidence) => {
  const judged = verifyAnswer(of)
  expect(judged.matches).toBe(judged.checks.every(check => check.ok))
  expect(judged.matches || !judged.verified).toBe(true)
  return judged.checks.filter(check => !check.ok).map(check => check.name)
}

const changed = (of: AnswerEvidence, change: Partial<AnswerSignature>): AnswerEvidence => ({
  ...of,
  signed: { ...of.signed, ...change },
})

it('recovers the address that viem made of the same key and text', () => {
  // privateKeyToAccount(`0x${'33'.repeat(32)}`) of viem 2.57, signMessage({ message: 'naïve' }).
  expect(signer).toBe('0x5cbdd86a2fa8dc4bddd8a8f69dba48572eec07fb')
  const made =
    '0xcf0492c62a3cf2f9c31b613bfc53cfcb5f527eec326302f413c731ecf4770b0f594577700f933b9959424387e98078460376d24493119fd96339d1d4accf8adf1b'
  expect(signText('naïve')).toBe(made)
  expect(recoverSigner('naïve', made)).toBe(signer)
  expect(recoverSigner('naive', made)).not.toBe(signer)
  expect(recoverSigner('naïve', `0x${'00'.repeat(65)}`)).toBeNull()
  expect(recoverSigner('naïve', '0x12')).toBeNull()
})

describe('an answer of an attested signer', () => {
  const good = evidence('tdx-dstack', true)
  it('is verified, in one piece or as a stream', () => {
    expect(verifyAnswer(good)).toMatchObject({ matches: true, verified: true, level: 'hardware' })
    expect(failing(evidence('sgx-gramine', true, utf8ToBytes('{"a":1}')))).toEqual([])
  })

  it('fails by name for other bytes, another signer, another text and a cut', () => {
    expect(failing({ ...good, request: utf8ToBytes('{"model":"n"}') })).toEqual(['request'])
    expect(failing({ ...good, response: utf8ToBytes('data: {"a":2}\n\ndata: [DONE]\n\n') })).toEqual(['response'])
    const other = `0x${'12'.repeat(20)}`
    expect(failing({ ...good, attestation: { kind: 'tdx-dstack', signer: other } })).toEqual(['signer'])
    expect(failing(changed(good, { signing_address: other }))).toEqual(['signature'])
    expect(failing(changed(good, { signature: `0x${'00'.repeat(65)}` }))).toEqual(['signature', 'signer'])
    expect(failing(changed(good, { text: `${good.signed.text}:more` }))).toContain('text')
    expect(failing(changed(good, { isComplete: false }))).toEqual(['complete'])
    // The flag is not signed; the stream's own end is.
    expect(failing(evidence('tdx-dstack', true, utf8ToBytes('data: {"a":1}\n\n')))).toEqual(['complete'])
  })

  it('matches, but is not verified, where the attestation was not', () => {
    expect(verifyAnswer(evidence('tdx-dstack', false))).toMatchObject({ matches: true, verified: false, level: 'none' })
  })
})

describe('a simulated signer', () => {
  it('matches and is never verified, whatever was judged of its attestation', () => {
    const judged = verifyAnswer(evidence('simulated', true))
    expect(judged).toMatchObject({ matches: true, verified: false, level: 'simulated' })
  })

  it('cannot pass for hardware by another name, nor by another domain', () => {
    const simulated = evidence('simulated', true)
    const { text } = simulated.signed
    const attestation = { kind: 'tdx-dstack', signer } as const
    const named = changed(simulated, { attestation: 'tdx-dstack' })
    expect(failing(named)).toEqual(['kind'])
    expect(failing({ ...named, attestation })).toEqual(['text', 'request', 'response'])
    const bare = text.slice('cp-sim-v1:'.length)
    expect(failing({ ...changed(named, { text: bare }), attestation })).toEqual(['signature', 'signer'])
    // Nor the other way: a real signature is no simulated one.
    const real = evidence('tdx-dstack', true)
    expect(failing(changed(real, { text: `cp-sim-v1:${real.signed.text}` }))).toContain('text')
  })
})
