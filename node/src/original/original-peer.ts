/**
 * One peer of the original protocol as something that can be asked: activations go, a token comes back. Nothing is sent twice, so a lost
 * frame fails its request. It knows no engine; who the sender is it knows only as far as AXL's header tells, which is no proof.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import {
  decodeOriginalFrame,
  encodeOriginalEnd,
  encodeOriginalHidden,
  type OriginalHidden,
} from '@computepool/shared/wire'
import type { AxlMessage } from '../axl/axl-client.ts'
import { fitsSenderHint, senderHintCharacters } from '../axl/fits-sender-hint.ts'
import type { OriginalMail } from './original-mail.ts'

/** A header that fits so far and no further is hardly another daemon's: AXL tells less of the key than we were told. */
const nearMissCharacters = 8
const defaultDeadlineMs = 20_000

export interface OriginalPeerOptions {
  /** The daemon's key: 64 hex characters, lower case. */
  readonly key: string
  readonly mail: OriginalMail
  readonly clock: Clock
  /** Between a frame and its token; 20 s unless told otherwise. */
  readonly deadlineMs?: number
}

export interface OriginalPeerCounts {
  readonly sent: number
  readonly answered: number
  /** From this peer, but of no frame that waits: late or repeated. */
  readonly stale: number
  /** From this peer, and no frame of the protocol. */
  readonly refused: number
  /** Not heard, because the sender header agrees with the peer's key only at its beginning. */
  readonly nearMisses: number
}

export interface OriginalPeer {
  readonly key: string
  /**
   * One frame, one token: one at a time for each request. Errors: `peer_timed_out`, `peer_unreachable`, `peer_frame_invalid`,
   * `peer_frame_too_large`, `peer_disconnected` where the request was ended meanwhile.
   */
  ask(frame: OriginalHidden): Promise<number>
  /** Tells the peer that the request is over, behind what was sent of it. Idempotent; an end that is lost is not sent again. */
  end(requestId: string, seq: number): void
  readonly counts: OriginalPeerCounts
  /** Settles what waits; the mail stays open. */
  close(): void
}

interface Waiting {
  readonly seq: number
  settle(outcome: number | ComputePoolError): void
}

export function createOriginalPeer(options: OriginalPeerOptions): OriginalPeer {
  const { key, mail, clock, deadlineMs = defaultDeadlineMs } = options
  const shown = `${key.slice(0, senderHintCharacters)}…`
  const waiting = new Map<string, Waiting>()
  /** The last send of each request: its end must not overtake it here. */
  const sending = new Map<string, Promise<unknown>>()
  const counts = { sent: 0, answered: 0, stale: 0, refused: 0, nearMisses: 0 }
  const stopHearing = mail.onMessage(take)

  function take({ body, senderHint }: AxlMessage): void {
    if (!fitsSenderHint(key, senderHint)) {
      if (senderHint.slice(0, nearMissCharacters) === key.slice(0, nearMissCharacters)) counts.nearMisses += 1
      return
    }
    try {
      const frame = decodeOriginalFrame(body)
      const asked = waiting.get(frame.requestId)
      if (asked === undefined) {
        counts.stale += 1
      } else if (frame.kind === 'token') {
        // A token counts the frames it answers from 0, as the frames are counted; some senders leave the count out.
        if (frame.seq !== null && frame.seq < asked.seq) counts.stale += 1
        else if (frame.seq !== null && frame.seq > asked.seq)
          throw refusal(frame.requestId, `sent token ${frame.seq}, frame ${asked.seq} was asked`)
        else asked.settle(frame.token)
      } else if (frame.kind === 'end') {
        asked.settle(gone(`${shown} ended the request`, frame.requestId))
      } else {
        throw refusal(frame.requestId, 'sent an activation where a token was asked')
      }
    } catch (thrown) {
      counts.refused += 1
      const error = asComputePoolError(thrown, 'peer_frame_invalid')
      const named = waiting.get(String(error.context.requestId ?? ''))
      // What names no request fails none: the header is no proof, and a deadline ends what it may have been the answer to.
      named?.settle(error)
    }
  }

  const refusal = (requestId: string, what: string): ComputePoolError =>
    new ComputePoolError('peer_frame_invalid', `The original peer ${shown} ${what}.`, {
      remedy: 'Send the request again; if it fails again, that peer speaks another protocol.',
      context: { requestId },
    })
  const gone = (what: string, requestId: string): ComputePoolError =>
    new ComputePoolError('peer_disconnected', `The original peer: ${what}.`, {
      remedy: 'Send the request again.',
      context: { requestId },
    })

  return {
    key,
    counts,
    ask(frame) {
      const { requestId, seq } = frame
      return new Promise((resolve, reject) => {
        if (waiting.has(requestId))
          throw new ComputePoolError('bug_unreachable_state', `Request ${requestId} waits for a token already.`)
        const bytes = encodeOriginalHidden(frame)
        const settle = (outcome: number | ComputePoolError): void => {
          if (waiting.get(requestId)?.settle !== settle) return
          cancelDeadline()
          waiting.delete(requestId)
          mail.setBusy(waiting.size > 0)
          if (typeof outcome === 'number') {
            counts.answered += 1
            resolve(outcome)
          } else reject(outcome)
        }
        const cancelDeadline = clock.schedule(deadlineMs, () =>
          settle(
            new ComputePoolError('peer_timed_out', `The original peer ${shown} sent no token in ${deadlineMs} ms.`, {
              remedy:
                'Send the request again. Its protocol has no retransmission: a frame that AXL lost is not sent twice.',
              context: { requestId, seq, deadlineMs },
            }),
          ),
        )
        waiting.set(requestId, { seq, settle })
        mail.setBusy(true)
        counts.sent += 1
        const sent = mail.send(key, bytes).catch(fault => settle(asComputePoolError(fault, 'peer_unreachable')))
        sending.set(requestId, sent)
      })
    },
    end(requestId, seq) {
      const last = sending.get(requestId)
      // Of what was never sent there is nothing to end.
      if (last === undefined) return
      sending.delete(requestId)
      waiting.get(requestId)?.settle(gone('the request was ended here', requestId))
      void last.then(() => mail.send(key, encodeOriginalEnd(requestId, seq))).catch(() => undefined)
    },
    close() {
      stopHearing()
      for (const [requestId, asked] of [...waiting]) asked.settle(gone('this node let go of it', requestId))
    },
  }
}
