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
}

export function handOvers(
  { accused, sentFrom, receivedFrom, attempts, endPosition }: DrawnCheck,
  { check, epoch, auditor }: AskedCheck,
): Array<{ readonly peer: string; readonly command: Command<'hand-over'> }> {
  const ids = attempts.map(({ requestId }) => requestId)
  const order = (peer: string, as: 'received' | 'sent') => ({
    peer,
    command: {
      type: 'hand-over' as const,
      check,
      epoch,
      to: auditor as LinkRoute['peer'],
      as,
      attempts: ids,
      endPosition,
    },
  })
  // The exit tells its draws with what it received.
  const own = receivedFrom === null && sentFrom !== accused ? [] : [order(accused, 'received')]
  return sentFrom === accused ? own : [...own, order(sentFrom, 'sent')]
}

export function runCheck(
  { attempt, accused, sentFrom, receivedFrom, layers, seat, attempts, positions, endPosition }: DrawnCheck,
  { check, epoch, withinMs }: AskedCheck,
  { engine, evidence }: { readonly engine: CheckedEngine; readonly evidence: Command<'run-check'>['evidence'] },
): Command<'run-check'> {
  const { secret, terms } = attempt
  return {
    ...{ type: 'run-check', check, epoch, layers, seat, engine, withinMs, evidence },
    accused: accused as LinkRoute['peer'],
    attempts: [...attempts],
    receivedFrom: receivedFrom as LinkRoute['peer'] | null,
    sentFrom: sentFrom as LinkRoute['peer'],
    plan: { secret, terms, positions, endPosition },
  }
}
