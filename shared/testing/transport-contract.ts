/**
 * What every transport promises, as cases over a pair of linked peers. The same list runs over the loopback in vitest and over
 * WebRTC between two real pages in Playwright; it knows only the port.
 */
import type { LinkEvent, Transport } from '@computepool/shared/ports'

/** Two peers with one open link between them. */
export interface TransportPair {
  readonly a: Transport
  readonly b: Transport
  readonly peerA: string
  readonly peerB: string
  /** Largest frame that the pair accepts. */
  readonly maxFrameBytes: number
  /** Waits for `promise`; a fake moves its clock meanwhile. */
  reach<T>(promise: Promise<T>): Promise<T>
  /** Brings `links()` up to date, where the transports are driven from afar. */
  refresh(): Promise<void>
  /** Breaks the link without either side closing it, and returns when that has happened. */
  cut(): Promise<void>
  close(): Promise<void>
}

export interface TransportContractCase {
  readonly name: string
  run(pair: TransportPair): Promise<void>
}

/** Plain checks: the suite also loads in pages, where Node's assert is not. */
function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}
function checkSame(actual: unknown, expected: unknown, what: string): void {
  check(text(actual) === text(expected), `${what}: got ${text(actual)}, want ${text(expected)}`)
}
function checkSameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  const isSame = actual?.length === expected.length && actual.every((byte, index) => byte === expected[index])
  check(isSame, `a frame of ${expected.length} bytes arrived as ${actual?.length ?? 'nothing'}, or changed on the way`)
}
const text = (value: unknown): string => JSON.stringify(value) ?? 'undefined'

/** A frame that tells its number and can be checked byte by byte. */
export function numberedFrame(number: number, sizeBytes: number): Uint8Array {
  const frame = new Uint8Array(Math.max(4, sizeBytes))
  for (let index = 4; index < frame.length; index += 1) frame[index] = (number * 31 + index * 7) & 255
  new DataView(frame.buffer).setUint32(0, number, true)
  return frame
}

interface Inbox {
  readonly frames: { readonly peer: string; readonly frame: Uint8Array }[]
  /** Settles when `count` frames are there. */
  until(count: number): Promise<void>
}

function openInbox(transport: Transport): Inbox {
  const frames: { peer: string; frame: Uint8Array }[] = []
  const waiting: { count: number; resolve: () => void }[] = []
  transport.onFrame((peer, frame) => {
    frames.push({ peer, frame: frame.slice() })
    for (const entry of waiting) if (frames.length >= entry.count) entry.resolve()
  })
  return {
    frames,
    until: count =>
      new Promise(resolve => (frames.length >= count ? resolve() : void waiting.push({ count, resolve }))),
  }
}

function nextLinkEvent<K extends LinkEvent['type']>(
  transport: Transport,
  type: K,
): Promise<Extract<LinkEvent, { type: K }>> {
  return new Promise(resolve => {
    const stop = transport.onLink(event => {
      if (event.type !== type) return
      stop()
      resolve(event as Extract<LinkEvent, { type: K }>)
    })
  })
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'no error'
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error)
  }
}

const number = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(0, true)

export const transportContract: readonly TransportContractCase[] = [
  {
    name: 'carries frames of every size whole, both ways',
    async run({ a, b, peerA, peerB, reach }) {
      const sizes = [4, 64, 2300, 4096, 4601, 5000, 16_384, 65_537, 300_000]
      for (const [from, to, self, peer] of [
        [a, b, peerA, peerB],
        [b, a, peerB, peerA],
      ] as const) {
        const inbox = openInbox(to)
        for (const [index, size] of sizes.entries()) {
          await reach(from.send(peer, numberedFrame(index, size)))
        }
        await reach(inbox.until(sizes.length))
        for (const [index, size] of sizes.entries()) {
          const got = inbox.frames.find(entry => number(entry.frame) === index)
          checkSameBytes(got?.frame, numberedFrame(index, size))
          checkSame(got?.peer, self, 'sender')
        }
      }
    },
  },
  {
    name: 'delivers each of many frames exactly once',
    async run({ a, b, peerB, reach }) {
      const inbox = openInbox(b)
      const count = 300
      const sends = Array.from({ length: count }, (_, index) =>
        a.send(peerB, numberedFrame(index, 40 + (index % 5) * 3000)),
      )
      await reach(Promise.all(sends))
      await reach(inbox.until(count))
      const numbers = inbox.frames.map(entry => number(entry.frame)).sort((x, y) => x - y)
      checkSame(numbers, [...Array(count).keys()], 'frames')
      for (const { frame } of inbox.frames) {
        checkSameBytes(frame, numberedFrame(number(frame), 40 + (number(frame) % 5) * 3000))
      }
    },
  },
  {
    name: 'keeps what was sent, whatever the caller does to its buffer afterwards',
    async run({ a, b, peerB, reach }) {
      const inbox = openInbox(b)
      const frame = numberedFrame(7, 9000)
      await reach(a.send(peerB, frame))
      frame.fill(0)
      await reach(inbox.until(1))
      checkSameBytes(inbox.frames[0]?.frame, numberedFrame(7, 9000))
    },
  },
  {
    name: 'holds a burst back until the link has room, then delivers all of it',
    async run({ a, b, peerB, reach }) {
      const inbox = openInbox(b)
      const count = 128
      let handedOver = 0
      const sends = Array.from({ length: count }, (_, index) =>
        a.send(peerB, numberedFrame(index, 65_536)).then(() => {
          handedOver += 1
        }),
      )
      await reach(Promise.race(sends))
      check(handedOver < count, `all ${count} frames were handed over at once: no back-pressure`)
      await reach(Promise.all(sends))
      await reach(inbox.until(count))
      checkSame(inbox.frames.length, count, 'frames')
    },
  },
  {
    name: 'refuses a peer it has no link to, by name',
    async run({ a, reach }) {
      checkSame(await reach(codeOf(a.send('0xnobody', numberedFrame(1, 8)))), 'peer_unreachable', 'refusal')
    },
  },
  {
    name: 'refuses a frame over the limit and carries the next one',
    async run({ a, b, peerB, maxFrameBytes, reach }) {
      const inbox = openInbox(b)
      checkSame(
        await reach(codeOf(a.send(peerB, new Uint8Array(maxFrameBytes + 1)))),
        'peer_frame_too_large',
        'refusal',
      )
      await reach(a.send(peerB, numberedFrame(1, 100)))
      await reach(inbox.until(1))
      checkSame(inbox.frames.length, 1, 'frames')
    },
  },
  {
    name: 'does not send what was aborted before it began',
    async run({ a, b, peerB, reach }) {
      const inbox = openInbox(b)
      const aborted = new AbortController()
      aborted.abort(new Error('changed my mind'))
      const code = await reach(codeOf(a.send(peerB, numberedFrame(1, 100), aborted.signal)))
      check(code !== 'no error', 'an aborted send resolved')
      await reach(a.send(peerB, numberedFrame(2, 100)))
      await reach(inbox.until(1))
      checkSame(
        inbox.frames.map(entry => number(entry.frame)),
        [2],
        'frames',
      )
    },
  },
  {
    name: 'counts frames and bytes, and measures the round trip',
    async run({ a, b, peerA, peerB, reach, refresh }) {
      const inbox = openInbox(b)
      for (let index = 0; index < 5; index += 1) await reach(a.send(peerB, numberedFrame(index, 1000)))
      await reach(inbox.until(5))
      await refresh()
      const sent = a.links().find(link => link.peer === peerB)
      const received = b.links().find(link => link.peer === peerA)
      checkSame(sent?.isOpen, true, 'open')
      checkSame(sent?.sentFrames, 5, 'frames sent')
      checkSame(sent?.sentBytes, 5000, 'bytes sent')
      checkSame(received?.receivedFrames, 5, 'frames received')
      checkSame(received?.receivedBytes, 5000, 'bytes received')
      const measured = sent?.rttMs ?? (await reach(nextLinkEvent(a, 'link-measured'))).rttMs
      check(measured >= 0, 'a round trip was measured')
    },
  },
  {
    name: 'tells both ends that the link broke, and rejects every send that waits on it',
    async run({ a, b, peerA, peerB, reach, cut }) {
      const closedAtA = nextLinkEvent(a, 'link-closed')
      const closedAtB = nextLinkEvent(b, 'link-closed')
      const waiting = codeOf(
        Promise.all(Array.from({ length: 200 }, (_, index) => a.send(peerB, numberedFrame(index, 65_536)))),
      )
      await cut()
      checkSame((await reach(closedAtA)).peer, peerB, 'closed at a')
      checkSame((await reach(closedAtB)).peer, peerA, 'closed at b')
      const code = await reach(waiting)
      check(['peer_disconnected', 'peer_timed_out'].includes(code), `a waiting send settled with ${code}`)
      checkSame((await closedAtA).error.code, 'peer_disconnected', 'reason')
      checkSame(await reach(codeOf(a.send(peerB, numberedFrame(1, 8)))), 'peer_disconnected', 'refusal')
    },
  },
  {
    name: 'closes once, tells the other end, and refuses to send afterwards',
    async run({ a, b, peerA, peerB, reach }) {
      const closedAtB = nextLinkEvent(b, 'link-closed')
      await reach(a.close())
      await reach(a.close())
      checkSame((await reach(closedAtB)).peer, peerA, 'closed at b')
      const code = await reach(codeOf(a.send(peerB, numberedFrame(1, 8))))
      check(['peer_disconnected', 'peer_unreachable'].includes(code), `a send after close settled with ${code}`)
    },
  },
]
