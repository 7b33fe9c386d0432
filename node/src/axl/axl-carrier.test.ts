import { hostClock } from '@computepool/peer/host.ts'
import { encodeParcel, maxDatagramBytes } from '@computepool/shared/datagram'
import { createManualClock } from '@computepool/shared/testing'
import type { LinkRoute } from '@computepool/shared/wire'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type AxlStandIn,
  type AxlStandInDaemon,
  type AxlStandInOptions,
  startAxlStandIn,
} from '../../testing/axl-stand-in.ts'
import { type AxlCarrier, createAxlCarrier } from './axl-carrier.ts'
import { type AxlClient, createAxlClient } from './axl-client.ts'
import type { AxlLimits } from './axl-limits.ts'

const peerOf = (number: number): string => `0x${String(number).padStart(40, '0')}.0000000${number}`
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function network(options: AxlStandInOptions = {}): AxlStandIn {
  const opened = startAxlStandIn(options)
  closers.push(() => opened.close())
  return opened
}

interface End {
  readonly peer: string
  readonly carrier: AxlCarrier
  readonly got: { readonly from: string; readonly text: string }[]
  readonly notices: string[]
  /** Settles when `count` datagrams are there. */
  until(count: number): Promise<void>
}

function openEnd(number: number, daemon: AxlStandInDaemon, limits: Partial<AxlLimits> = {}): End {
  const notices: string[] = []
  const carrier = createAxlCarrier({
    self: peerOf(number),
    client: createAxlClient({ url: daemon.url }),
    clock: hostClock,
    onNotice: text => notices.push(text),
    limits,
  })
  closers.push(() => carrier.close())
  const got: { from: string; text: string }[] = []
  let look = (): void => {}
  carrier.onDatagram((from, datagram) => {
    got.push({ from, text: Buffer.from(datagram).toString() })
    look()
  })
  return {
    peer: peerOf(number),
    carrier,
    got,
    notices,
    until: count =>
      new Promise(resolve => {
        look = () => {
          if (got.length >= count) resolve()
        }
        look()
      }),
  }
}

const route = (number: number, ...keys: string[]): LinkRoute => ({
  peer: peerOf(number),
  paths: keys.map(key => ({ kind: 'axl', key })),
})
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function pair(options: AxlStandInOptions = {}, limits: Partial<AxlLimits> = {}) {
  const overlay = network(options)
  const [left, right] = [await overlay.startDaemon(), await overlay.startDaemon()]
  const [a, b] = [openEnd(1, left, limits), openEnd(2, right, limits)]
  a.carrier.setRoutes([route(2, right.key)])
  b.carrier.setRoutes([route(1, left.key)])
  return { overlay, left, right, a, b }
}

describe('the AXL carrier', () => {
  it('brings a datagram, and says whose it claims to be', async () => {
    const { a, b } = await pair()
    await a.carrier.post(b.peer, bytes('there'))
    await b.until(1)
    await b.carrier.post(a.peer, bytes('and back'))
    await a.until(1)
    expect([...b.got, ...a.got]).toEqual([
      { from: a.peer, text: 'there' },
      { from: b.peer, text: 'and back' },
    ])
  })

  it('sends what is posted in one turn in one call', async () => {
    const { left, a, b } = await pair()
    await Promise.all(Array.from({ length: 40 }, (_, index) => a.carrier.post(b.peer, bytes(String(index)))))
    await b.until(40)
    expect(b.got.map(({ text }) => Number(text))).toEqual([...Array(40).keys()])
    expect(left.counts.sent).toBe(1)
    expect(a.carrier.counts.outbox).toMatchObject({ parcels: 1, datagrams: 40 })
  })

  it('gathers what is posted while a call is under way, and splits what no parcel holds', async () => {
    const { left, a, b } = await pair({ dialMs: 20 })
    const posts = [a.carrier.post(b.peer, bytes('first'))]
    await new Promise(resolve => setImmediate(resolve))
    for (let index = 0; index < 20; index += 1) posts.push(a.carrier.post(b.peer, new Uint8Array(128 << 10)))
    await Promise.all(posts)
    await b.until(21)
    // 1 MiB holds seven of 128 KiB.
    expect(left.counts.sent).toBe(4)
  })

  it('lets the oldest go where a daemon cannot keep up, and counts them', async () => {
    const { a, b } = await pair({ dialMs: 20 }, { queueBytes: 10_000 })
    await Promise.all(Array.from({ length: 30 }, () => a.carrier.post(b.peer, new Uint8Array(1000))))
    await b.until(10)
    expect(a.carrier.counts.outbox).toMatchObject({ dropped: 20, datagrams: 10 })
  })

  it('outlives its daemon, and says so in words', async () => {
    const { left, right, a, b } = await pair({}, { firstRetryMs: 5, lastRetryMs: 20 })
    await right.stop()
    await expect(a.carrier.post(b.peer, bytes('lost'))).rejects.toMatchObject({ code: 'peer_unreachable' })
    while (b.notices.length < 1) await new Promise(resolve => setTimeout(resolve, 1))
    await right.start()
    while (b.notices.length < 2) await new Promise(resolve => setTimeout(resolve, 1))
    await a.carrier.post(b.peer, bytes('found'))
    await b.until(1)
    expect(b.got[0]!.text).toBe('found')
    expect(b.notices[0]).toMatch(/does not answer: .*It is tried again\.$/)
    expect(b.notices[1]).toMatch(/answers again/)
    expect(left.counts.sent).toBe(1)
  })

  it('notices that its daemon came back with another key, and says which', async () => {
    const daemon = await network().startDaemon()
    const notices: string[] = []
    const before = daemon.key
    const changed = new Promise<string>(resolve => {
      const carrier = createAxlCarrier({
        self: peerOf(1),
        client: createAxlClient({ url: daemon.url }),
        clock: hostClock,
        key: before,
        onKeyChanged: resolve,
        onNotice: text => notices.push(text),
        limits: { firstRetryMs: 5, lastRetryMs: 20 },
      })
      closers.push(() => carrier.close())
    })
    const outage = async (newKey: boolean): Promise<void> => {
      const seen = notices.length
      await daemon.stop()
      while (notices.length < seen + 1) await new Promise(resolve => setTimeout(resolve, 1))
      await daemon.start({ newKey })
      while (notices.length < seen + 2) await new Promise(resolve => setTimeout(resolve, 1))
    }
    await outage(false)
    await outage(true)
    expect(await changed).toBe(daemon.key)
    expect(daemon.key).not.toBe(before)
    expect(notices.filter(text => text.includes('another key'))).toHaveLength(1)
  })

  it('dials a relay’s daemon twice at once, and another’s four times', async () => {
    const sends: string[] = []
    const client: AxlClient = {
      url: 'http://daemon.test',
      topology: () => new Promise(() => {}),
      recv: async () => null,
      close() {},
      send(key) {
        sends.push(key)
        return new Promise(() => {})
      },
    }
    const carrier = createAxlCarrier({ self: peerOf(1), client, clock: createManualClock() })
    const [relayKey, straightKey] = ['a'.repeat(64), 'b'.repeat(64)]
    const behindRelay: LinkRoute = { peer: peerOf(2), paths: [{ kind: 'relay', via: peerOf(9), key: relayKey }] }
    carrier.setRoutes([behindRelay, route(3, straightKey)])
    for (let index = 0; index < 6; index += 1) {
      for (const to of [2, 3]) carrier.post(peerOf(to), bytes('x')).catch(() => {})
      await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
    }
    expect(sends.filter(key => key === relayKey)).toHaveLength(2)
    expect(sends.filter(key => key === straightKey)).toHaveLength(4)
  })

  it('takes the next way where the first cannot be reached', async () => {
    const { overlay, left, right, a, b } = await pair()
    const relay = await overlay.startDaemon()
    const heal = overlay.partition(left, right)
    a.carrier.setRoutes([
      {
        peer: b.peer,
        paths: [
          { kind: 'axl', key: right.key },
          { kind: 'relay', via: peerOf(3), key: relay.key },
        ],
      },
    ])
    await expect(a.carrier.post(b.peer, bytes('one'))).rejects.toMatchObject({ code: 'peer_unreachable' })
    await a.carrier.post(b.peer, bytes('two'))
    expect(relay.counts.queued).toBe(1)
    heal()
    await left.stop()
    await expect(a.carrier.post(b.peer, bytes('three'))).rejects.toMatchObject({ code: 'peer_unreachable' })
    await left.start()
    await a.carrier.post(b.peer, bytes('four'))
    expect(relay.counts.queued).toBe(2)
  })

  it('takes the next way where the first dials for ever, and polls on meanwhile', async () => {
    const { overlay, left, right, b } = await pair({ unreachableMs: 100_000_000 })
    const relay = await overlay.startDaemon()
    overlay.partition(left, right)
    const client = createAxlClient({ url: left.url, timeoutMs: 200 })
    const carrier = createAxlCarrier({ self: peerOf(5), client, clock: hostClock })
    closers.push(() => carrier.close())
    const path = { kind: 'relay', via: peerOf(3), key: relay.key } as const
    carrier.setRoutes([{ peer: b.peer, paths: [{ kind: 'axl', key: right.key }, path] }])
    const before = left.counts.polls
    await expect(carrier.post(b.peer, bytes('one'))).rejects.toMatchObject({ code: 'peer_timed_out' })
    expect(left.counts.polls).toBeGreaterThan(before)
    await carrier.post(b.peer, bytes('two'))
    expect(relay.counts.queued).toBe(1)
  })

  it('lets others pass a send whose dial takes a second', async () => {
    const { overlay, left, a, b } = await pair({ slowDialRate: 1 })
    const slow = a.carrier.post(b.peer, bytes('slow'))
    while (left.counts.dials < 1) await new Promise(resolve => setTimeout(resolve, 1))
    overlay.change({ slowDialRate: 0 })
    await a.carrier.post(b.peer, bytes('fast'))
    await slow
    await b.until(2)
    expect(b.got.map(({ text }) => text)).toEqual(['fast', 'slow'])
  })

  it('counts what is not for it, and tells of a shared daemon', async () => {
    const { left, right, b } = await pair()
    const sender = createAxlClient({ url: left.url })
    await sender.send(right.key, bytes('{"hello":1}'))
    await sender.send(right.key, new Uint8Array([0xc5, 1, 9]))
    await sender.send(
      right.key,
      encodeParcel([
        { to: peerOf(9), from: peerOf(1), datagram: bytes('not yours') },
        { to: b.peer, from: peerOf(1), datagram: bytes('yours') },
      ]),
    )
    await b.until(1)
    sender.close()
    expect(b.got).toEqual([{ from: peerOf(1), text: 'yours' }])
    expect(b.carrier.counts).toMatchObject({ arrived: 1, foreign: 2, misdirected: 1 })
    expect(b.notices).toEqual([expect.stringMatching(/one queue/)])
  })

  it('refuses by name what it cannot send', async () => {
    const { a, b } = await pair()
    await expect(a.carrier.post(peerOf(7), bytes('x'))).rejects.toMatchObject({ code: 'peer_unreachable' })
    await expect(a.carrier.post(b.peer, new Uint8Array(maxDatagramBytes + 1))).rejects.toMatchObject({
      code: 'peer_frame_too_large',
    })
    a.carrier.setRoutes([])
    await expect(a.carrier.post(b.peer, bytes('x'))).rejects.toMatchObject({ code: 'peer_unreachable' })
    await a.carrier.close()
    await a.carrier.close()
    await expect(a.carrier.post(b.peer, bytes('x'))).rejects.toMatchObject({ code: 'peer_disconnected' })
  })

  it('rejects what still waits when it is closed', async () => {
    const { a, b } = await pair({ dialMs: 100_000 })
    const posts = [bytes('under way'), bytes('waiting')].map(text => a.carrier.post(b.peer, text))
    const settled = Promise.allSettled(posts)
    await new Promise(resolve => setImmediate(resolve))
    await a.carrier.close()
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  it('keeps no message of a full queue but the newest hundred', async () => {
    const { left, right, b } = await pair()
    await b.carrier.close()
    const sender = createAxlClient({ url: left.url })
    closers.push(async () => sender.close())
    for (let index = 0; index < 150; index += 1) {
      await sender.send(right.key, encodeParcel([{ to: peerOf(4), from: peerOf(1), datagram: bytes(String(index)) }]))
    }
    const late = openEnd(4, right)
    await late.until(100)
    expect(right.counts.dropped).toBe(50)
    expect(late.got.map(({ text }) => Number(text))).toEqual(Array.from({ length: 100 }, (_, index) => index + 50))
  })
})
