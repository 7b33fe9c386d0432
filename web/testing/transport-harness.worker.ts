/** A tab's worker with a transport in it and nothing else: signals and driving go over broadcast channels of the test's room. */
import { createRtcTransport } from '@computepool/peer/links/index.ts'
import { serveTransport } from './remote-transport.ts'
import type { HarnessSignal, WorkerReport, WorkerStart } from './transport-harness-messages.ts'

const post = (report: WorkerReport): void => postMessage(report)

const start = ({ data: { self, peer, isInitiator, room, port, limits } }: MessageEvent<WorkerStart>): void => {
  const transport = createRtcTransport({
    self,
    port,
    limits,
    clock: {
      monotonicMs: () => performance.now(),
      wallMs: () => Date.now(),
      schedule(delayMs, task) {
        const timer = setTimeout(task, delayMs)
        return () => clearTimeout(timer)
      },
    },
  })
  const signals = new BroadcastChannel(`${room} signals`)
  transport.onSignal((to, signal) => signals.postMessage({ from: self, to, signal } satisfies HarnessSignal))
  signals.onmessage = ({ data }: MessageEvent<HarnessSignal>) => {
    if (data.to === self) transport.handleSignal(data.from, data.signal)
  }
  transport.onLink(event => {
    if (event.type === 'link-opened') post({ type: 'opened', channelCounts: transport.channelCounts })
    if (event.type === 'link-closed') post({ type: 'closed', error: event.error })
  })
  serveTransport(transport, new BroadcastChannel(`${room} ${self}`))
  addEventListener('message', () => transport.setPeers([{ peer, isInitiator }], 1))
  post({ type: 'listening' })
}
addEventListener('message', start, { once: true })
