/**
 * Signs answers with the attested key, over the bytes themselves: they are hashed as they pass, and a stream is held back for nothing but its
 * last event, which leaves when the signature is there to be fetched. It knows neither routes nor what an answer means.
 */
import { createHash } from 'node:crypto'
import { type AnswerSignature, answerKeyHeader, answerSignatureMs, answerText } from '@computepool/shared/attestation'
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { AttestationProvider } from './attestation-provider.ts'

export interface AnswerSignerOptions {
  readonly provider: AttestationProvider
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly entropy: Entropy
  /** Signatures that are kept; the oldest goes first. Default: 8192, about 8 MB. */
  readonly maxKept?: number
  /** The provider could not sign: the answer leaves unsigned. */
  readonly onFault?: (fault: unknown) => void
}

export interface AnswerSigner {
  /** The same answer, and the header under which its signature can be asked for once its last byte has left. */
  sign(requestBytes: Uint8Array, response: Response): Response
  /** Null: never heard of, too old, or its answer has not ended yet. */
  signatureOf(id: string): AnswerSignature | null
}

/** What every whole stream of ours ends with. */
const streamEnd = 'data: [DONE]\n\n'

export function createAnswerSigner(options: AnswerSignerOptions): AnswerSigner {
  const { provider, clock, entropy, maxKept = 8192, onFault = () => {} } = options
  const kept = new Map<string, { readonly answer: AnswerSignature; readonly endsAtMs: number }>()
  const forgetOld = (): void => {
    const nowMs = clock.monotonicMs()
    for (const [id, { endsAtMs }] of kept) {
      if (endsAtMs > nowMs && kept.size <= maxKept) return
      kept.delete(id)
    }
  }
  const keep = async (id: string, request: string, response: string, isComplete: boolean): Promise<void> => {
    try {
      const { kind: attestation } = provider
      const account = await provider.signer()
      const text = answerText(attestation, { request, response })
      const signature = await account.signMessage({ message: text })
      const signing_address = account.address.toLowerCase()
      const answer = { text, signature, signing_address, signing_algo: 'ecdsa', attestation, isComplete } as const
      kept.delete(id)
      kept.set(id, { answer, endsAtMs: clock.monotonicMs() + answerSignatureMs })
      forgetOld()
    } catch (thrown) {
      onFault(thrown)
    }
  }
  return {
    sign: (requestBytes, response) => {
      const id = Buffer.from(entropy.bytes(16)).toString('hex')
      const headers = new Headers(response.headers)
      headers.set(answerKeyHeader, id)
      const request = createHash('sha256').update(requestBytes).digest('hex')
      const isStream = headers.get('content-type')?.startsWith('text/event-stream') ?? false
      const body = signedBody(response.body, isStream, (hash, isComplete) => keep(id, request, hash, isComplete))
      return new Response(body, { status: response.status, statusText: response.statusText, headers })
    },
    signatureOf: id => {
      forgetOld()
      return kept.get(id)?.answer ?? null
    },
  }
}

/**
 * The same bytes, pulled one by one as the reader takes them. `onEnd` hears the hash of all that were given before the last of them is given,
 * or after, where nobody takes more.
 */
function signedBody(
  source: ReadableStream<Uint8Array> | null,
  isStream: boolean,
  onEnd: (sha256: string, isComplete: boolean) => Promise<void>,
): ReadableStream<Uint8Array> {
  const reader = (source ?? new Blob([]).stream()).getReader()
  const hash = createHash('sha256')
  let tail = ''
  let isSigned = false
  let held: Uint8Array | null = null
  const pass = (chunk: Uint8Array): Uint8Array => {
    hash.update(chunk)
    tail = (tail + Buffer.from(chunk.subarray(-streamEnd.length)).toString('latin1')).slice(-streamEnd.length)
    isSigned = false
    return chunk
  }
  const end = async (isComplete: boolean): Promise<void> => {
    if (isSigned) return
    isSigned = true
    await onEnd(hash.copy().digest('hex'), isComplete)
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: async controller => {
        try {
          for (;;) {
            const { done, value } = await reader.read()
            if (done) break
            if (isStream) {
              pass(value)
              if (tail === streamEnd) await end(true)
              return controller.enqueue(value)
            }
            // A whole answer's last chunk waits for the signature, and only its end tells which one that is.
            const ready = held
            held = value
            if (ready !== null) return controller.enqueue(pass(ready))
          }
        } catch (thrown) {
          await end(false)
          return controller.error(thrown)
        }
        const last = held === null ? null : pass(held)
        held = null
        await end(!isStream)
        if (last !== null) controller.enqueue(last)
        controller.close()
      },
      cancel: async reason => {
        await Promise.all([reader.cancel(reason), end(false)])
      },
    },
    // Nothing is pulled, and so nothing is hashed, before somebody takes it.
    { highWaterMark: 0 },
  )
}
