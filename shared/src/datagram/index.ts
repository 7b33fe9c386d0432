/** Datagrams between peers: how they are packed, and the pure parts of making an unreliable way reliable. No clock, no keys, no I/O. */
export {
  type Ack,
  decodeItems,
  encodeItems,
  itemBytes,
  maxAckBytes,
  maxAckRanges,
  maxPacketItems,
  type NumberRange,
  type PacketHeader,
  type PacketItem,
  type PacketType,
  packetHeaderBytes,
  readPacketHeader,
  sessionIdBytes,
  writePacketHeader,
} from './packet.ts'
export {
  bytesOfPeerId,
  decodeParcel,
  encodeParcel,
  entryBytes,
  maxDatagramBytes,
  maxParcelBytes,
  maxParcelEntries,
  type ParcelEntry,
  parcelHeaderBytes,
  peerIdBytes,
  peerIdOfBytes,
} from './parcel.ts'
export { createReceivedNumbers, type ReceivedNumbers } from './received-numbers.ts'
export { createRttEstimate, type RttEstimate } from './rtt-estimate.ts'
export { createSendWindow, type SendWindow, type SendWindowLimits } from './send-window.ts'
export { createSentBook, type SentBook, type SentPacket } from './sent-book.ts'
export { createThroughput, leastThroughputBytes, type Throughput } from './throughput.ts'
