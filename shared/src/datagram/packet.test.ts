import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeItems,
  encodeItems,
  itemBytes,
  maxAckRanges,
  type PacketItem,
  packetHeaderBytes,
  readPacketHeader,
  writePacketHeader,
} from './index.ts'

const invalid = expect.objectContaining({ code: 'peer_frame_invalid' })

/** Ranges as acks have them: descending, apart from one another. */
const ranges = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 })), {
    minLength: 1,
    maxLength: maxAckRanges,
  })
  .map(steps => {
    let end = 2 ** 40
    return steps.map(([gap, length]) => {
      const range = { start: end - gap - length, end: end - gap }
      end = range.start
      return range
    })
  })
const item: fc.Arbitrary<PacketItem> = fc.oneof(
  fc.record({
    type: fc.constant('ack' as const),
    ranges,
    delayMs: fc.integer({ min: 0, max: 4_000_000 }).map(micros => micros / 1000),
    credit: fc.integer({ min: 0, max: 0xffff }),
  }),
  fc.record({ type: fc.constant('segment' as const), fragment: fc.uint8Array({ maxLength: 200 }) }),
  fc.constant({ type: 'ping' as const }),
  fc.constant({ type: 'close' as const }),
)

describe('a packet’s header', () => {
  it('comes out as it went in', () => {
    const header = fc.record({
      type: fc.constantFrom('init' as const, 'reply' as const, 'data' as const),
      sessionId: fc.uint8Array({ minLength: 8, maxLength: 8 }).map(bytes => Buffer.from(bytes).toString('hex')),
      number: fc.maxSafeNat(),
    })
    fc.assert(
      fc.property(header, given => {
        const packet = new Uint8Array(packetHeaderBytes)
        writePacketHeader(packet, given)
        expect(readPacketHeader(packet)).toEqual(given)
      }),
    )
  })

  it('is not read where it is short, unknown, or counts too far', () => {
    const packet = new Uint8Array(packetHeaderBytes)
    writePacketHeader(packet, { type: 'data', sessionId: '00'.repeat(8), number: 1 })
    expect(readPacketHeader(packet.subarray(1))).toBeNull()
    expect(readPacketHeader(packet.subarray(0, packetHeaderBytes - 1))).toBeNull()
    expect(readPacketHeader(Uint8Array.of(9, ...packet.subarray(1)))).toBeNull()
    expect(readPacketHeader(packet.fill(0xff, 9))).toBeNull()
  })
})

describe('a packet’s items', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 12 }), items => {
        const payload = encodeItems(items)
        expect(payload).toHaveLength(items.reduce((sum, entry) => sum + itemBytes(entry), 0))
        expect(decodeItems(payload)).toEqual(items)
      }),
    )
  })

  it('are refused where they are torn', () => {
    const payload = encodeItems([
      { type: 'ack', ranges: [{ start: 3, end: 9 }], delayMs: 2, credit: 32 },
      { type: 'segment', fragment: new Uint8Array(10) },
    ])
    const ackEnd = payload.length - 15
    for (let length = 1; length < payload.length; length += 1) {
      if (length === ackEnd) expect(decodeItems(payload.slice(0, length))).toHaveLength(1)
      else expect(() => decodeItems(payload.slice(0, length))).toThrow(invalid)
    }
    expect(() => decodeItems(Uint8Array.of(77))).toThrow(invalid)
    expect(() => decodeItems(new Uint8Array(257).fill(3))).toThrow(invalid)
  })

  it('are refused where an ack has no ranges, or ranges that overlap or ascend', () => {
    for (const bad of [
      [],
      [{ start: 4, end: 4 }],
      [
        { start: 5, end: 8 },
        { start: 4, end: 5 },
      ],
      [
        { start: 1, end: 3 },
        { start: 5, end: 8 },
      ],
    ]) {
      const payload = encodeItems([{ type: 'ack', ranges: bad, delayMs: 0, credit: 1 }])
      expect(() => decodeItems(payload)).toThrow(invalid)
    }
  })

  it('of any bytes are read or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        try {
          decodeItems(bytes.map((byte, index) => (index === 0 ? (byte % 5) + 1 : byte)))
        } catch (error) {
          expect(error).toEqual(invalid)
        }
      }),
      { numRuns: 500 },
    )
  })
})
