/** Asks a pool for evidence over a nonce of ours, and for signatures of its answers. It takes no more of what comes than an answer may have. */
import {
  type AnswerSignature,
  type AttestationBody,
  answerSignatureSchema,
  attestationBodySchema,
} from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'

const maxAnswerBytes = 4 << 20
const timeoutMs = 30_000

/** `origin`: of the pool. Errors: `attestation_unavailable` where it gives none that can be read. */
export async function askAttestation(origin: string, nonce: string): Promise<AttestationBody> {
  const remedy = 'Without evidence, trust it as far as you trust who runs it.'
  return ask(origin, `/v1/attestation?nonce=${nonce}`, 'evidence', remedy, answer =>
    attestationBodySchema.parse(answer),
  )
}

/** `key`: the answer's `ZG-Res-Key`. Errors: `attestation_unavailable` where it gives none that can be read. */
export async function askSignature(origin: string, key: string): Promise<AnswerSignature> {
  const remedy = 'A pool keeps signatures for 20 minutes. Ask sooner, or save one and name its file.'
  const path = `/v1/signature/${encodeURIComponent(key)}`
  return ask(origin, path, 'signature of that answer', remedy, answer => answerSignatureSchema.parse(answer))
}

async function ask<T>(
  origin: string,
  path: string,
  what: string,
  remedy: string,
  parse: (answer: unknown) => T,
): Promise<T> {
  const failed = (why: string, cause?: unknown) =>
    new ComputePoolError('attestation_unavailable', `${origin} gave no ${what}: ${why}`, { remedy, cause })
  try {
    const response = await fetch(new URL(path, origin), {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    })
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of response.body ?? []) {
      size += part.length
      if (size > maxAnswerBytes) throw failed(`its answer is longer than ${maxAnswerBytes} bytes.`)
      parts.push(part)
    }
    const answer: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
    if (response.ok) return parse(answer)
    throw failed(`HTTP ${response.status}, ${JSON.stringify(answer).slice(0, 300)}`)
  } catch (thrown) {
    throw thrown instanceof ComputePoolError ? thrown : failed(String(thrown).slice(0, 300), thrown)
  }
}
