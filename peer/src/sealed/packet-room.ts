/** How much of a frame fits in one packet of a carrier. Arithmetic only. */
import { itemBytes, maxAckBytes } from '@computepool/shared/datagram'
import { ComputePoolError } from '@computepool/shared/errors'
import { fragmentHeaderBytes } from '@computepool/shared/wire'
import { sealedOverheadBytes } from './packet-cipher.ts'

const segmentOverheadBytes = itemBytes({ type: 'segment', fragment: new Uint8Array(fragmentHeaderBytes) })

/** Bytes of a frame in a packet: at most `wantedBytes`. Errors: `peer_frame_too_large` where the carrier takes too little. */
export function packetRoomBytes(wantedBytes: number, maxDatagramBytes: number): number {
  // One for a ping.
  const roomBytes = maxDatagramBytes - sealedOverheadBytes - maxAckBytes - segmentOverheadBytes - 1
  if (roomBytes >= 256) return Math.min(wantedBytes, roomBytes)
  throw new ComputePoolError(
    'peer_frame_too_large',
    `A carrier takes ${maxDatagramBytes} bytes, too few for a packet`,
    {
      remedy: 'Use another carrier.',
      context: { limitBytes: maxDatagramBytes },
    },
  )
}
