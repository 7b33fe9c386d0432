/** The same, told: each change with its reason, for the operator whose it is. It knows no page. */
import { applyStanding, type FailureKind, type Standing, type StandingEvent, weightOf } from './standing.ts'

export interface StandingChange {
  readonly atMs: number
  readonly weightBefore: number
  readonly weightAfter: number
  readonly reason: string
}

/** `standing` after `event`, and what to tell its operator. */
export function changeStanding(
  standing: Standing,
  event: StandingEvent,
): { readonly standing: Standing; readonly change: StandingChange } {
  const after = applyStanding(standing, event)
  const change = {
    atMs: event.atMs,
    weightBefore: weightOf(standing),
    weightAfter: weightOf(after),
    reason: reasonOf(standing, after, event),
  }
  return { standing: after, change }
}

const failures: Readonly<Record<FailureKind, string>> = {
  'wrong-output': 'A check computed your layers again and got something else',
  'broken-receipts': 'Your receipt did not meet your neighbour’s',
  withheld: 'You did not hand over what a check asked for',
  'false-witness': 'You accused somebody whom the auditors found innocent, or voted against what can be replayed',
}

/** One or two sentences: what happened, and what it did to the weight. */
export function reasonOf(before: Standing, after: Standing, event: StandingEvent): string {
  return `${whatHappened(event)}. ${effect(weightOf(before), weightOf(after), event)}`
}

function whatHappened(event: StandingEvent): string {
  switch (event.type) {
    case 'served':
      return `You served for ${Math.round(event.seconds)} s with whole receipts`
    case 'checked':
      return 'A check computed your layers again and agreed'
    case 'failed':
      return failures[event.what]
    case 'left-early':
      return 'You left a seat while an answer ran through it'
  }
}

function effect(before: number, after: number, event: StandingEvent): string {
  const [from, to] = [before.toFixed(2), after.toFixed(2)]
  if (to === '0.00') return `Your weight is ${to}: you get no work until that fades, half of it in 60 days.`
  if (from !== to) return `Your weight went from ${from} to ${to}.`
  const hint = event.type === 'served' ? ' Weight comes from checks, not from time.' : ''
  return `Your weight stays ${to}.${hint}`
}
