import { encodeParcel, maxParcelBytes } from '@computepool/shared/datagram'
import { numberedFrame } from '@computepool/shared/testing'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type Hall, type HallPeer, openHall } from '../../testing/bridge-hall.ts'
import { stopNodeRtc } from '../links/node-rtc.ts'

let hall: Hall | null = null
afterEach(async () => {
  await hall?.close()
  hall = null
})
afterAll(() => stopNodeRtc())

/** Sends `count` frames from one to the other; settles when all are there, unchanged. */
async function exchange(from: HallPeer, to: HallPeer, count: number, sizeBytes: number): Promise<void> {
  const wanted = new Map(Array.from({ length: count }, (_, index) => [index, numberedFrame(index, sizeBytes)]))
  const arrived = new Promise<void>((resolve, reject) => {
    const stop = to.sealed.onFrame((peer, frame) => {
      if (peer !== from.peer) return
      const number = new DataView(frame.buffer, frame.byteOffset).getUint32(0, true)
      const due = wanted.get(number)
      if (!due || Buffer.compare(due, frame) !== 0) return reject(new Error(`frame ${number} came twice or changed`))
      wanted.delete(number)
      if (wanted.size > 0) return
      stop()
      resolve()
    })
  })
  await Promise.all([...wanted.values()].map(frame => from.sealed.send(to.peer, frame)))
  await arrived
}

const rowOf = (at: Awaited<ReturnType<Hall['openBridge']>>, { peer }: HallPeer) =>
  at.running.snapshot().members.find(row => row.peer === peer)!

describe('a bridge', () => {
  it('joins two networks: frames pass both ways between a data channel and AXL', async () => {
    hall = await openHall()
    const [bridge, tab, node] = [await hall.openBridge(), await hall.openTab(), await hall.openNode()]
    const joined = hall.heard.find(({ peer }) => peer === bridge.peer)!.request
    expect(joined).toMatchObject({
      type: 'peer-joined',
      role: 'relay',
      reach: { webrtc: true, axl: bridge.daemon.key },
    })
    await hall.assemble(bridge, [tab, node], 7)
    await exchange(tab, node, 20, 5000)
    await exchange(node, tab, 20, 100_000)
    expect(bridge.refusals).toEqual([])
    expect(rowOf(bridge, tab)).toMatchObject({ by: 'webrtc', isOpen: true })
    expect(rowOf(bridge, tab).forwardedBytes).toBeGreaterThan(100_000)
    expect(rowOf(bridge, node)).toMatchObject({ by: 'axl', isOpen: true })
    expect(rowOf(bridge, node).forwardedBytes).toBeGreaterThan(2_000_000)
    expect(node.daemon!.counts.queued).toBeGreaterThan(0)
    expect(tab.sealed.links()).toMatchObject([{ peer: node.peer, kind: 'relay', receivedFrames: 20, sentFrames: 20 }])
    await hall.until(() => hall!.heard.some(({ request }) => request.type === 'relay-reported'))
    expect(hall.heard.findLast(({ request }) => request.type === 'relay-reported')!.request).toMatchObject({
      epoch: 7,
      members: [
        { peer: tab.peer, refusedBytes: 0 },
        { peer: node.peer, refusedBytes: 0 },
      ],
    })
  })

  it('carries three at once, over an overlay that loses, delays and reorders', async () => {
    hall = await openHall({ seed: 5, lossRate: 0.05, delayMs: 10, jitterMs: 20 })
    const bridge = await hall.openBridge()
    const [tab, other, node] = [await hall.openTab(), await hall.openTab(), await hall.openNode()]
    await hall.assemble(bridge, [tab, other, node], 1)
    // Again until something was lost: how many messages it takes is the batching's business.
    do {
      await Promise.all([
        exchange(tab, node, 10, 20_000),
        exchange(node, other, 10, 20_000),
        exchange(other, tab, 10, 20_000),
      ])
    } while (bridge.daemon.counts.lost + node.daemon!.counts.lost === 0)
    const ends = [tab, other, node]
    await hall.until(() => ends.every(({ sealed }) => Object.values(sealed.held).every(held => held === 0)))
  })

  it('refuses a member who speaks for another, and carries on', async () => {
    hall = await openHall()
    const bridge = await hall.openBridge()
    const [tab, liar, node] = [await hall.openTab(), await hall.openTab(), await hall.openNode()]
    await hall.assemble(bridge, [tab, liar, node], 1)
    const forged = encodeParcel([{ from: tab.peer, to: node.peer, datagram: new Uint8Array(100) }])
    await liar.rtc!.send(bridge.peer, forged)
    await liar.rtc!.send(bridge.peer, new Uint8Array(1000))
    await hall.until(() => bridge.refusals.length === 2)
    expect(bridge.refusals).toMatchObject([
      { code: 'peer_unauthenticated', member: liar.peer },
      { code: 'peer_frame_invalid', member: liar.peer },
    ])
    expect(rowOf(bridge, liar).refusedBytes).toBe(1152)
    expect(rowOf(bridge, tab).refusedBytes).toBe(0)
    await exchange(tab, node, 5, 5000)
  })

  it('closes the link of one who sends 17 MiB, and of no other', async () => {
    hall = await openHall()
    const bridge = await hall.openBridge()
    const [tab, flooder, node] = [await hall.openTab(), await hall.openTab(), await hall.openNode()]
    await hall.assemble(bridge, [tab, flooder, node], 1)
    flooder.rtc!.send(bridge.peer, new Uint8Array(17 << 20)).catch(() => {})
    await hall.until(() => !rowOf(bridge, flooder).isOpen)
    expect(bridge.refusals).toMatchObject([{ code: 'peer_frame_too_large', member: flooder.peer }])
    await exchange(tab, node, 5, 5000)
    expect(rowOf(bridge, tab)).toMatchObject({ isOpen: true, refusedBytes: 0 })
  })

  it('takes 17 MiB from AXL for what it is, and passes on what comes next', async () => {
    hall = await openHall()
    const [bridge, tab, node] = [await hall.openBridge(), await hall.openTab(), await hall.openNode()]
    await hall.assemble(bridge, [tab, node], 1)
    const post = (body: Uint8Array) =>
      fetch(`${node.daemon!.url}/send`, {
        method: 'POST',
        headers: { 'X-Destination-Peer-Id': bridge.daemon.key },
        body: body as BodyInit,
      })
    expect((await post(new Uint8Array(17 << 20))).status).toBe(500)
    expect((await post(new Uint8Array(15 << 20))).status).toBe(200)
    await exchange(node, tab, 5, 5000)
  })

  it('shuts out a member who floods it, while the others hardly notice', async () => {
    hall = await openHall()
    const bridge = await hall.openBridge({
      burstBytes: 4 << 20,
      bytesPerSecond: 4 << 20,
      linkRefusedBytes: 8 << 20,
    })
    const [tab, flooder, node] = [await hall.openTab(), await hall.openTab(), await hall.openNode()]
    await hall.assemble(bridge, [tab, flooder, node], 1)
    const datagram = new Uint8Array(100_000)
    const parcel = encodeParcel(Array.from({ length: 10 }, () => ({ from: flooder.peer, to: node.peer, datagram })))
    expect(parcel.length).toBeLessThan(maxParcelBytes)
    const flood = (async () => {
      for (;;) await flooder.rtc!.send(bridge.peer, parcel)
    })().catch(fault => fault.code)
    await exchange(tab, node, 20, 5000)
    expect(await flood).toBe('peer_disconnected')
    expect(bridge.refusals.map(({ code }) => code)).toContain('peer_rate_limited')
    expect(bridge.refusals.every(({ member }) => member === flooder.peer)).toBe(true)
    expect(bridge.notices.join()).toContain('is shut out')
    await exchange(tab, node, 20, 5000)
    expect(rowOf(bridge, tab).refusedBytes).toBe(0)
  })

  it('drains: carries on until the desk lets it go', async () => {
    hall = await openHall()
    const [bridge, tab, node] = [await hall.openBridge(), await hall.openTab(), await hall.openNode()]
    await hall.assemble(bridge, [tab, node], 1)
    const drained = bridge.running.drain(100_000)
    await hall.until(() => hall!.heard.some(({ request }) => request.type === 'peer-draining'))
    await exchange(tab, node, 5, 5000)
    expect(bridge.running.snapshot().status).toBe('relaying')
    hall.command(bridge.peer, { type: 'release-slice', epoch: 1 })
    await drained
    expect(bridge.running.snapshot().status).toBe('left')
  })

  it('drains no longer than it may', async () => {
    hall = await openHall()
    const bridge = await hall.openBridge()
    await bridge.running.drain(20)
    expect(bridge.running.snapshot().status).toBe('left')
  })

  it('tells the desk when it leaves, and passes nothing on afterwards', async () => {
    hall = await openHall()
    const [bridge, tab, node] = [await hall.openBridge(), await hall.openTab(), await hall.openNode()]
    await hall.assemble(bridge, [tab, node], 1)
    hall.command(bridge.peer, { type: 'assign-relay', epoch: 1, coalition: 'hall', members: [] })
    await hall.until(() => bridge.running.snapshot().status === 'waiting')
    expect(bridge.running.snapshot().members).toEqual([])
    await bridge.running.leave()
    await bridge.running.leave()
    await hall.until(() => hall!.gone.includes(bridge.peer))
    expect(hall.heard.at(-1)).toEqual({ peer: bridge.peer, request: { type: 'peer-leaving' } })
    expect(bridge.running.snapshot().status).toBe('left')
  })
})
