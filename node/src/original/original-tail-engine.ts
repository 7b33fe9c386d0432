/**
 * An engine for layers [s, n) whose last layers [k, n) a peer of the original protocol computes: the local engine's activations go there,
 * a token comes back. Whoever runs it need not know. It knows neither AXL nor how frames are written.
 */
import { randomBytes } from 'node:crypto'
import { withoutDraft } from '@computepool/shared/engine'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Engine, EngineOutput, EngineRow } from '@computepool/shared/ports'
import { type Conversation, openConversation } from './conversation.ts'
import type { OriginalPeer } from './original-peer.ts'
import { originalTemperature } from './original-sampling.ts'

export interface OriginalTailOptions {
  /** Layers [s, k); closed with the whole. */
  readonly local: Engine
  /** Holds [k, n). It stays open. */
  readonly peer: OriginalPeer
  /** n, and how many tokens there are. */
  readonly dimensions: { readonly layers: number; readonly vocab: number }
  /** The request's name at the peer: unlike any that it may still hold. */
  readonly newWireId?: (requestId: string) => string
}

const refuseRows = async (): Promise<never> => {
  throw new ComputePoolError(
    'peer_frame_invalid',
    'The head is at a peer of the original protocol, which takes no rows.',
  )
}

const freshWireId = (requestId: string): string => `${requestId}-${randomBytes(4).toString('hex')}`

/**
 * Errors of `run`, besides the local engine's: `input_unsupported` for sampling beyond a temperature, `peer_timed_out` where a frame or its
 * token was lost (nothing is sent twice), `peer_unreachable`, `peer_frame_invalid`.
 */
export function createOriginalTailEngine(options: OriginalTailOptions): Engine {
  const { local, peer, dimensions, newWireId = freshWireId } = options
  const { maxChunk } = local.facts
  const conversations = new Map<string, Conversation>()
  let tail: Promise<unknown> = Promise.resolve()

  function conversationOf(requestId: string): Conversation {
    const held = conversations.get(requestId)
    if (held !== undefined) return held
    const opened = openConversation({ peer, requestId, newWireId, maxChunk })
    conversations.set(requestId, opened)
    return opened
  }

  async function draw(row: EngineRow, output: EngineOutput, conversation: Conversation): Promise<EngineOutput> {
    const { requestId, position, sample } = row
    // Forgotten while the local layers ran: the peer need not hear of it.
    if (conversations.get(requestId) !== conversation)
      throw new ComputePoolError('peer_disconnected', `Request ${requestId} ended during its step.`)
    if (output.kind !== 'activation')
      throw new ComputePoolError('bug_unreachable_state', `Layer ${local.layers.end} answered ${output.kind}.`)
    const temperature = sample === null ? 0 : originalTemperature(sample.params)
    const token = await conversation.ask({ position, activation: output.activation, temperature })
    if (token >= dimensions.vocab)
      throw new ComputePoolError(
        'peer_frame_invalid',
        `The original peer drew token ${token}; the vocabulary has ${dimensions.vocab}.`,
        { remedy: 'Check that it serves the same model.', context: { requestId, token } },
      )
    // The protocol has no step that draws nothing: a prefill chunk's token says only that the chunk arrived.
    if (sample === null) return { kind: 'none' }
    return { kind: 'token', sampled: { token, logprob: null, topLogprobs: [] } }
  }

  /** The protocol draws from a frame's last position alone, so guesses are left out. */
  async function step(asked: readonly EngineRow[]): Promise<EngineOutput[]> {
    const rows = asked.map(withoutDraft)
    for (const { sample } of rows) if (sample !== null) originalTemperature(sample.params)
    const held = rows.map(({ requestId }) => conversationOf(requestId))
    const outputs = await local.run(rows.map(row => ({ ...row, sample: null })))
    // All are answered before one may fail: a row that is asked again alone finds its token kept.
    const drawn = await Promise.allSettled(rows.map((row, i) => draw(row, outputs[i]!, held[i]!)))
    return drawn.map(outcome => {
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    })
  }

  function forget(requestId: string): void {
    local.forget(requestId)
    conversations.get(requestId)?.end()
    conversations.delete(requestId)
  }

  return {
    facts: { ...local.facts, device: `${local.facts.device}, then a peer of the original protocol` },
    layers: { start: local.layers.start, end: dimensions.layers },
    lost: local.lost,
    run(rows) {
      const result = tail.then(() => step(rows))
      // The queue outlives a failed step.
      tail = result.catch(() => undefined)
      return result
    },
    drawFrom: refuseRows,
    logitsOf: refuseRows,
    forget,
    // Nothing is kept: the far peer frees what it held when an answer is over.
    keep: forget,
    memory() {
      const memory = local.memory()
      let keptBytes = 0
      for (const { keptBytes: bytes } of conversations.values()) keptBytes += bytes
      return { ...memory, kvBytes: memory.kvBytes + keptBytes }
    },
    async close() {
      for (const requestId of [...conversations.keys()]) forget(requestId)
      await local.close()
    },
  }
}
