/**
 * One file of a pack, from one source into a storage: resumes by HTTP range, hashes as it arrives, and commits only what has the
 * promised digest. It knows digests and bytes, not what they mean.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { FileRef } from '@computepool/shared/model'
import type { ArtifactStorage, Clock, PartialArtifact } from '@computepool/shared/ports'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { ArtifactPiece, ArtifactSource } from './artifact-sources.ts'

const firstRetryMs = 500
/** A download that stands still is begun again. */
const stallMs = 30_000
const readBytes = 1 << 20

export type FetchBytes = (url: string, init: RequestInit) => Promise<Response>

export interface ArtifactFetch {
  readonly source: ArtifactSource
  readonly file: FileRef
  readonly storage: ArtifactStorage
  readonly fetchBytes: FetchBytes
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Attempts in a row that bring no byte; then it is given up. */
  readonly patience: number
  /** Fewer in 30 s, and the source is given up for good; 1: it may be as slow as it likes. */
  readonly leastBytes: number
  readonly onProgress: (doneBytes: number) => void
}

/**
 * Returns when the file is committed. Errors: `artifact_digest_mismatch` (the partial file is emptied), `artifact_fetch_failed`
 * (what came is kept), `artifact_quota_exceeded`; a signal's own reason (what is there is kept).
 */
export async function fetchArtifact(options: ArtifactFetch): Promise<void> {
  const { file, storage, signal, onProgress } = options
  const partial = await storage.partial(file.sha256, signal)
  try {
    if (partial.sizeBytes > file.sizeBytes) await partial.clear()
    const hash = sha256.create()
    await hashStored(partial, hash, signal)
    onProgress(partial.sizeBytes)
    let fruitless = 0
    while (partial.sizeBytes < file.sizeBytes) {
      const before = partial.sizeBytes
      try {
        await fetchRest(options, partial, hash)
      } catch (thrown) {
        signal.throwIfAborted()
        const error = asComputePoolError(thrown, 'artifact_fetch_failed')
        if (error.code !== 'artifact_fetch_failed' || error.context.isFinal === true) throw error
        fruitless = partial.sizeBytes > before ? 0 : fruitless + 1
        if (fruitless >= options.patience) throw error
        await pause(options.clock, firstRetryMs * 2 ** fruitless, signal)
      }
    }
    const digest = bytesToHex(hash.digest())
    if (digest !== file.sha256) {
      await partial.clear()
      throw mismatch(options, options.source.pieces[0].url, digest)
    }
    await partial.commit()
  } finally {
    await partial.close()
  }
}

async function hashStored(partial: PartialArtifact, hash: ReturnType<typeof sha256.create>, signal: AbortSignal) {
  for (let offset = 0; offset < partial.sizeBytes; offset += readBytes) {
    signal.throwIfAborted()
    hash.update(await partial.read(offset, readBytes))
  }
}

/** The piece in which the next byte lies, to its end. */
async function fetchRest(
  options: ArtifactFetch,
  partial: PartialArtifact,
  hash: ReturnType<typeof sha256.create>,
): Promise<void> {
  const { source, file, fetchBytes, clock, onProgress } = options
  const watch = watchStall(clock, options.signal, options.leastBytes)
  try {
    const { piece, startsAt } = pieceAt(source, partial.sizeBytes)
    const { url } = piece
    const endsAt = startsAt + piece.sizeBytes
    const from = partial.sizeBytes - startsAt
    const response = await fetchBytes(url, {
      signal: watch.signal,
      ...(from === 0 ? {} : { headers: { range: `bytes=${from}-` } }),
    })
    // A server without ranges sends what is there already once more.
    let known = (await checkResponse(response, from, url)) ? from : 0
    for await (const sent of chunksOf(response, watch.signal)) {
      watch.heard(sent.length)
      const chunk = sent.subarray(Math.min(known, sent.length))
      known -= sent.length - chunk.length
      if (chunk.length === 0) continue
      if (partial.sizeBytes + chunk.length > endsAt) {
        await partial.clear()
        throw mismatch(options, url, 'of more bytes')
      }
      await partial.append(chunk)
      hash.update(chunk)
      onProgress(partial.sizeBytes)
      // The digest tells whether the file is whole: nothing is gained by waiting for the server to say so.
      if (partial.sizeBytes === endsAt) return
    }
    throw failed(url, `ended after ${partial.sizeBytes} of ${file.sizeBytes} bytes`)
  } finally {
    watch.stop()
  }
}

function pieceAt({ pieces }: ArtifactSource, offset: number): { piece: ArtifactPiece; startsAt: number } {
  let startsAt = 0
  for (const piece of pieces) {
    if (offset < startsAt + piece.sizeBytes) return { piece, startsAt }
    startsAt += piece.sizeBytes
  }
  throw new ComputePoolError('bug_unreachable_state', `A source of ${startsAt} bytes was asked for byte ${offset}.`)
}

/** True where the server sends from the first byte on, whatever was asked. */
async function checkResponse(response: Response, start: number, url: string): Promise<boolean> {
  // 0G's gateway says in JSON, perhaps with status 200, that it does not have a file; no part of a pack is JSON.
  const isWord = /\bjson\b/.test(response.headers.get('content-type') ?? '') && !new URL(url).pathname.endsWith('.json')
  if (isWord && response.ok) {
    await response.body?.cancel()
    throw failed(url, 'was answered with JSON', { status: response.status, isFinal: true })
  }
  if (response.status === 200 && response.body !== null) return true
  // A gateway of another origin may hide the header from a page: then the digest alone tells.
  const range = response.headers.get('content-range') ?? `bytes ${start}-`
  const from = Number(/^bytes (\d+)-/.exec(range)?.[1] ?? -1)
  if (response.status === 206 && from === start && response.body !== null) return false
  await response.body?.cancel()
  const isFinal = response.status >= 400 && response.status < 500 && ![408, 416, 429].includes(response.status)
  throw failed(url, `was answered with status ${response.status}`, { status: response.status, isFinal })
}

/** Chunks until the body ends; a read that never settles is given up when `signal` fires. */
async function* chunksOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = response.body!.getReader()
  let giveUp = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason)
  })
  aborted.catch(() => {})
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), aborted])
      if (done) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', giveUp)
    reader.cancel().catch(() => {})
  }
}

/** A signal that also fires where too little was heard for a while. */
function watchStall(clock: Clock, outer: AbortSignal, leastBytes: number) {
  const controller = new AbortController()
  const abort = (): void => controller.abort(outer.reason)
  outer.addEventListener('abort', abort, { once: true })
  if (outer.aborted) abort()
  let heardBytes = 0
  const tooSlow = (): ComputePoolError => {
    const what = heardBytes === 0 ? 'No byte' : `Only ${heardBytes} bytes`
    // A source that drips would be gone on with for ever: each byte is progress.
    const context = { isFinal: leastBytes > 1 && heardBytes > 0 }
    return new ComputePoolError('artifact_fetch_failed', `${what} came for ${stallMs / 1000} s.`, { context })
  }
  const arm = (): (() => void) => clock.schedule(stallMs, () => controller.abort(tooSlow()))
  let disarm = arm()
  return {
    signal: controller.signal,
    heard(bytes: number) {
      heardBytes += bytes
      if (heardBytes < leastBytes) return
      heardBytes = 0
      disarm()
      disarm = arm()
    },
    stop() {
      disarm()
      outer.removeEventListener('abort', abort)
    },
  }
}

/** Waits `delayMs` by `clock`; rejects with the signal's reason. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel()
      reject(signal.reason)
    }
    const cancel = clock.schedule(delayMs, () => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
}

function failed(url: string, what: string, context: Record<string, string | number | boolean> = {}) {
  return new ComputePoolError('artifact_fetch_failed', `${url} ${what}.`, {
    remedy: 'Check the connection, and that the pack is still served there.',
    context: { url, ...context },
  })
}

function mismatch({ file }: ArtifactFetch, url: string, got: string): ComputePoolError {
  return new ComputePoolError('artifact_digest_mismatch', `${url} should have digest ${file.sha256}, but is ${got}.`, {
    remedy: 'The server holds another file than its manifest says: pack the model again, or use another server.',
    context: { url, expected: file.sha256, got },
  })
}
