/**
 * The sealed packet's clear header and the items inside it: acks, segments of frames, pings, an end. Bytes only: how they are sealed,
 * and when they are sent, is the session's business.
 */
import { ComputePoolError } from '../errors/index.ts'

// The header, little-endian; each offset follows from the one before.
export const packetTypeOffset = 0 // u8
export const packetSessionOffset = packetTypeOffset + 1 // 8 bytes
export const sessionIdBytes = 8
export const packetNumberOffset = packetSessionOffset + sessionIdBytes // u64, counted up from 0; 0 in a handshake
export const packetHeaderBytes = packetNumberOffset + 8

export type PacketType = 'init' | 'reply' | 'data' | 'want'
const typeCodes = { init: 1, reply: 2, data: 3, want: 4 } as const satisfies Record<PacketType, number>
const typeOfCode: readonly (PacketType | undefined)[] = [undefined, 'init', 'reply', 'data', 'want']

export interface PacketHeader {
  readonly type: PacketType
  /** Hex. */
  readonly sessionId: string
  readonly number: number
}

/** Half-open: [start, end). */
export interface NumberRange {
  readonly start: number
  readonly end: number
}

export interface Ack {
  /** Packets that arrived, the latest first. */
  readonly ranges: readonly NumberRange[]
  /** How long the largest of them had been here when this was written. */
  readonly delayMs: number
  /** Packets that the other side may have under way. */
  readonly credit: number
}

export type PacketItem =
  | ({ readonly type: 'ack' } & Ack)
  /** A fragment of a frame, as the wire cuts them. */
  | { readonly type: 'segment'; readonly fragment: Uint8Array }
  /** Wants an ack at once. */
  | { readonly type: 'ping' }
  | { readonly type: 'close' }

const itemCodes = { ack: 1, segment: 2, ping: 3, close: 4 } as const satisfies Record<PacketItem['type'], number>
export const maxAckRanges = 32
export const maxPacketItems = 256
const ackHeaderBytes = 1 + 1 + 2 + 4 // code, ranges, credit u16, delay in microseconds u32
const ackRangeBytes = 8 + 4 // start u64, length u32
const segmentHeaderBytes = 1 + 4 // code, length u32
/** What a packet needs besides its segments, at most: acks, and a header for each segment that is counted by `itemBytes`. */
export const maxAckBytes = ackHeaderBytes + maxAckRanges * ackRangeBytes

export function itemBytes(item: PacketItem): number {
  if (item.type === 'ack') return ackHeaderBytes + item.ranges.length * ackRangeBytes
  return item.type === 'segment' ? segmentHeaderBytes + item.fragment.length : 1
}

const upperUnit = 2 ** 32

function writeNumber(view: DataView, offset: number, number: number): void {
  view.setUint32(offset, number % upperUnit, true)
  view.setUint32(offset + 4, Math.floor(number / upperUnit), true)
}
const readNumber = (view: DataView, offset: number): number =>
  view.getUint32(offset, true) + view.getUint32(offset + 4, true) * upperUnit

/** Writes the header at the beginning of `packet`. */
export function writePacketHeader(packet: Uint8Array, { type, sessionId, number }: PacketHeader): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  packet[packetTypeOffset] = typeCodes[type]
  for (let index = 0; index < sessionIdBytes; index += 1) {
    packet[packetSessionOffset + index] = Number.parseInt(sessionId.slice(2 * index, 2 * index + 2), 16)
  }
  writeNumber(view, packetNumberOffset, number)
}

/** Null where no packet begins so. */
export function readPacketHeader(packet: Uint8Array): PacketHeader | null {
  const type = typeOfCode[packet[packetTypeOffset] ?? 0]
  if (type === undefined || packet.length < packetHeaderBytes) return null
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const number = readNumber(view, packetNumberOffset)
  if (number > Number.MAX_SAFE_INTEGER) return null
  let sessionId = ''
  for (let index = packetSessionOffset; index < packetNumberOffset; index += 1) {
    sessionId += (packet[index] ?? 0).toString(16).padStart(2, '0')
  }
  return { type, sessionId, number }
}

/** The plain payload of one packet. */
export function encodeItems(items: readonly PacketItem[]): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(items.reduce((sum, item) => sum + itemBytes(item), 0))
  const view = new DataView(payload.buffer)
  let offset = 0
  for (const item of items) {
    view.setUint8(offset, itemCodes[item.type])
    if (item.type === 'ack') {
      view.setUint8(offset + 1, item.ranges.length)
      view.setUint16(offset + 2, item.credit, true)
      view.setUint32(offset + 4, Math.min(0xffff_ffff, Math.round(item.delayMs * 1000)), true)
      item.ranges.forEach(({ start, end }, index) => {
        writeNumber(view, offset + ackHeaderBytes + index * ackRangeBytes, start)
        view.setUint32(offset + ackHeaderBytes + index * ackRangeBytes + 8, end - start, true)
      })
    } else if (item.type === 'segment') {
      view.setUint32(offset + 1, item.fragment.length, true)
      payload.set(item.fragment, offset + segmentHeaderBytes)
    }
    offset += itemBytes(item)
  }
  return payload
}

/** The items; fragments are views of `payload`. Errors: `peer_frame_invalid`. */
export function decodeItems(payload: Uint8Array): readonly PacketItem[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const items: PacketItem[] = []
  let offset = 0
  const need = (bytes: number): void => {
    if (offset + bytes > payload.length) throw invalidPacket(`it ends inside an item, at byte ${payload.length}`)
  }
  while (offset < payload.length) {
    if (items.length === maxPacketItems) throw invalidPacket(`it has more than ${maxPacketItems} items`)
    const code = view.getUint8(offset)
    let item: PacketItem
    if (code === itemCodes.ack) {
      need(ackHeaderBytes)
      const count = view.getUint8(offset + 1)
      need(ackHeaderBytes + count * ackRangeBytes)
      item = {
        type: 'ack',
        ranges: readRanges(view, offset + ackHeaderBytes, count),
        credit: view.getUint16(offset + 2, true),
        delayMs: view.getUint32(offset + 4, true) / 1000,
      }
    } else if (code === itemCodes.segment) {
      need(segmentHeaderBytes)
      const length = view.getUint32(offset + 1, true)
      need(segmentHeaderBytes + length)
      const begin = offset + segmentHeaderBytes
      item = { type: 'segment', fragment: payload.subarray(begin, begin + length) }
    } else if (code === itemCodes.ping) item = { type: 'ping' }
    else if (code === itemCodes.close) item = { type: 'close' }
    else throw invalidPacket(`item ${items.length} has the unknown code ${code}`)
    items.push(item)
    offset += itemBytes(item)
  }
  return items
}

function readRanges(view: DataView, begin: number, count: number): NumberRange[] {
  if (count === 0 || count > maxAckRanges) throw invalidPacket(`an ack has ${count} ranges`)
  let before = Number.POSITIVE_INFINITY
  return Array.from({ length: count }, (_, index) => {
    const start = readNumber(view, begin + index * ackRangeBytes)
    const end = start + view.getUint32(begin + index * ackRangeBytes + 8, true)
    // Ranges that touch would be one; ranges that ascend or overlap would be counted twice.
    if (end === start || end >= before || !Number.isSafeInteger(end)) throw invalidPacket('its ack ranges overlap')
    before = start
    return { start, end }
  })
}

const invalidPacket = (what: string): ComputePoolError =>
  new ComputePoolError('peer_frame_invalid', `A packet is invalid: ${what}`, {
    remedy: 'Close the link and route the request over another peer.',
  })
