import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesOfPeerId,
  decodeParcel,
  encodeParcel,
  entryBytes,
  maxDatagramBytes,
  maxParcelBytes,
  maxParcelEntries,
  type ParcelEntry,
  peerIdOfBytes,
} from './index.ts'

const to = `0x${'a1'.repeat(20)}.00c0ffee`
const from = `0x${'0b'.repeat(20)}.00000002`
const idBytes = fc.uint8Array({ minLength: 24, maxLength: 24 })
const entry = fc.record({
  to: idBytes.map(bytes => peerIdOfBytes(bytes)),
  from: idBytes.map(bytes => peerIdOfBytes(bytes)),
  datagram: fc.uint8Array({ maxLength: 300 }),
})

describe('a peer id in bytes', () => {
  it('is its address and its suffix', () => {
    expect(Buffer.from(bytesOfPeerId(to)).toString('hex')).toBe(`${'a1'.repeat(20)}00c0ffee`)
    expect(peerIdOfBytes(bytesOfPeerId(to))).toBe(to)
  })

  it('is refused where it is none', () => {
    for (const text of ['', to.toUpperCase(), `${to}0`, to.replace('.', '')]) {
      expect(() => bytesOfPeerId(text)).toThrow(expect.objectContaining({ code: 'bug_unreachable_state' }))
    }
  })
})

describe('a parcel', () => {
  it('comes out as it went in', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), entries => {
        expect(decodeParcel(encodeParcel(entries))).toEqual(entries)
      }),
    )
  })

  it('begins with its magic byte and version, never with a brace', () => {
    expect([...encodeParcel([])]).toEqual([0xc5, 1])
    expect([...encodeParcel([{ to, from, datagram: Uint8Array.of(7) }])].slice(50)).toEqual([1, 0, 0, 0, 7])
  })

  it('keeps its caps', () => {
    const filled = (count: number, length: number): ParcelEntry[] =>
      Array.from({ length: count }, () => ({ to, from, datagram: new Uint8Array(length) }))
    const tooLarge = expect.objectContaining({ code: 'peer_frame_too_large' })
    expect(decodeParcel(encodeParcel(filled(maxParcelEntries, 1)))).toHaveLength(maxParcelEntries)
    expect(() => encodeParcel(filled(maxParcelEntries + 1, 1))).toThrow(tooLarge)
    expect(decodeParcel(encodeParcel(filled(1, maxDatagramBytes)))).toHaveLength(1)
    expect(() => encodeParcel(filled(1, maxDatagramBytes + 1))).toThrow(tooLarge)
    expect(() => encodeParcel(filled(9, maxDatagramBytes))).toThrow(tooLarge)
    expect(entryBytes(new Uint8Array(10))).toBe(62)
  })

  it('is not read where it breaks them', () => {
    const one = encodeParcel([{ to, from, datagram: new Uint8Array(4) }])
    const many = new Uint8Array(2 + (maxParcelEntries + 1) * 52)
    many.set([0xc5, 1])
    expect(decodeParcel(many.subarray(0, 2 + maxParcelEntries * 52))).toHaveLength(maxParcelEntries)
    expect(decodeParcel(many)).toBeNull()
    const long = new Uint8Array(2 + 52 + maxDatagramBytes + 1)
    long.set(one.subarray(0, 54))
    new DataView(long.buffer).setUint32(50, maxDatagramBytes + 1, true)
    expect(decodeParcel(long)).toBeNull()
    const huge = new Uint8Array(maxParcelBytes + 1)
    huge.set([0xc5, 1])
    expect(decodeParcel(huge)).toBeNull()
  })

  it('is not read where it is torn or somebody else’s', () => {
    const whole = encodeParcel([{ to, from, datagram: Uint8Array.of(1, 2, 3) }])
    for (let length = 3; length < whole.length; length += 1) expect(decodeParcel(whole.slice(0, length))).toBeNull()
    expect(decodeParcel(new TextEncoder().encode('{"service":"x"}'))).toBeNull()
    expect(decodeParcel(new Uint8Array(0))).toBeNull()
    expect(decodeParcel(Uint8Array.of(0xc5, 2))).toBeNull()
  })

  it('read from any bytes is null or says the same bytes again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), tail => {
        const bytes = Uint8Array.of(0xc5, 1, ...tail)
        const entries = decodeParcel(bytes)
        if (entries) expect(encodeParcel(entries)).toEqual(bytes)
      }),
    )
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(255), (entries, at, byte) => {
        const bytes = encodeParcel(entries)
        bytes[at % bytes.length] = byte
        const read = decodeParcel(bytes)
        if (read) expect(encodeParcel(read)).toEqual(bytes)
      }),
    )
  })
})
