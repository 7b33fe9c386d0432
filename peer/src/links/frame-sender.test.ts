import { createManualClock, numberedFrame } from '@computepool/shared/testing'
import { createReassembler, readFragment } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createFrameSender } from './frame-sender.ts'
import { highWaterBytes, type LinkChannel } from './link-channel.ts'

interface FakeChannel extends LinkChannel {
  isOpen: boolean
  bufferedBytes: number
  readonly sent: Uint8Array[]
}

function openChannel(drains = true): FakeChannel {
  const sent: Uint8Array[] = []
  const channel: FakeChannel = {
    isOpen: true,
    bufferedBytes: 0,
    sent,
    send(data) {
      if (typeof data === 'string') throw new Error('text among frames')
      sent.push(data)
      if (!drains) channel.bufferedBytes += data.length
    },
    listen() {},
  }
  return channel
}

function openSender(laneCount: number, drains = true) {
  const clock = createManualClock()
  const [first, ...lanes] = Array.from({ length: laneCount + 1 }, () => openChannel(drains)) as [FakeChannel]
  const sender = createFrameSender(first, clock)
  for (const lane of lanes) sender.addLane(lane)
  return { clock, sender, first, lanes: lanes as FakeChannel[], all: [first, ...(lanes as FakeChannel[])] }
}

/** The frames that come whole where these channels' packets arrive, one channel after another. */
function arrivingBy(channels: readonly FakeChannel[]): Uint8Array[] {
  const reassembler = createReassembler()
  return channels.flatMap(({ sent }) => sent).flatMap(fragment => reassembler.accept(fragment, 0) ?? [])
}
const bytes = (channel: FakeChannel): number => channel.sent.reduce((sum, { length }) => sum + length, 0)

describe('one connection', () => {
  it('sends nothing twice', async () => {
    const { sender, first } = openSender(0)
    await sender.send(numberedFrame(1, 5000))
    expect(first.sent.map(({ length }) => length)).toEqual([4600, 432])
  })
})

describe('a small frame with lanes', () => {
  it('survives the loss of everything on any one connection, and comes once', async () => {
    const { sender, all } = openSender(3)
    const frames = [300, 1300, 5200, 10_400].map((size, n) => numberedFrame(n, size))
    for (const frame of frames) await sender.send(frame)
    for (const lost of all) {
      const came = arrivingBy(all.filter(channel => channel !== lost))
      expect(came.sort((x, y) => x.length - y.length)).toEqual(frames)
    }
    expect(arrivingBy(all)).toHaveLength(frames.length)
  })

  it('is spread evenly, a packet at a time', async () => {
    const { sender, all } = openSender(3)
    for (let n = 0; n < 8; n++) await sender.send(numberedFrame(n, 5200))
    const each = all.map(bytes)
    expect(Math.max(...each)).toBeLessThan(1.2 * Math.min(...each))
    for (const { sent } of all) for (const fragment of sent) expect(fragment.length).toBeLessThanOrEqual(1150)
  })

  it('is sent once where the line has nothing to spare', async () => {
    const { sender, all } = openSender(2, false)
    await sender.send(numberedFrame(1, 1000))
    const before = all.map(({ sent }) => sent.length)
    for (const channel of all) channel.bufferedBytes = 1
    await sender.send(numberedFrame(2, 1000))
    expect(all.flatMap(({ sent }) => sent)).toHaveLength(before.reduce((sum, count) => sum + count) + 1)
  })

  it('does not queue behind a large one', async () => {
    const { clock, sender, first, lanes } = openSender(2, false)
    const large = sender.send(numberedFrame(1, 1 << 20))
    const ofLarge = (channel: FakeChannel): number =>
      channel.sent.filter(fragment => readFragment(fragment).frameBytes === 1 << 20).length
    expect([ofLarge(first), ...lanes.map(lane => lane.bufferedBytes >= highWaterBytes)]).toEqual([0, true, true])
    await sender.send(numberedFrame(2, 500))
    expect(arrivingBy([first]).map(({ length }) => length)).toEqual([500])
    // Once all has gone, and a while has passed, the lanes help again.
    for (let round = 0; round < 20; round++) {
      for (const lane of lanes) lane.bufferedBytes = 0
      sender.resume()
    }
    await large
    await clock.advance(400)
    for (const lane of lanes) lane.bufferedBytes = 0
    const before = lanes.map(({ sent }) => sent.length)
    for (let n = 3; n < 6; n++) await sender.send(numberedFrame(n, 500))
    expect(lanes.every(({ sent }, index) => sent.length > before[index]!)).toBe(true)
  })
})

describe('a large frame with lanes', () => {
  it('is cut over all of them and comes whole', async () => {
    const { sender, all, lanes } = openSender(4)
    const frame = numberedFrame(7, 400_000)
    await sender.send(frame)
    expect(arrivingBy(all.toReversed())).toEqual([frame])
    const each = lanes.map(bytes)
    expect(Math.max(...each) - Math.min(...each)).toBeLessThan(10_000)
  })

  it('takes the first connection until a lane is open', async () => {
    const { sender, first, lanes } = openSender(1)
    lanes[0]!.isOpen = false
    await sender.send(numberedFrame(1, 100_000))
    expect(arrivingBy([first])).toHaveLength(1)
  })
})
