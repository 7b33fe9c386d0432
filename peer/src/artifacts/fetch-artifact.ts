/**
 * One file of a pack, from the server into a storage: resumes by HTTP range, hashes as it arrives, and commits only what has the
 * promised digest. It knows digests and bytes, not what they mean.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { FileRef } from '@computepool/shared/model'
import type { ArtifactStorage, Clock, PartialArtifact } from '@computepool/shared/ports'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** Attempts in a row that brought no byte. */
const maxFruitlessAttempts = 5
const firstRetryMs = 500
/** A download that stands still is begun again. */
const stallMs = 30_000
const readBytes = 1 << 20

export type FetchBytes = (url: string, init: RequestInit) => Promise<Response>

export interface ArtifactFetch {
  readonly url: string
  readonly file: FileRef
  readonly storage: ArtifactStorage
  readonly fetchBytes: FetchBytes
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onProgress: (doneBytes: number) => void
}

/**
 * Returns when the file is committed. Errors: `artifact_digest_mismatch` (the partial file is emptied), `artifact_fetch_failed`,
 * `artifact_quota_exceeded`; a signal's own reason (what is there is kept).
 */
export async function fetchArtifact(options: ArtifactFetch): Promise<void> {
  const { file, storage, signal, onProgress } = options
  const partial = await storage.partial(file.sha256, signal)
  try {
    if (partial.sizeBytes > file.sizeBytes) await partial.clear()
    const hash = { state: sha256.create() }
    await hashStored(partial, hash.state, signal)
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
        if (fruitless >= maxFruitlessAttempts) throw error
        await pause(options.clock, firstRetryMs * 2 ** fruitless, signal)
      }
    }
    const digest = bytesToHex(hash.state.digest())
    if (digest !== file.sha256) {
      await partial.clear()
      throw mismatch(options, digest)
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

async function fetchRest(
  options: ArtifactFetch,
  partial: PartialArtifact,
  hash: { state: ReturnType<typeof sha256.create> },
): Promise<void> {
  const { url, file, fetchBytes, clock, onProgress } = options
  const watch = watchStall(clock, options.signal)
  try {
    const start = partial.sizeBytes
    const response = await fetchBytes(url, {
      signal: watch.signal,
      ...(start === 0 ? {} : { headers: { range: `bytes=${start}-` } }),
    })
    const isWhole = await checkResponse(response, start, options)
    if (start > 0 && isWhole) {
      await partial.clear()
      hash.state = sha256.create()
    }
    for await (const chunk of chunksOf(response, watch.signal)) {
      watch.alive()
      if (partial.sizeBytes + chunk.length > file.sizeBytes) {
        await partial.clear()
        throw mismatch(options, 'of more bytes')
      }
      await partial.append(chunk)
      hash.state.update(chunk)
      onProgress(partial.sizeBytes)
      // The digest tells whether the file is whole: nothing is gained by waiting for the server to say so.
      if (partial.sizeBytes === file.sizeBytes) return
    }
    if (partial.sizeBytes < file.sizeBytes)
      throw failed(options, `ended after ${partial.sizeBytes} of ${file.sizeBytes} bytes`)
  } finally {
    watch.stop()
  }
}

/** True where the server sent the whole file, whatever was asked. */
async function checkResponse(response: Response, start: number, options: ArtifactFetch): Promise<boolean> {
  if (response.status === 200 && response.body !== null) return true
  const from = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? -1)
  if (response.status === 206 && from === start && response.body !== null) return false
  await response.body?.cancel()
  const isFinal = response.status >= 400 && response.status < 500 && ![408, 416, 429].includes(response.status)
  throw failed(options, `was answered with status ${response.status}`, { status: response.status, isFinal })
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

/** A signal that also fires where nothing was heard for a while. */
function watchStall(clock: Clock, outer: AbortSignal) {
  const controller = new AbortController()
  const abort = (): void => controller.abort(outer.reason)
  outer.addEventListener('abort', abort, { once: true })
  if (outer.aborted) abort()
  const arm = (): (() => void) =>
    clock.schedule(stallMs, () =>
      controller.abort(new ComputePoolError('artifact_fetch_failed', `No byte came for ${stallMs / 1000} s.`)),
    )
  let disarm = arm()
  return {
    signal: controller.signal,
    alive() {
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

function failed({ url }: ArtifactFetch, what: string, context: Record<string, string | number | boolean> = {}) {
  return new ComputePoolError('artifact_fetch_failed', `${url} ${what}.`, {
    remedy: 'Check the connection, and that the pack is still served there.',
    context: { url, ...context },
  })
}

function mismatch({ url, file }: ArtifactFetch, got: string): ComputePoolError {
  return new ComputePoolError('artifact_digest_mismatch', `${url} should have digest ${file.sha256}, but is ${got}.`, {
    remedy: 'The server holds another file than its manifest says: pack the model again, or use another server.',
    context: { url, expected: file.sha256, got },
  })
}
