/** The commands of a check, as its seats and its auditor are told them. */
import type { DeskCommand, LinkRoute } from '@computepool/shared/wire'
import type { DrawnCheck } from './draw-checks.ts'

type Command<Type extends DeskCommand['type']> = Extract<DeskCommand, { type: Type }>

export type CheckedEngine = Command<'run-check'>['engine']

export interface AskedCheck {
  /** Of this asking: another auditor's is another. */
  readonly check: string
  /** Of the ring in which seats and auditor are linked now. */
  readonly epoch: number
  readonly auditor: string
  readonly withinMs: number
  /** What it is to sketch its own rows under. */
  readonly nonce: string
}

export interface HandOverOrder {
  readonly peer: string
  readonly command: Command<'hand-over'>
}

/** `later`: when the auditor has said what it computed. */
export function handOvers(
  drawn: DrawnCheck,
  { check, epoch, auditor }: AskedCheck,
): { readonly now: readonly HandOverOrder[]; readonly later: readonly HandOverOrder[] } {
  const { accused, sentFrom, receivedFrom, attempts, endPosition, draws } = drawn
  const ids = attempts.map(({ requestId }) => requestId)
  const order = (peer: string, as: 'received' | 'sent'): HandOverOrder => ({
    peer,
    command: {
      type: 'hand-over',
      check,
      epoch,
      to: auditor as LinkRoute['peer'],
      as,
      attempts: ids,
      endPosition,
      // An exit is asked for its own rows.
      ...(as === 'sent' && draws !== null ? { draws } : {}),
    },
  })
  return { now: receivedFrom === null ? [] : [order(accused, 'received')], later: [order(sentFrom, 'sent')] }
}

export function runCheck(
  { attempt, accused, sentFrom, receivedFrom, layers, seat, attempts, positions, endPosition, draws }: DrawnCheck,
  { check, epoch, withinMs, nonce }: AskedCheck,
  { engine, evidence }: { readonly engine: CheckedEngine; readonly evidence: Command<'run-check'>['evidence'] },
): Command<'run-check'> {
  const { secret, terms } = attempt
  return {
    ...{ type: 'run-check', check, epoch, layers, seat, engine, withinMs, nonce, evidence },
    accused: accused as LinkRoute['peer'],
    attempts: [...attempts],
    receivedFrom: receivedFrom as LinkRoute['peer'] | null,
    sentFrom: sentFrom as LinkRoute['peer'],
    plan: { secret, terms, positions, endPosition, draws },
  }
}
