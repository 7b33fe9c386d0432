/** Datagrams between peers: how they are packed, and the pure parts of making an unreliable way reliable. No clock, no keys, no I/O. */
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
