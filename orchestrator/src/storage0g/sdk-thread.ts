/**
 * 0G's SDK in a thread of its own: it polls without end where a node never answers, writes to the console, pays again on a retry unless it
 * is told not to, and brings ethers along. A thread can be ended, and takes all of that with it. It verifies nothing.
 */
import { Worker } from 'node:worker_threads'
import type { Hex } from 'viem'
import type { Submission } from './open-submission-book.ts'

export interface UploadOrder {
  readonly kind: 'upload'
  readonly bytes: Uint8Array
  readonly root: Hex
  readonly indexerUrl: string
  readonly rpcUrl: string
  readonly privateKey: Hex
  /** Wei; without it as the chain's nodes suggest. */
  readonly gasPriceWei?: bigint | undefined
  /** An earlier transaction for these bytes, which may be on its way still, or never sent. */
  readonly submitted?: Submission | undefined
  /** Between two looks at the node, in milliseconds; default: the SDK's second. */
  readonly pollMs?: number | undefined
}

export interface DownloadOrder {
  readonly kind: 'download'
  readonly root: Hex
  readonly sizeBytes: number
  readonly indexerUrl: string
}

/** What a thread says: how far it is, and at last one of the others. */
export type SdkWord =
  | { readonly said: string }
  | { readonly submitting: Submission }
  | { readonly stored: { readonly root: Hex; readonly sizeBytes: number; readonly isFinal: boolean } }
  | { readonly bytes: ArrayBuffer }
  | { readonly missing: true }
  | { readonly otherSize: number }
  | { readonly failed: string }

export type SdkOutcome = Exclude<SdkWord, { said: string } | { submitting: Submission }>

/** Ends it. Idempotent. */
export interface SdkThread {
  readonly outcome: Promise<SdkOutcome>
  close(): Promise<void>
}

export function startSdkThread(
  order: UploadOrder | DownloadOrder,
  onSaid: (line: string) => void,
  record: (submission: Submission) => Promise<void>,
): SdkThread {
  const worker = new Worker(new URL('./sdk-worker.mjs', import.meta.url), {
    execArgv: [],
    stdout: true,
    stderr: true,
    env: {},
    workerData: order,
  })
  const outcome = new Promise<SdkOutcome>(resolve => {
    worker.on('message', (word: SdkWord) => {
      if ('said' in word) onSaid(word.said)
      else if ('submitting' in word) {
        // Not written down, not paid.
        record(word.submitting).then(
          () => worker.postMessage('recorded'),
          thrown => resolve({ failed: `What it would pay could not be written down: ${firstLine(thrown)}` }),
        )
      } else resolve(word)
    })
    worker.on('error', thrown => resolve({ failed: firstLine(thrown) }))
    worker.on('exit', code => resolve({ failed: `Its thread ended with ${code}.` }))
  })
  return {
    outcome,
    async close() {
      await worker.terminate()
    },
  }
}

const firstLine = (thrown: unknown): string =>
  (thrown instanceof Error ? thrown.message : String(thrown)).split('\n', 1)[0]!.slice(0, 300)
