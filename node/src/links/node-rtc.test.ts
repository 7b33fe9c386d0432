import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hostClock } from '@computepool/peer/host.ts'
import { numberedFrame, type TransportPair, transportContract } from '@computepool/shared/testing'
import type { PeerId } from '@computepool/shared/wire'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { createNodeRtc, type NodeRtc, stopNodeRtc } from './node-rtc.ts'

const peerA: PeerId = `0x${'a'.repeat(40)}.00000001`
const peerB: PeerId = `0x${'b'.repeat(40)}.00000002`
const limits = { maxFrameBytes: 1 << 20 }
const opened: NodeRtc[] = []

async function openLinked(): Promise<{ a: NodeRtc; b: NodeRtc }> {
  const a = createNodeRtc({ self: peerA, clock: hostClock, limits })
  const b = createNodeRtc({ self: peerB, clock: hostClock, limits })
  opened.push(a, b)
  a.onSignal((_, signal) => b.handleSignal(peerA, structuredClone(signal)))
  b.onSignal((_, signal) => a.handleSignal(peerB, structuredClone(signal)))
  const bothOpen = Promise.all([a, b].map(end => untilEvent(end, 'link-opened')))
  // The offer comes before the assignment that explains it, as it may over the hub.
  a.setPeers([{ peer: peerB, isInitiator: true }], 1)
  b.setPeers([{ peer: peerA, isInitiator: false }], 1)
  await bothOpen
  return { a, b }
}

function untilEvent(transport: NodeRtc, type: string): Promise<void> {
  return new Promise(resolve => transport.onLink(event => event.type === type && resolve()))
}

afterEach(async () => {
  for (const transport of opened.splice(0)) await transport.close()
})
afterAll(() => stopNodeRtc())

describe('the transport contract over node-datachannel', () => {
  it.each(transportContract.map(entry => [entry.name, entry] as const))('%s', async (_, entry) => {
    const { a, b } = await openLinked()
    const pair: TransportPair = {
      a,
      b,
      peerA,
      peerB,
      maxFrameBytes: limits.maxFrameBytes,
      reach: promise => promise,
      refresh: async () => {},
      cut: async () => a.cut(),
      close: async () => {},
    }
    await entry.run(pair)
  })
})

describe('node to node', () => {
  it('hands its channels over in this thread, and keeps its link over assignments', async () => {
    const { a, b } = await openLinked()
    b.setPeers([{ peer: peerA, isInitiator: true }], 2)
    a.setPeers([{ peer: peerB, isInitiator: false }], 2)
    const arrived = new Promise<number>(resolve => b.onFrame((_, frame) => resolve(frame.length)))
    await a.send(peerB, numberedFrame(1, 5000))
    expect(await arrived).toBe(5000)
    expect(a.channelCounts).toEqual({ transferred: 0, proxied: 0, madeHere: 2 })
  })

  it.each(['offers', 'answers'])('replaces a link that the side which %s has lost', async role => {
    const { a, b } = await openLinked()
    const [loser, keeper] = role === 'offers' ? [a, b] : [b, a]
    const set = (side: NodeRtc, epoch: number): void =>
      side === a
        ? a.setPeers([{ peer: peerB, isInitiator: true }], epoch)
        : b.setPeers([{ peer: peerA, isInitiator: false }], epoch)
    loser.setPeers([], 1)
    // It has not noticed yet.
    set(keeper, 2)
    expect(keeper.links()[0]?.isOpen).toBe(true)
    const bothOpen = Promise.all([a, b].map(end => untilEvent(end, 'link-opened')))
    set(loser, 2)
    await bothOpen
    const arrived = Promise.all(
      [a, b].map(end => new Promise<number>(resolve => end.onFrame((_, { length }) => resolve(length)))),
    )
    await Promise.all([a.send(peerB, numberedFrame(1, 5000)), b.send(peerA, numberedFrame(2, 6000))])
    expect(await arrived).toEqual([6000, 5000])
  })
})

describe('the process', () => {
  it('ends by itself once its transports are closed', async () => {
    const script = fileURLToPath(new URL('../../testing/linked-pair.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script])
    expect(JSON.parse(stdout)).toMatchObject({ frames: 200 })
  })
})
