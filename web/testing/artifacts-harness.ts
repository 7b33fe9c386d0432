/** The page that the artifact tests drive: it passes calls to a worker, because OPFS has synchronous handles only there. */
import type { ArtifactsCall } from './artifacts-harness-calls.ts'

declare global {
  /** Resolves to the call's outcome; a fault is `{ code }`. */
  var callArtifacts: (call: ArtifactsCall) => Promise<unknown>
}

const worker = new Worker(new URL('./artifacts-harness.worker.ts', import.meta.url), { type: 'module' })

globalThis.callArtifacts = call =>
  new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => resolve(data)
    worker.onerror = event => reject(new Error(`the worker failed: ${event.message}`))
    worker.postMessage({ call, port: port2 }, [port2])
  })
