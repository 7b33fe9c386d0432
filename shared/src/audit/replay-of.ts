/** What `recompute` takes, out of a bundle of evidence: frames as they came, and what was sent. It judges nothing. */
import { activationRows, joinActivations } from '../engine/index.ts'
import type { Activation } from '../ports/index.ts'
import { type CaseBundle, drawsToJudge, keptPositions, payloadsOf } from './check-evidence.ts'
import { heldLinks, rowBytes } from './evidence-bundle.ts'
import type { EvidenceAttempt, EvidenceFrames, EvidenceLink } from './evidence-header.ts'
import { finalRows } from './final-rows.ts'
import { orderlyFrames, pairFrames } from './pair-frames.ts'
import type { DrawRun } from './plan-checks.ts'
import type { Claim, RecomputeInput, ReplayFrame } from './recompute.ts'

/**
 * The frames that the accused received, earlier attempts' first, as far as it answered them. `vocab` is the model's, of a manifest that the
 * judge trusts.
 */
export function replayOf(
  { header, incoming, outgoing }: CaseBundle,
  vocab: number,
): Pick<RecomputeInput, 'frames' | 'claimed'> & { readonly fromPosition: number; readonly endPosition: number } {
  const sent = header.outgoing
  const fromPosition = keptPositions(header)
  const endPosition = Math.min(header.check.endPosition, header.check.positions)
  const outputs = activationsOf(sent, outgoing)
  const held = heldLinks(sent)
  const { draws } = header
  const run = drawsToJudge(header)
  const claimed: Claim = {
    outputs: outputs.slice(0, sent.held),
    positions: sent.links.slice(0, sent.held).map(({ position }) => position),
    ...(draws === null || run === null
      ? {}
      : {
          draws: {
            ...draws,
            vocab,
            run,
            rows: rowsOf(sent, new Map(held.map((link, i) => [link, outputs[i]!])), run),
          },
        }),
  }
  const frames = receivedFrames({ ...header, endPosition, sent }, incoming)
  return { frames, claimed, fromPosition, endPosition }
}

/** Those just before the tokens of `draws`, each as it was last computed. */
function rowsOf(
  { links }: EvidenceFrames,
  payloads: ReadonlyMap<EvidenceLink, Activation>,
  draws: DrawRun,
): Activation {
  const pieces = finalRows(links, draws.until - 1, links[0]?.position).flatMap(({ frame, from, position, rows }) => {
    const before = Math.max(0, draws.from - 1 - position)
    const activation = before < rows ? payloads.get(links[frame]!) : undefined
    return activation === undefined ? [] : [activationRows(activation, from + before, from + rows)]
  })
  return joinActivations(pieces)
}

export interface ReceivedInput {
  readonly attempts: readonly EvidenceAttempt[]
  readonly endPosition: number
  /** What came of it, as far as that is known: frames that were not answered do not count. Null: all do. */
  readonly sent: EvidenceFrames | null
}

/** The frames of a case alone, before or after it is known what was sent. */
export function receivedFrames({ attempts, endPosition, sent }: ReceivedInput, incoming: Uint8Array): ReplayFrame[] {
  const received = attempts.at(-1)!.incoming
  if (received.kind === 'text') {
    const text = [...received.tokens, ...received.told].slice(0, endPosition)
    return [{ position: 0, rows: text.length, input: { tokens: text } }]
  }
  const frames: ReplayFrame[] = []
  let bytes = incoming
  for (const [i, { incoming: each }] of attempts.entries()) {
    if (each.kind !== 'frames') continue
    const activations = activationsOf(each, bytes)
    bytes = bytes.subarray(activations.reduce((sum, { data }) => sum + data.length, 0))
    const isLast = i === attempts.length - 1
    const paired = isLast && sent !== null ? pairFrames(each.links, sent.links) : null
    const answered = paired !== null && 'answered' in paired ? paired.answered : activations.length
    // What nobody takes is the last that came, if it is in the chain at all.
    const taken = Math.min(answered, orderlyFrames(each.links).links.length)
    for (const [at, activation] of activations.slice(0, taken).entries())
      frames.push({ position: each.links[at]!.position, rows: activation.tokens, input: { activation } })
  }
  return frames
}

function activationsOf(frames: EvidenceFrames, bytes: Uint8Array): Activation[] {
  const { dtype, hidden } = frames
  return payloadsOf(frames, bytes).map(data => ({ dtype, hidden, tokens: data.length / rowBytes(frames), data }))
}
