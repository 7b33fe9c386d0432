/** A process with two linked transports in it: 200 round trips of a 5 KB frame, the figures as JSON, and then it must end by itself. */
import { hostClock } from '@computepool/peer/host.ts'
import type { PeerId } from '@computepool/shared/wire'
import { createNodeRtc, stopNodeRtc } from '../src/links/node-rtc.ts'

const peerA: PeerId = `0x${'a'.repeat(40)}.00000001`
const peerB: PeerId = `0x${'b'.repeat(40)}.00000002`
const a = createNodeRtc({ self: peerA, clock: hostClock })
const b = createNodeRtc({ self: peerB, clock: hostClock })
a.onSignal((_, signal) => b.handleSignal(peerA, signal))
b.onSignal((_, signal) => a.handleSignal(peerB, signal))
b.onFrame((peer, frame) => void b.send(peer, frame))
const opened = new Promise<void>(resolve => a.onLink(event => event.type === 'link-opened' && resolve()))
a.setPeers([{ peer: peerB, isInitiator: true }], 1)
b.setPeers([{ peer: peerA, isInitiator: false }], 1)
await opened

const frame = new Uint8Array(5000)
const samples: number[] = []
let arrived = (): void => {}
a.onFrame(() => arrived())
for (let round = 0; round < 200; round += 1) {
  const began = performance.now()
  const back = new Promise<void>(resolve => {
    arrived = resolve
  })
  await a.send(peerB, frame)
  await back
  samples.push(performance.now() - began)
}
samples.sort((x, y) => x - y)
const rounded = (index: number): number => Number(samples[index]?.toFixed(3))
console.log(JSON.stringify({ frames: samples.length, medianMs: rounded(100), p95Ms: rounded(190) }))
await a.close()
await b.close()
stopNodeRtc()
