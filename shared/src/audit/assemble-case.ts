/**
 * Out of what two peers hand over, and what the desk says of a check: the case that an auditor computes again. Whoever handed over something
 * else than was signed for is named. It knows no network, no clock and no engine.
 */
import type { Digest } from '../receipts/index.ts'
import type { DeskCommand } from '../wire/index.ts'
import { askedDraws } from './asked-draws.ts'
import { type CaseBundle, faultsOfIncoming, faultsOfOutgoing } from './check-evidence.ts'
import { heldBytes } from './evidence-bundle.ts'
import type { EvidenceAttempt, EvidenceCase } from './evidence-header.ts'
import type { HandedAttempt, Handover } from './handover.ts'
import { firstDrawn } from './pair-frames.ts'

export type RunCheck = Extract<DeskCommand, { type: 'run-check' }>

/** `failed`: what the desk said does not hold together; nobody is to blame. */
export type Unassembled = { readonly blamed: string; readonly words: string } | { readonly failed: string }
export type Assembled = { readonly bundle: CaseBundle } | Unassembled

/** What the accused signed for having received. */
export type ReceivedCase = Pick<CaseBundle, 'incoming'> & Pick<EvidenceCase, 'attempts'>

/** `received`: of `receivedFrom`; null where the text is all. */
export function assembleReceived(
  command: RunCheck,
  received: Handover | null,
  digest?: Digest,
): ReceivedCase | Unassembled {
  const { receivedFrom, plan } = command
  const attempts: EvidenceAttempt[] = []
  let incoming = new Uint8Array()
  if (receivedFrom === null) {
    for (const { text, receipt, key } of command.attempts) {
      if (text === null) return { failed: 'The desk gave no text of an entry.' }
      attempts.push({ receipt, key, incoming: { kind: 'text', ...text } })
    }
  } else {
    const blame = (words: string): Unassembled => ({ blamed: receivedFrom, words })
    if (received === null) return blame('Nothing was handed over of what it received.')
    const pieces: Uint8Array[] = []
    for (const { receipt, key, requestId } of command.attempts) {
      const handed = pieceOf(received, requestId)
      if (handed?.attempt.frames == null) return blame(`It handed over no frames of attempt ${requestId}.`)
      attempts.push({ receipt, key, incoming: handed.attempt.frames })
      pieces.push(handed.payloads)
    }
    incoming = joined(pieces, received.payloads)
  }
  const [fault] = faultsOfIncoming({ header: { attempts, check: plan }, incoming }, digest)
  if (fault === undefined) return { attempts, incoming }
  return receivedFrom === null ? { failed: fault } : { blamed: receivedFrom, words: fault }
}

/** `sent`: of `sentFrom`; of an exit that is itself. */
export function assembleCase(
  command: RunCheck,
  { attempts, incoming }: ReceivedCase,
  sent: Handover,
  digest?: Digest,
): Assembled {
  const { sentFrom, accused, plan } = command
  const last = command.attempts.at(-1)!
  const handed = pieceOf(sent, last.requestId)
  const isExit = sentFrom === accused
  const draws = isExit ? drawsOf(command, attempts.at(-1)!, handed?.attempt ?? null) : null
  if (handed?.attempt.frames == null || (isExit && draws === null))
    return { blamed: sentFrom, words: `It handed over nothing of attempt ${last.requestId}.` }
  if (!isExit && (last.after === null || last.afterKey === null))
    return { failed: 'The desk gave no receipt of the seat behind.' }
  const header: EvidenceCase = {
    accused: { peer: accused },
    check: { ...plan },
    attempts,
    after: isExit ? null : { peer: sentFrom, receipt: last.after!, key: last.afterKey! },
    outgoing: handed.attempt.frames,
    draws,
  }
  const bundle = { header, incoming, outgoing: handed.payloads }
  const [ofSent] = faultsOfOutgoing(bundle, digest)
  return ofSent === undefined ? { bundle } : { blamed: sentFrom, words: ofSent }
}

/** An attempt of what was handed over, with the payloads that are its own. */
function pieceOf({ attempts, payloads }: Handover, requestId: string) {
  let at = 0
  for (const attempt of attempts) {
    const size = attempt.frames === null ? 0 : heldBytes(attempt.frames)
    if (attempt.requestId === requestId) return { attempt, payloads: payloads.subarray(at, at + size) }
    at += size
  }
  return null
}

/** As they came where they lie so already, which they do unless somebody handed over more than was asked. */
function joined(pieces: readonly Uint8Array[], whole: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = pieces.reduce((sum, { length }) => sum + length, 0)
  let next = whole.byteOffset
  for (const piece of pieces) next = piece.byteOffset === next ? next + piece.length : -1
  if (next === whole.byteOffset + whole.length) return whole as Uint8Array<ArrayBuffer>
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

/** How the exit was to draw, and after what, stands in the first frame that it received, or in its text. */
function drawsOf(
  { plan }: RunCheck,
  { incoming }: EvidenceAttempt,
  handed: HandedAttempt | null,
): EvidenceCase['draws'] {
  if (handed?.draws == null) return null
  const { tokens } = handed.draws
  // The hand-over says so too, and nobody signed it: by a wrong one the accused would end every check of itself.
  const firstPosition = firstDrawn(incoming)
  if (firstPosition === null) return null
  const asked = askedDraws(incoming, plan.terms) ?? { params: plan.terms.sampling, prompt: [], generated: [] }
  return { firstPosition, tokens, ...asked }
}
