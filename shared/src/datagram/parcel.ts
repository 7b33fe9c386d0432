/**
 * A parcel: sealed datagrams to and from any peers in one message, as an AXL daemon's `/send` or a relay's link carries it. It knows
 * addresses and lengths; what is in a datagram, and whether its `from` is true, only the two ends can tell.
 */
import { ComputePoolError } from '../errors/index.ts'
import { type PeerId, peerIdSchema } from '../wire/index.ts'

export interface ParcelEntry {
  readonly to: PeerId
  /** A claim: anybody can write it. */
  readonly from: PeerId
  /** After decoding a view of the parcel. */
  readonly datagram: Uint8Array
}

export const parcelMagic = 0xc5 // never '{', which AXL's daemon would take for its own messages
export const parcelVersion = 1
/** Magic and version. */
export const parcelHeaderBytes = 2

// An entry; each offset follows from the one before.
export const entryToOffset = 0 // 24 bytes: the address and the suffix of the peer id
export const peerIdBytes = 24
export const entryFromOffset = entryToOffset + peerIdBytes // 24 bytes
export const entryLengthOffset = entryFromOffset + peerIdBytes // u32, little-endian
export const entryHeaderBytes = entryLengthOffset + 4

export const maxParcelBytes = 1 << 20
export const maxParcelEntries = 256
/** 128 KiB of payload, and room for a packet's header, tag and acks. */
export const maxDatagramBytes = (128 << 10) + 1024

/** What an entry takes in a parcel. */
export const entryBytes = (datagram: Uint8Array): number => entryHeaderBytes + datagram.length

const addressDigits = 40

/** Address (20 bytes) and suffix (4 bytes) of a peer id. Errors: `bug_unreachable_state` where it is none. */
export function bytesOfPeerId(peer: PeerId): Uint8Array<ArrayBuffer> {
  if (!peerIdSchema.safeParse(peer).success) {
    throw new ComputePoolError('bug_unreachable_state', `${JSON.stringify(String(peer).slice(0, 80))} is no peer id`)
  }
  const digits = peer.slice(2, 2 + addressDigits) + peer.slice(3 + addressDigits)
  return Uint8Array.from({ length: peerIdBytes }, (_, index) =>
    Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16),
  )
}

const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The peer id in the 24 bytes at `offset`; any bytes are one. */
export function peerIdOfBytes(bytes: Uint8Array, offset = 0): PeerId {
  let digits = ''
  for (let index = offset; index < offset + peerIdBytes; index += 1) digits += hexPairs[bytes[index] ?? 0]
  return `0x${digits.slice(0, addressDigits)}.${digits.slice(addressDigits)}`
}

/** One message with all `entries`, in order. Errors: `peer_frame_too_large`. */
export function encodeParcel(entries: readonly ParcelEntry[]): Uint8Array<ArrayBuffer> {
  const sizeBytes = entries.reduce((sum, { datagram }) => sum + entryBytes(datagram), parcelHeaderBytes)
  const largest = entries.reduce((most, { datagram }) => Math.max(most, datagram.length), 0)
  if (sizeBytes > maxParcelBytes || entries.length > maxParcelEntries || largest > maxDatagramBytes) {
    throw new ComputePoolError(
      'peer_frame_too_large',
      `A parcel of ${entries.length} datagrams, ${largest} bytes the largest, takes ${sizeBytes} bytes; the limits are ${maxParcelEntries}, ${maxDatagramBytes} and ${maxParcelBytes}`,
      { remedy: 'Split it.', context: { sizeBytes, limitBytes: maxParcelBytes, entries: entries.length } },
    )
  }
  const parcel = new Uint8Array(sizeBytes)
  const view = new DataView(parcel.buffer)
  parcel[0] = parcelMagic
  parcel[1] = parcelVersion
  let offset = parcelHeaderBytes
  for (const { to, from, datagram } of entries) {
    parcel.set(bytesOfPeerId(to), offset + entryToOffset)
    parcel.set(bytesOfPeerId(from), offset + entryFromOffset)
    view.setUint32(offset + entryLengthOffset, datagram.length, true)
    parcel.set(datagram, offset + entryHeaderBytes)
    offset += entryBytes(datagram)
  }
  return parcel
}

/** The entries, whose datagrams are views of `bytes`; null where it is somebody else's message, torn, or beyond the caps. */
export function decodeParcel(bytes: Uint8Array): readonly ParcelEntry[] | null {
  if (bytes[0] !== parcelMagic || bytes[1] !== parcelVersion || bytes.length > maxParcelBytes) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: ParcelEntry[] = []
  let offset = parcelHeaderBytes
  while (offset < bytes.length) {
    if (entries.length === maxParcelEntries || offset + entryHeaderBytes > bytes.length) return null
    const length = view.getUint32(offset + entryLengthOffset, true)
    const end = offset + entryHeaderBytes + length
    if (length > maxDatagramBytes || end > bytes.length) return null
    entries.push({
      to: peerIdOfBytes(bytes, offset + entryToOffset),
      from: peerIdOfBytes(bytes, offset + entryFromOffset),
      datagram: bytes.subarray(offset + entryHeaderBytes, end),
    })
    offset = end
  }
  return entries
}
