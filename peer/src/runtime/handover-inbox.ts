/**
 * Collects what others hand over for checks, frames in any order, before or after the desk's own word of the check. Sizes, numbers and times are
 * capped: whatever is too much is dropped, and told to whoever waits for it. It knows no links and reads no blob.
 */
import { maxHandoverBytes } from '@computepool/shared/audit'
import type { Clock } from '@computepool/shared/ports'
import { type Frame, maxHandoverFrameBytes } from '@computepool/shared/wire'

/** `noRoom`: too much came at once of those who were asked; nobody is to blame. */
export type Arrived = { readonly bytes: Uint8Array } | { readonly fault: string } | { readonly noRoom: true }

export interface HandoverInbox {
  accept(peer: string, frame: Frame): void
  /** The blob, when it is whole; what is wrong with it; or the signal's reason as an error. Null `as`: whichever comes first. */
  arrival(check: string, peer: string, as: 'received' | 'sent' | null, signal: AbortSignal): Promise<Arrived>
  drop(check: string): void
  close(): void
  readonly pendingBytes: number
}

/** Of one peer, of blobs that nobody asked for yet: the desk's word of a check may come a moment later. */
const unasked = { blobs: 8, bytes: maxHandoverBytes, ms: 60_000 }
/** Of all peers together. What nobody asked for goes first. */
const mostBytes = 3 * maxHandoverBytes

interface Blob {
  readonly check: string
  readonly peer: string
  readonly as: 'received' | 'sent'
  readonly chunks: Map<number, Uint8Array>
  sizeBytes: number
  count: number | null
  arrived: Arrived | null
  forget: () => void
}
interface Waiting {
  readonly check: string
  readonly peer: string
  readonly as: 'received' | 'sent' | null
  readonly resolve: (arrived: Arrived) => void
}

export function createHandoverInbox(clock: Pick<Clock, 'schedule'>): HandoverInbox {
  const blobs = new Set<Blob>()
  const waiting = new Set<Waiting>()
  let pendingBytes = 0
  const isFor = ({ check, peer, as }: Waiting, blob: Blob): boolean =>
    check === blob.check && peer === blob.peer && (as === null || as === blob.as)

  function remove(blob: Blob): void {
    blob.forget()
    if (!blobs.delete(blob)) return
    pendingBytes -= blob.sizeBytes
  }

  function settle(blob: Blob, arrived: Arrived): void {
    blob.arrived = arrived
    blob.chunks.clear()
    if (!('bytes' in arrived)) {
      pendingBytes -= blob.sizeBytes
      blob.sizeBytes = 0
    }
    for (const each of [...waiting]) if (isFor(each, blob)) hand(each, blob)
  }

  function hand(to: Waiting, blob: Blob): void {
    waiting.delete(to)
    remove(blob)
    to.resolve(blob.arrived!)
  }

  const isAsked = (blob: Pick<Blob, 'check' | 'peer' | 'as'>): boolean =>
    [...waiting].some(
      ({ check, peer, as }) => check === blob.check && peer === blob.peer && (as ?? blob.as) === blob.as,
    )
  const unaskedOf = (peer: string): Blob[] => [...blobs].filter(blob => blob.peer === peer && !isAsked(blob))

  /** Whoever sends what nobody asked for takes no room from those who were asked. */
  function makeRoom(): void {
    for (const blob of blobs) if (pendingBytes > mostBytes && !isAsked(blob)) settle(blob, { noRoom: true })
  }

  function open(check: string, peer: string, as: Blob['as']): Blob | null {
    for (const blob of blobs) if (blob.check === check && blob.peer === peer && blob.as === as) return blob
    const isTooMany = unaskedOf(peer).length >= unasked.blobs
    if (!isAsked({ check, peer, as }) && isTooMany) return null
    const blob: Blob = {
      check,
      peer,
      as,
      chunks: new Map(),
      sizeBytes: 0,
      count: null,
      arrived: null,
      forget: () => {},
    }
    blob.forget = clock.schedule(unasked.ms, () => {
      if (![...waiting].some(each => isFor(each, blob))) remove(blob)
    })
    blobs.add(blob)
    return blob
  }

  return {
    accept(peer, { header, payload }) {
      const { request_id: check, seq, as, last } = header
      if (as === undefined) return
      const blob = open(check, peer, as)
      if (blob === null || blob.arrived !== null || blob.chunks.has(seq)) return
      blob.chunks.set(seq, payload)
      blob.sizeBytes += payload.length
      pendingBytes += payload.length
      if (last === true) blob.count ??= seq + 1
      const isOdd = seq >= (blob.count ?? Number.POSITIVE_INFINITY) || seq > maxHandoverBytes / maxHandoverFrameBytes
      if (blob.sizeBytes > maxHandoverBytes || isOdd)
        return settle(blob, { fault: `It hands over more than ${maxHandoverBytes} bytes.` })
      const isTooMuch = unaskedOf(peer).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > unasked.bytes
      if (isTooMuch && !isAsked(blob)) return settle(blob, { noRoom: true })
      makeRoom()
      if (blob.arrived !== null) return
      if (pendingBytes > mostBytes) return settle(blob, { noRoom: true })
      if (blob.count === blob.chunks.size) settle(blob, { bytes: joined(blob) })
    },
    arrival(check, peer, as, signal) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted()
        const abort = (): void => {
          waiting.delete(wanted)
          reject(signal.reason)
        }
        const wanted: Waiting = {
          check,
          peer,
          as,
          resolve(arrived) {
            signal.removeEventListener('abort', abort)
            resolve(arrived)
          },
        }
        signal.addEventListener('abort', abort, { once: true })
        waiting.add(wanted)
        for (const blob of [...blobs]) if (blob.arrived !== null && isFor(wanted, blob)) return hand(wanted, blob)
      })
    },
    drop(check) {
      for (const blob of [...blobs]) if (blob.check === check) remove(blob)
    },
    close() {
      for (const blob of [...blobs]) remove(blob)
    },
    get pendingBytes() {
      return pendingBytes
    },
  }
}

function joined({ chunks, sizeBytes }: Blob): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  for (let seq = 0; seq < chunks.size; seq++) {
    const chunk = chunks.get(seq)!
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
