/** Plays dstack's events again: a log is worth something only where it ends in the register that hardware signed. */
import { sha384 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { EventLog } from './attestation-body.ts'

/**
 * RTMR3 after the log's events, hex. Digests are computed from the events' payloads, not taken from the log: otherwise a log could name one
 * compose hash and measure another.
 */
export function replayEventLog(log: EventLog): string {
  let register: Uint8Array = new Uint8Array(48)
  for (const entry of log) {
    if (entry.imr !== 3) continue
    const type = new Uint8Array(4)
    new DataView(type.buffer).setUint32(0, entry.event_type, true)
    const digest = sha384(
      concatBytes(type, utf8ToBytes(`:${entry.event}:`), hexToBytes(entry.event_payload.toLowerCase())),
    )
    register = sha384(concatBytes(register, digest))
  }
  return bytesToHex(register)
}

/** The payload, hex, of the one event of that name in RTMR3; null where there is none, or more than one. */
export function measuredEvent(log: EventLog, name: string): string | null {
  const found = log.filter(entry => entry.imr === 3 && entry.event === name)
  return found.length === 1 ? (found[0]?.event_payload.toLowerCase() ?? null) : null
}
