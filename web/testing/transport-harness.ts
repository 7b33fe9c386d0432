/**
 * One tab of the transport test, for one link after another: the page's half of the transport, and a worker with the other. The initiator's page also runs the
 * contract's cases, driving both tabs' workers over broadcast channels.
 */

import { createRtcHost, type RtcHost } from '@computepool/peer/links/index.ts'
import { transportContract } from '../../shared/testing/transport-contract.ts'
import { driveTransport } from './remote-transport.ts'
import type { HarnessTab, WorkerReport, WorkerStart } from './transport-harness-messages.ts'

let host: RtcHost | null = null
let tab: HarnessTab | null = null
let whenClosed: Promise<string> = Promise.resolve('never opened')

const drive = (name: string) => driveTransport(new BroadcastChannel(`${tab?.room} ${name}`))

let worker: Worker | null = null

function heard<T extends WorkerReport['type']>(type: T): Promise<Extract<WorkerReport, { type: T }>> {
  return new Promise((resolve, reject) => {
    worker?.addEventListener('message', ({ data }: MessageEvent<WorkerReport>) => {
      if (data.type === type) resolve(data as Extract<WorkerReport, { type: T }>)
    })
    worker?.addEventListener('error', event => reject(new Error(`the worker failed: ${event.message}`)))
  })
}

globalThis.transportHarness = {
  async start(given, transferChannels) {
    tab = given
    host?.close()
    worker?.terminate()
    worker = new Worker(new URL('./transport-harness.worker.ts', import.meta.url), { type: 'module' })
    const { port1, port2 } = new MessageChannel()
    host = createRtcHost({ port: port1, transferChannels })
    whenClosed = heard('closed').then(report => report.error.code)
    const listening = heard('listening')
    worker.postMessage({ ...given, port: port2 } satisfies WorkerStart, [port2])
    await listening
  },
  async link() {
    const opened = heard('opened')
    worker?.postMessage('link')
    return (await opened).channelCounts
  },
  async runCase(name) {
    const entry = transportContract.find(found => found.name === name)
    if (!entry || !tab) throw new Error(`no case "${name}", or no link`)
    const [a, b] = [drive(tab.self), drive(tab.peer)]
    await entry.run({
      a,
      b,
      peerA: tab.self,
      peerB: tab.peer,
      maxFrameBytes: tab.limits.maxFrameBytes ?? 64 << 20,
      reach: promise => promise,
      refresh: async () => void (await Promise.all([a.refresh(), b.refresh()])),
      cut: async () => host?.close(),
      close: async () => {},
    })
  },
  roundTrips: (sizeBytes, count) => drive(tab?.self ?? '').roundTrips(tab?.peer ?? '', sizeBytes, count),
  closed: () => whenClosed,
}
