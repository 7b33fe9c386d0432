/** The hop bench's WebRTC paths: between two processes, and between a page of a real browser and a process. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createNodeRtc } from '@computepool/node/links/node-rtc.ts'
import { hostClock } from '@computepool/peer/host.ts'
import type { LinkSignal } from '@computepool/shared/wire'
import { chromium } from 'playwright'
import { bridgeTabSignals } from '../harness/bridge-tab-signals.ts'
import { endProcess } from '../harness/end-process.ts'
import { chromiumLaunchOptions } from '../harness/launch-chromium.ts'
import { serveHarness } from '../harness/serve-harness.ts'
import { benchPeerA, benchPeerB, type HopPath } from './hop-paths.ts'
import { activationFrame, answerActivations, linkOpened, roundTripsMs, tokenFrame } from './round-trips.ts'

const self = fileURLToPath(import.meta.url)
const limits = { maxFrameBytes: 1 << 20 }

export async function openNodeToNode(): Promise<HopPath> {
  const child = fork(self, [], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 2, 2, 'ipc'] })
  await once(child, 'message')
  const transport = createNodeRtc({ self: benchPeerA, clock: hostClock })
  transport.onSignal((_, signal) => void child.send(signal))
  child.on('message', signal => transport.handleSignal(benchPeerB, signal as LinkSignal))
  const opened = linkOpened(transport, benchPeerB)
  transport.setPeers([{ peer: benchPeerB, isInitiator: true }], 1)
  await opened
  return {
    name: 'WebRTC, node to node (two processes)',
    measure: count => roundTripsMs(transport, benchPeerB, count),
    async close() {
      await transport.close()
      await endProcess(child)
    },
  }
}

/** The tab is the entry and measures; this process answers as the exit. */
export async function openTabToNode(): Promise<HopPath> {
  const harness = await serveHarness()
  const browser = await chromium.launch(chromiumLaunchOptions())
  const page = await (await browser.newContext()).newPage()
  const transport = createNodeRtc({ self: benchPeerB, clock: hostClock })
  let answered = 0
  const answer = tokenFrame(0)
  transport.onFrame(peer => {
    answered += 1
    void transport.send(peer, answer)
  })
  const room = 'hop bench'
  const passToTab = await bridgeTabSignals({
    page,
    origin: harness.origin,
    room,
    tab: benchPeerA,
    node: benchPeerB,
    onSignal: signal => transport.handleSignal(benchPeerA, signal),
  })
  transport.onSignal((_, signal) => passToTab(signal))
  await page.evaluate(tab => globalThis.transportHarness.start(tab, 'where-possible'), {
    self: benchPeerA,
    peer: benchPeerB,
    isInitiator: true,
    room,
    limits,
  })
  const opened = linkOpened(transport, benchPeerA)
  transport.setPeers([{ peer: benchPeerA, isInitiator: false }], 1)
  await Promise.all([opened, page.evaluate(() => globalThis.transportHarness.link())])
  const sizeBytes = activationFrame(0).length
  return {
    name: 'WebRTC, tab to node (Chromium)',
    async measure(count) {
      const before = answered
      const samples = await page.evaluate(([size, trips]) => globalThis.transportHarness.roundTrips(size, trips), [
        sizeBytes,
        count,
      ] as const)
      if (answered - before !== count) throw new Error(`${answered - before} frames came for ${count} round trips.`)
      return samples
    },
    async close() {
      await transport.close()
      await browser.close()
      await harness.close()
    },
  }
}

/** The other process. */
function serve(): void {
  const transport = createNodeRtc({ self: benchPeerB, clock: hostClock })
  transport.onSignal((_, signal) => void process.send!(signal))
  process.on('message', signal => transport.handleSignal(benchPeerA, signal as LinkSignal))
  answerActivations(transport)
  transport.setPeers([{ peer: benchPeerA, isInitiator: false }], 1)
  process.on('disconnect', () => process.exit(0))
  process.send!('ready')
}

if (process.argv[1] === self && process.send !== undefined) serve()
