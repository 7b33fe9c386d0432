/** The same, told: each change with its reason, for the operator whose it is. It knows no page. */
import {
  applyStanding,
  barredForMs,
  type FailureKind,
  fade,
  type Standing,
  type StandingEvent,
  weightOf,
} from './standing.ts'

export interface StandingChange {
  readonly atMs: number
  readonly weightBefore: number
  readonly weightAfter: number
  readonly reason: string
}

/** `standing` after `event`, and what to tell its operator: what the event did, not what faded since the one before. */
export function changeStanding(
  standing: Standing,
  event: StandingEvent,
): { readonly standing: Standing; readonly change: StandingChange } {
  const before = fade(standing, event.atMs)
  const after = applyStanding(before, event)
  const change = {
    atMs: event.atMs,
    weightBefore: weightOf(before),
    weightAfter: weightOf(after),
    reason: reasonOf(before, after, event),
  }
  return { standing: after, change }
}

const failures: Readonly<Record<FailureKind, string>> = {
  'wrong-output': 'A check computed your layers again and got something else',
  'broken-receipts': 'Your receipt did not meet your neighbour’s',
  withheld: 'You did not hand over what a check asked for',
  'false-witness': 'You accused somebody whom the auditors found innocent, or voted against what can be replayed',
  'lazy-audit':
    'You said of a check what you had computed, and two other auditors computed something else, both the same',
}

/** One or two sentences: what happened, and what it did to the weight. */
export function reasonOf(before: Standing, after: Standing, event: StandingEvent): string {
  return `${whatHappened(event)}. ${effect(before, after, event)}`
}

function whatHappened(event: StandingEvent): string {
  switch (event.type) {
    case 'served':
      return `You served for ${Math.round(event.seconds)} s with whole receipts`
    case 'checked':
      return 'A check computed your layers again and agreed'
    case 'failed':
      return failures[event.what]
    case 'wrong-slice':
      return `Your slice was challenged while you stood by, and ${event.why}`
    case 'left-early':
      return 'You left a seat while an answer ran through it'
    case 'parted':
      return `${event.why ?? 'Three answers in a row failed at your seat'}: for ${event.minutes} minutes others are seated before you`
    case 'acquitted':
      return 'Auditors found you innocent of what you were convicted of'
  }
}

const dayMs = 86_400_000

function effect(before: Standing, after: Standing, event: StandingEvent): string {
  const days = Math.ceil(barredForMs(after) / dayMs)
  if (days > 0)
    return `Your weight is 0: you get no work for ${days} ${days === 1 ? 'day' : 'days'}, and less for a while.`
  const [from, to] = [inWords(weightOf(before)), inWords(weightOf(after))]
  if (from !== to) return `Your weight went from ${from} to ${to}.`
  const hint = event.type === 'served' ? ' Weight comes from checks, not from time.' : ''
  return `Your weight stays ${to}.${hint}`
}

const inWords = (weight: number): string => (weight < 0.01 ? 'less than 0.01' : weight.toFixed(2))
