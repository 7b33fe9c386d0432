/**
 * One request at an original peer: what was sent, and what was answered. The protocol has no positions, so a step at an earlier one
 * begins a new conversation with the rows before it sent again. It knows no engine and no AXL.
 */
import { bytesOf, convertActivation } from '@computepool/shared/engine'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Activation } from '@computepool/shared/ports'
import type { OriginalPeer } from './original-peer.ts'

export interface ConversationOptions {
  readonly peer: OriginalPeer
  readonly requestId: string
  /** A name that the peer never heard, each time. */
  readonly newWireId: (requestId: string) => string
  /** Most positions in a frame. */
  readonly maxChunk: number
}

export interface ConversationStep {
  readonly position: number
  readonly activation: Activation
  readonly temperature: number
}

export interface Conversation {
  /**
   * The peer's token after the step's last row. A step that is asked again, byte for byte, gives the token that it gave. After a failure
   * every step fails alike: what the peer's cache holds is then unknown.
   */
  ask(step: ConversationStep): Promise<number>
  /** Rows that are kept for a rewind. */
  readonly keptBytes: number
  end(): void
}

export function openConversation({ peer, requestId, newWireId, maxChunk }: ConversationOptions): Conversation {
  let wireId = newWireId(requestId)
  let seq = 0
  /** bfloat16 rows that the peer holds. */
  let kept = new Uint8Array(0)
  let length = 0
  let last: { readonly position: number; readonly temperature: number; readonly token: number } | null = null
  let failure: unknown = null

  async function send(activation: Activation, temperature: number): Promise<number> {
    const token = await peer.ask({ requestId: wireId, seq, activation, temperature })
    seq += 1
    return token
  }

  function isRepeat({ position, temperature }: ConversationStep, rows: Activation): boolean {
    if (last?.position !== position || last.temperature !== temperature || position + rows.tokens !== length)
      return false
    const held = kept.subarray(position * rows.hidden * 2, length * rows.hidden * 2)
    return Buffer.compare(held, rows.data) === 0
  }

  function keep(rows: Activation, position: number): void {
    const [start, end] = [position * rows.hidden * 2, (position + rows.tokens) * rows.hidden * 2]
    if (end > kept.length) {
      const wider = new Uint8Array(Math.max(end, kept.length * 2))
      wider.set(kept.subarray(0, start))
      kept = wider
    }
    kept.set(rows.data, start)
    length = position + rows.tokens
  }

  /** The peer's cache only grows: it gets the rows before `position` anew, under another name. */
  async function rewind(position: number, hidden: number): Promise<void> {
    peer.end(wireId, seq)
    wireId = newWireId(requestId)
    seq = 0
    last = null
    length = position
    for (let start = 0; start < position; start += maxChunk) {
      const tokens = Math.min(maxChunk, position - start)
      const data = kept.slice(start * hidden * 2, (start + tokens) * hidden * 2)
      await send({ dtype: 'bf16', tokens, hidden, data }, 0)
    }
  }

  return {
    async ask(step) {
      if (failure !== null) throw failure
      const { position, temperature } = step
      if (position > length)
        throw new ComputePoolError(
          'peer_frame_invalid',
          `A step starts at position ${position}, but the original peer holds ${length} positions.`,
          { remedy: 'Send the request again from position 0.', context: { requestId, position } },
        )
      const rows = convertActivation(step.activation, 'bf16')
      if (last !== null && isRepeat(step, rows)) return last.token
      try {
        if (position < length) await rewind(position, rows.hidden)
        const token = await send(rows, temperature)
        keep({ ...rows, data: bytesOf(rows.data) }, position)
        last = { position, temperature, token }
        return token
      } catch (thrown) {
        failure = thrown
        throw thrown
      }
    },
    get keptBytes() {
      return kept.length
    },
    end: () => peer.end(wireId, seq),
  }
}
