/** Plays dstack's events again: a log is worth something only where it ends in the register that hardware signed. */
import { sha384 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { EventLog } from './attestation-body.ts'

/** Of all events that dstack measures while a TD runs, its own of the boot included. */
const runtimeEventType = 0x0800_0001

/** dstack's last event before it starts what the compose file names. Whoever runs there may measure events of any name after it. */
const bootEnd = 'system-ready'

/**
 * RTMR3 after the log's events, hex. Digests are computed from the events' payloads, not taken from the log: otherwise a log could name one
 * compose hash and measure another. Null where an event is of another type, or its name has other characters than letters, digits, `.`, `_`
 * and `-`: a digest does not say where the name ends, so a name with a colon would let the presenter choose what was name and what payload.
 */
export function replayEventLog(log: EventLog): string | null {
  let register: Uint8Array = new Uint8Array(48)
  for (const entry of log) {
    if (entry.imr !== 3) continue
    if (entry.event_type !== runtimeEventType || !/^[\w.-]+$/.test(entry.event)) return null
    const type = new Uint8Array(4)
    new DataView(type.buffer).setUint32(0, entry.event_type, true)
    const digest = sha384(
      concatBytes(type, utf8ToBytes(`:${entry.event}:`), hexToBytes(entry.event_payload.toLowerCase())),
    )
    register = sha384(concatBytes(register, digest))
  }
  return bytesToHex(register)
}

/** The payload, hex, of the one event of that name in RTMR3, before the end of the boot where the log has one; null where there is none, or more. */
export function measuredEvent(log: EventLog, name: string): string | null {
  const events = log.filter(entry => entry.imr === 3)
  const end = events.findIndex(entry => entry.event === bootEnd)
  const found = (end === -1 ? events : events.slice(0, end)).filter(entry => entry.event === name)
  return found.length === 1 ? (found[0]?.event_payload.toLowerCase() ?? null) : null
}
