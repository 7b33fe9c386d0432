/**
 * A hub on its own: tabs at /signal, the orchestrator at /desk. The one place of this workspace that reads the environment:
 * PORT, HOST, COMPUTEPOOL_PUBLIC_URL (the page's origin), COMPUTEPOOL_DESK_ADDRESSES (comma-separated), COMPUTEPOOL_TRUST_PROXY.
 */
import { randomBytes } from 'node:crypto'
import { startHub } from './start-hub.ts'

const { env } = process
const port = Number(env.PORT ?? 8788)
const host = env.HOST ?? '127.0.0.1'
// Without a name of its own it signs in for this machine and its network only: tabs elsewhere refuse.
const ownHost = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
const publicUrl = env.COMPUTEPOOL_PUBLIC_URL ?? `http://${ownHost}:${port}`
const deskAddresses = (env.COMPUTEPOOL_DESK_ADDRESSES ?? '').toLowerCase().split(',').filter(Boolean)
if (deskAddresses.length === 0) {
  console.error(
    'Set COMPUTEPOOL_DESK_ADDRESSES to the address that the orchestrator signs in with: without a desk no tab is kept.',
  )
  process.exit(1)
}

const running = await startHub({
  port,
  host,
  publicUrl,
  deskAddresses,
  isProxyTrusted: env.COMPUTEPOOL_TRUST_PROXY === '1',
  clock: {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    schedule(delayMs, task) {
      const timer = setTimeout(task, delayMs)
      return () => clearTimeout(timer)
    },
  },
  entropy: { bytes: length => new Uint8Array(randomBytes(length)) },
  onFault: fault => console.error(fault instanceof Error ? fault.message : fault),
})
console.log(`Signaling for ${publicUrl} at ws://${host}:${running.port}/signal, desk at /desk`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void running.close().then(() => process.exit(0)))
}
