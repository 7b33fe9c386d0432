/** Asks a pool for evidence over a nonce of ours, and takes no more of its answer than an answer may have. */
import { type AttestationBody, attestationBodySchema } from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'

const maxAnswerBytes = 4 << 20
const timeoutMs = 30_000

/** `origin`: of the pool. Errors: `attestation_unavailable` where it gives none that can be read. */
export async function askAttestation(origin: string, nonce: string): Promise<AttestationBody> {
  const url = new URL(`/v1/attestation?nonce=${nonce}`, origin)
  const failed = (why: string, cause?: unknown) =>
    new ComputePoolError('attestation_unavailable', `${origin} gave no evidence: ${why}`, {
      remedy: 'Without evidence, trust it as far as you trust who runs it.',
      cause,
    })
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of response.body ?? []) {
      size += part.length
      if (size > maxAnswerBytes) throw failed(`its answer is longer than ${maxAnswerBytes} bytes.`)
      parts.push(part)
    }
    const answer: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
    if (response.ok) return attestationBodySchema.parse(answer)
    throw failed(`HTTP ${response.status}, ${JSON.stringify(answer).slice(0, 300)}`)
  } catch (thrown) {
    throw thrown instanceof ComputePoolError ? thrown : failed(String(thrown).slice(0, 300), thrown)
  }
}
