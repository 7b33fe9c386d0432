/**
 * 0G Storage behind the blob port: the SDK uploads and downloads, in a thread that ends in time; whether root and length are right is
 * computed here, since the SDK's own proof flag looks at nothing. It works with 0G's network and with the stand-in alike.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import type { BlobStore, StoredBlob } from '@computepool/shared/ports'
import { createRootHasher } from '@computepool/shared/storage0g'
import type { Address, Hex } from 'viem'
import { createMemorySubmissions, type Submission, type SubmissionBook } from './open-submission-book.ts'
import {
  createSdkThreads,
  type DownloadOrder,
  type SdkOutcome,
  type SdkThreads,
  type UploadOrder,
} from './sdk-thread.ts'
import { mostWeiFor, usualMostWeiPerSector } from './storage-limits.ts'

export interface ZeroGStoreOptions {
  readonly indexerUrl: string
  readonly rpcUrl: string
  /** Pays for uploads; nothing else may send from it at the same time. */
  readonly privateKey: Hex
  /** The contract to pay at; null: whichever a node names, for chains where money is worth nothing. */
  readonly flow: Address | null
  /** Of a sector of 256 bytes. Default: ten times what 0G's test network asked. */
  readonly mostWeiPerSector?: bigint | undefined
  /** How long a payment whose number is taken must be missing before it is made again; default 3 minutes, for nodes that lag behind others. */
  readonly lostAfterMs?: number | undefined
  readonly gasPriceWei?: bigint | undefined
  /** Default: in memory. */
  readonly submissions?: SubmissionBook | undefined
  /** Default 10 minutes. */
  readonly putTimeoutMs?: number | undefined
  /** Default 3 minutes. */
  readonly getTimeoutMs?: number | undefined
  /** Between two looks at a node while uploading; default: the SDK's second. */
  readonly pollMs?: number | undefined
  /** Shared with other stores; default: its own. */
  readonly threads?: SdkThreads | undefined
  /** Ends whatever is on its way, and each call after it, with its reason. */
  readonly stop?: AbortSignal | undefined
  /** Waits for a time-out to be over; `signal` ends it early. Default: the clock's. */
  readonly pause?: ((timeoutMs: number, signal: AbortSignal) => Promise<unknown>) | undefined
}

/** Held in memory, here and in the thread. Larger files are packs, and are stored part by part. */
export const mostBlobBytes = 256 * 1024 * 1024
/** Some tens of milliseconds of hashing at a time. */
const hashedAtOnce = 256 * 1024

export function createZeroGStore(options: ZeroGStoreOptions): BlobStore {
  const { indexerUrl, rpcUrl, privateKey, gasPriceWei, putTimeoutMs = 600_000, getTimeoutMs = 180_000 } = options
  const { flow, mostWeiPerSector = usualMostWeiPerSector, lostAfterMs = 180_000 } = options
  const { pause = (timeoutMs, signal) => sleep(timeoutMs, undefined, { signal }) } = options
  const submissions = options.submissions ?? createMemorySubmissions()
  const threads = options.threads ?? createSdkThreads()
  if (options.threads === undefined) options.stop?.addEventListener('abort', () => threads.close(), { once: true })
  const putting = new Map<Hex, Promise<StoredBlob>>()
  // The key's transactions are counted by the SDK: two uploads at once would have the same number.
  let before: Promise<unknown> = Promise.resolve()

  async function upload(blob: StoredBlob, bytes: Uint8Array): Promise<StoredBlob> {
    const submitted = await submissions.get(blob.root)
    const { root } = blob
    const paying = { indexerUrl, rpcUrl, privateKey, gasPriceWei, pollMs: options.pollMs, lostAfterMs, flow }
    const mostWei = mostWeiFor(bytes.length, mostWeiPerSector)
    const order: UploadOrder = { kind: 'upload', bytes, root, submitted, mostWei, ...paying }
    const run = await runThread(
      threads,
      order,
      over => pause(putTimeoutMs, over),
      options.stop,
      submission => submissions.set(root, submission),
    )
    if (run.outcome && 'stored' in run.outcome) {
      const { root, sizeBytes, isFinal } = run.outcome.stored
      if (root === blob.root && sizeBytes === blob.sizeBytes && isFinal) {
        // It is stored: a book that is longer than it need be harms nobody.
        await submissions.finish(root).catch(() => {})
        return blob
      }
      throw storeFailed(
        blob,
        `It says that it stored ${sizeBytes} bytes as ${root}${isFinal ? '' : ', not for good yet'}.`,
      )
    }
    const reason = run.outcome && 'failed' in run.outcome ? run.outcome.failed : run.lastSaid
    if (/insufficient funds/i.test(reason)) {
      throw new ComputePoolError('chain_underfunded', `The storage key cannot pay for ${blob.sizeBytes} bytes.`, {
        remedy: 'Send native coins to the storage key’s address, then try again.',
      })
    }
    throw storeFailed(blob, run.outcome ? reason : `Not done after ${putTimeoutMs / 1000} s. ${reason}`)
  }

  return {
    async put(bytes, signal) {
      if (bytes.length === 0) {
        throw new ComputePoolError('input_invalid', 'There is no byte to store.', { remedy: '0G knows no empty file.' })
      }
      if (bytes.length > mostBlobBytes) {
        throw new ComputePoolError('input_too_large', `A blob has ${bytes.length} bytes.`, {
          remedy: `Store at most ${mostBlobBytes} bytes at a time.`,
        })
      }
      const own = bytes.slice()
      const blob = { root: await rootOf(own, signal), sizeBytes: own.length }
      let done = putting.get(blob.root)
      if (done === undefined) {
        done = before.then(() => upload(blob, own)).finally(() => putting.delete(blob.root))
        before = done.catch(() => {})
        putting.set(blob.root, done)
      }
      // Who stops waiting does not stop the upload: it may be paid for already, and others may wait for it too.
      const over = new AbortController()
      try {
        return await Promise.race([done, ...(signal ? [rejectedBy(signal, over.signal)] : [])])
      } finally {
        over.abort()
      }
    },

    async get(blob, signal) {
      if (blob.sizeBytes > mostBlobBytes) {
        throw new ComputePoolError('input_too_large', `A blob has ${blob.sizeBytes} bytes.`, {
          remedy: `At most ${mostBlobBytes} bytes are fetched at a time.`,
        })
      }
      const order: DownloadOrder = { kind: 'download', ...blob, indexerUrl }
      const { outcome } = await runThread(
        threads,
        order,
        over => pause(getTimeoutMs, over),
        either(signal, options.stop),
        async () => {},
      )
      if (outcome === undefined) throw fetchFailed(blob, `Nothing came within ${getTimeoutMs / 1000} s.`)
      if ('missing' in outcome) throw fetchFailed(blob, 'No node is known to have it.')
      if ('failed' in outcome) throw fetchFailed(blob, outcome.failed)
      if ('otherSize' in outcome) throw isAnother(blob, `the node says ${outcome.otherSize} bytes`)
      if (!('bytes' in outcome)) throw fetchFailed(blob, 'The SDK answered something else.')
      const bytes = new Uint8Array(outcome.bytes)
      if (bytes.length !== blob.sizeBytes) throw isAnother(blob, `${bytes.length} bytes came`)
      const root = await rootOf(bytes, signal)
      if (root !== blob.root) throw isAnother(blob, `what came has ${root}`)
      return bytes
    },
  }
}

async function runThread(
  threads: SdkThreads,
  order: UploadOrder | DownloadOrder,
  untilLate: (over: AbortSignal) => Promise<unknown>,
  signal: AbortSignal | undefined,
  record: (submission: Submission) => Promise<void>,
): Promise<{ readonly outcome: SdkOutcome | undefined; readonly lastSaid: string }> {
  signal?.throwIfAborted()
  let lastSaid = 'It said nothing.'
  const thread = threads.start(
    order,
    line => {
      lastSaid = `It said last: ${line}`
    },
    record,
  )
  const over = new AbortController()
  try {
    const late = untilLate(over.signal).then(() => undefined)
    late.catch(() => {})
    const outcome = await Promise.race([thread.outcome, late, ...(signal ? [rejectedBy(signal, over.signal)] : [])])
    return { outcome, lastSaid }
  } finally {
    over.abort()
    await thread.close()
  }
}

const either = (one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined =>
  one && other ? AbortSignal.any([one, other]) : (one ?? other)

/** Until `over`, it waits for `signal`. */
const rejectedBy = (signal: AbortSignal, over: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over })
  })

/** Without holding up whoever else is served by this process. */
async function rootOf(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Hex> {
  const hasher = createRootHasher()
  for (let at = 0; at < bytes.length; at += hashedAtOnce) {
    hasher.append(bytes.subarray(at, at + hashedAtOnce))
    await setImmediate()
    signal?.throwIfAborted()
  }
  return hasher.finish().root
}

const storeFailed = ({ root, sizeBytes }: StoredBlob, why: string) =>
  new ComputePoolError('artifact_store_failed', `0G Storage did not store ${sizeBytes} bytes (${root}). ${why}`, {
    remedy: 'Try again: what was paid for is not paid for twice.',
    context: { root, sizeBytes },
  })
const fetchFailed = ({ root, sizeBytes }: StoredBlob, why: string) =>
  new ComputePoolError('artifact_fetch_failed', `0G Storage did not give ${sizeBytes} bytes (${root}). ${why}`, {
    remedy: 'Try again later, or with another indexer; whoever stored it can store it again.',
    context: { root, sizeBytes },
  })
const isAnother = ({ root, sizeBytes }: StoredBlob, what: string) =>
  new ComputePoolError(
    'artifact_digest_mismatch',
    `0G Storage gave another file for ${root} (${sizeBytes} bytes): ${what}.`,
    {
      remedy: 'Try again, or with another indexer: a node is broken, or lies.',
      context: { root, sizeBytes },
    },
  )
