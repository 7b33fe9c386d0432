/**
 * 0G's SDK in threads of its own: it polls without end where a node never answers, writes to the console, pays again on a retry unless it
 * is told not to, and brings ethers along. A thread can be ended, and takes all of that with it; one that did what it was asked waits a
 * while for the next order, since to load the SDK takes longer than most. It verifies nothing.
 */
import { Worker } from 'node:worker_threads'
import type { Address, Hex } from 'viem'
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
  /** For how long that transaction must be missing where its number is taken, in milliseconds, before it is paid again. */
  readonly lostAfterMs: number
  /** The contract to pay at; null: whichever the node names. */
  readonly flow: Address | null
  /** No more than this is paid. */
  readonly mostWei: bigint
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

export interface SdkThread {
  readonly outcome: Promise<SdkOutcome>
  /** Lets go of it: one that is not done is ended. Idempotent. */
  close(): Promise<void>
}

export interface SdkThreads {
  start(
    order: UploadOrder | DownloadOrder,
    onSaid: (line: string) => void,
    record: (submission: Submission) => Promise<void>,
  ): SdkThread
  /** Ends those that wait for orders. */
  close(): void
}

const mostIdle = 2
/** A process that is done is not held by a thread that waits. */
const idleMs = 20_000

export function createSdkThreads(): SdkThreads {
  const idle: { readonly worker: Worker; readonly end: () => void }[] = []

  function take(): Worker {
    const found = idle.pop()
    if (found === undefined) {
      return new Worker(new URL('./sdk-worker.mjs', import.meta.url), {
        execArgv: [],
        stdout: true,
        stderr: true,
        env: {},
      })
    }
    found.end()
    found.worker.ref()
    return found.worker
  }

  async function give(worker: Worker): Promise<void> {
    // By their names: a worker has listeners of its own.
    for (const name of ['message', 'error', 'exit']) worker.removeAllListeners(name)
    if (idle.length >= mostIdle) return void (await worker.terminate())
    worker.unref()
    const forget = (): void => {
      const at = idle.findIndex(one => one.worker === worker)
      if (at >= 0) idle.splice(at, 1)
    }
    const timer = setTimeout(() => {
      forget()
      void worker.terminate()
    }, idleMs)
    timer.unref()
    // An error of one that waits has nobody to be told to.
    worker.on('error', forget)
    worker.on('exit', forget)
    idle.push({
      worker,
      end() {
        clearTimeout(timer)
        worker.off('error', forget)
        worker.off('exit', forget)
      },
    })
  }

  return {
    start(order, onSaid, record) {
      const worker = take()
      let isDone = false
      let isClosed = false
      const outcome = new Promise<SdkOutcome>(resolve => {
        worker.on('message', (word: SdkWord) => {
          if ('said' in word) onSaid(word.said)
          else if ('submitting' in word) {
            // Not written down, not paid.
            record(word.submitting).then(
              () => worker.postMessage('recorded'),
              thrown => resolve({ failed: `What it would pay could not be written down: ${firstLine(thrown)}` }),
            )
          } else {
            // After a failure something of it may still go on.
            isDone = !('failed' in word)
            resolve(word)
          }
        })
        worker.on('error', thrown => resolve({ failed: firstLine(thrown) }))
        worker.on('exit', code => resolve({ failed: `Its thread ended with ${code}.` }))
      })
      worker.postMessage(order)
      return {
        outcome,
        async close() {
          if (isClosed) return
          isClosed = true
          if (isDone) await give(worker)
          else await worker.terminate()
        },
      }
    },
    close() {
      for (const { worker, end } of idle.splice(0)) {
        end()
        void worker.terminate()
      }
    },
  }
}

const firstLine = (thrown: unknown): string =>
  (thrown instanceof Error ? thrown.message : String(thrown)).split('\n', 1)[0]!.slice(0, 300)
