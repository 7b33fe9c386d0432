/** The page that a test drives: it passes calls to the worker in which engines live, as the product does. */
import type { HarnessCall, HarnessReply } from './engine-harness-calls.ts'

declare global {
  /** Set when the page is ready; rejects with the words of what failed in the worker. */
  var callEngineHarness: (call: HarnessCall) => Promise<unknown>
}

const worker = new Worker(new URL('./engine-harness.worker.ts', import.meta.url), { type: 'module' })
const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
let calls = 0

worker.addEventListener('message', ({ data }: MessageEvent<HarnessReply>) => {
  const entry = waiting.get(data.id)
  waiting.delete(data.id)
  if (data.error === null) entry?.resolve(data.value)
  else entry?.reject(new Error(data.error))
})
worker.addEventListener('error', event => {
  for (const { reject } of waiting.values()) reject(new Error(`the worker failed: ${event.message}`))
  waiting.clear()
})

globalThis.callEngineHarness = call =>
  new Promise((resolve, reject) => {
    calls += 1
    waiting.set(calls, { resolve, reject })
    worker.postMessage({ id: calls, call })
  })
