/**
 * What the pool thinks of each wallet, and why: events in, weights out, kept across restarts. It knows no peers, no seats and no stakes;
 * who is placed by a weight is the swarm's business.
 */
import { defaultCheckPolicy } from '@computepool/shared/audit'
import type { Clock } from '@computepool/shared/ports'
import {
  changeStanding,
  checkRateOf,
  type FailureKind,
  fade,
  isBarred,
  mayHoldText,
  newStanding,
  type Standing,
  type StandingChange,
  type StandingEvent,
  trustOf,
  weightOf,
} from '@computepool/shared/standing'
import type { DeskCommand } from '@computepool/shared/wire'
import type { KeptWithheld } from '../receipts/withheld-units.ts'
import { mostChanges, mostConvictions, type StandingRecord } from './standing-record.ts'
import type { StandingStore } from './standing-store.ts'

/** What an operator is told; also the body of `GET /api/operators/ADDRESS/standing`. */
export type StandingTold = Omit<Extract<DeskCommand, { type: 'standing-told' }>, 'type'>

/** Wallets come in lower case. What nobody knows yet is a newcomer. */
export interface StandingBook {
  /** `event.atMs` is wall time. */
  note(operator: string, event: StandingEvent): void
  /** Proven by evidence (its SHA-256) that anybody can replay: a failure that is on the disk before anything else of it. Once an evidence. */
  convict(operator: string, what: FailureKind, evidence?: string): void
  /** Takes back the conviction by this evidence, once; the eldest of that kind where none is named; nothing where there is none. */
  acquit(operator: string, what: FailureKind, evidence?: string): void
  /** A slice that it held without a seat was challenged. It is counted and told, and earns no trust: nobody was served. */
  challenged(operator: string, isMet: boolean): void
  /** As of now. */
  of(operator: string): Standing
  weightOf(operator: string): number
  checkRateOf(operator: string, leastRate: number): number
  /** It gets no work now. */
  isBanned(operator: string): boolean
  mayHoldText(operator: string, isStaked: boolean): boolean
  /** Newest first. */
  changesOf(operator: string): readonly StandingChange[]
  told(operator: string): StandingTold
  /** Weights as of now of all that are not a newcomer's. */
  weights(): Record<string, number>
  /** Units that are withheld, kept with the rest. */
  readonly withheld: KeptWithheld
  /** When what was kept has been read. Before, everybody is a newcomer. */
  readonly ready: Promise<void>
  /** When all of it is kept. */
  close(): Promise<void>
}

export interface StandingBookOptions {
  readonly clock: Pick<Clock, 'wallMs'>
  readonly store: StandingStore
  /** After each change; once for every wallet that was kept, when those are read. */
  readonly onChange?: (operator: string) => void
  /** At which the most trusted are checked: what operators are told theirs is made of it. Default: the usual policy’s. */
  readonly leastCheckRate?: number
  /** Wallets that are kept. */
  readonly mostWallets?: number
}

/** Of a few hundred bytes each, and at most some thousand. */
const usualMostWallets = 4096

export function createStandingBook(options: StandingBookOptions): StandingBook {
  const { clock, store, onChange = () => {}, mostWallets = usualMostWallets } = options
  const { leastCheckRate = defaultCheckPolicy.rate } = options
  const records = new Map<string, StandingRecord>()
  const blank = (operator: string): StandingRecord => ({
    operator,
    standing: newStanding(clock.wallMs()),
    changes: [],
    convictedAtMs: null,
    withheld: null,
  })
  const recordOf = (operator: string): StandingRecord => records.get(operator) ?? blank(operator)

  const keep = (record: StandingRecord, atOnce = false): void => {
    const { operator } = record
    const isNew = !records.has(operator)
    records.set(operator, record)
    store.save(record, atOnce)
    if (isNew && records.size > mostWallets) forgetLeast(operator)
  }

  /** Never the one that has just come, or nobody new would be judged in a full book. */
  const forgetLeast = (spared: string): void => {
    const nowMs = clock.wallMs()
    let least: { readonly operator: string; readonly worth: readonly number[] } | null = null
    for (const record of records.values()) {
      if (record.operator === spared) continue
      const worth = worthOfKeeping(record, nowMs)
      if (least === null || isLess(worth, least.worth)) least = { operator: record.operator, worth }
    }
    if (least === null) return
    records.delete(least.operator)
    store.forget(least.operator)
    onChange(least.operator)
  }

  const standingOf = (operator: string): Standing => fade(recordOf(operator).standing, clock.wallMs())

  const apply = (operator: string, event: StandingEvent, proven: Partial<StandingRecord> = {}): void => {
    const record = recordOf(operator)
    const { standing, change } = changeStanding(record.standing, event)
    const changes = withChange(record.changes, change, event)
    keep({ ...record, ...proven, standing, changes }, mustLast.has(event.type))
    onChange(operator)
  }

  const ready = store.load().then(found => {
    for (const record of found) {
      const since = records.get(record.operator)
      records.set(record.operator, since === undefined ? record : joined(record, since))
      if (since !== undefined) store.save(records.get(record.operator)!)
    }
    for (const { operator } of found) onChange(operator)
  })

  return {
    note: (operator, event) => apply(operator, event),
    convict: (operator, what, evidence = '') => {
      const open = recordOf(operator).convictions ?? []
      if (evidence !== '' && open.some(conviction => conviction.evidence === evidence)) return
      const atMs = clock.wallMs()
      const convictions = [...open, { evidence, what, atMs }].slice(-mostConvictions)
      apply(operator, { type: 'failed', what, atMs }, { convictedAtMs: atMs, convictions })
    },
    acquit: (operator, what, evidence) => {
      const { convictedAtMs, convictions } = recordOf(operator)
      // Kept before convictions were told apart.
      const open = convictions ?? (convictedAtMs === null ? [] : [{ evidence: '', what, atMs: clock.wallMs() }])
      const named = open.find(each => each.evidence === evidence)
      const found = named ?? open.find(each => each.what === what && (each.evidence === '' || evidence === undefined))
      if (found === undefined) return
      const left = open.filter(each => each !== found)
      const event = { type: 'acquitted', what: found.what, failedAtMs: found.atMs, atMs: clock.wallMs() } as const
      apply(operator, event, { convictedAtMs: left.at(-1)?.atMs ?? null, convictions: left })
    },
    challenged: (operator, isMet) => {
      const { asked, met } = recordOf(operator).challenges ?? { asked: 0, met: 0 }
      keep({ ...recordOf(operator), challenges: { asked: asked + 1, met: met + Number(isMet) } })
      onChange(operator)
    },
    of: standingOf,
    weightOf: operator => weightOf(standingOf(operator)),
    checkRateOf: (operator, leastRate) => checkRateOf(standingOf(operator), leastRate),
    isBanned: operator => isBarred(standingOf(operator)),
    mayHoldText: (operator, isStaked) => mayHoldText(standingOf(operator), isStaked),
    changesOf: operator => recordOf(operator).changes,
    told: operator => {
      const standing = standingOf(operator)
      const { served, checked, failed, leftEarly } = standing
      return {
        weight: weightOf(standing),
        trust: trustOf(standing),
        checkRate: checkRateOf(standing, leastCheckRate),
        ...{ served, checked, failed, leftEarly },
        ...toldChallenges(recordOf(operator)),
        changes: [...recordOf(operator).changes],
      }
    },
    weights: () => Object.fromEntries([...records.keys()].map(operator => [operator, weightOf(standingOf(operator))])),
    withheld: {
      of: operator => records.get(operator)?.withheld ?? null,
      set: (operator, withheld) => {
        const shortened = withheld === null ? null : { ...withheld, words: withheld.words.slice(0, 1000) }
        keep({ ...recordOf(operator), withheld: shortened })
      },
    },
    ready,
    close: async () => {
      await ready
      await store.flush()
    },
  }
}

/** Absent where it was never challenged. */
function toldChallenges({ challenges }: StandingRecord): Pick<StandingTold, 'challenged' | 'challengesMet'> {
  return challenges === undefined ? {} : { challenged: challenges.asked, challengesMet: challenges.met }
}

/** They are on the disk before anything else of them. */
const mustLast: ReadonlySet<StandingEvent['type']> = new Set(['failed', 'wrong-slice', 'acquitted'])

/** A failure that has not faded so far counts in this order. */
const mattersAbove = 0.06

/**
 * Whoever is worth least is forgotten first: who was never found wrong goes before anybody who was, so that no crowd of new names can
 * flush a conviction; and among those, who was checked least. Trust has to be earned again, which costs its owner time; a ban that is
 * forgotten costs others.
 */
function worthOfKeeping({ standing, withheld }: StandingRecord, nowMs: number): readonly number[] {
  const { failed, checked, leftEarly } = fade(standing, nowMs)
  // Receipts that are owed cost nothing to owe: they weigh no more than one check, or they could flush trust.
  const learnt = checked + leftEarly + (withheld === null ? 0 : 1)
  return [failed > mattersAbove ? failed : 0, learnt, standing.asOfMs]
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, index) => value !== b[index])
  return index >= 0 && a[index]! < b[index]!
}

/** Time served changes no weight: it is told where nothing else is, or the reasons would hold nothing else. */
function withChange(
  changes: readonly StandingChange[],
  change: StandingChange,
  event: StandingEvent,
): StandingRecord['changes'] {
  if (event.type === 'served' && changes.length > 0) return [...changes]
  return [change, ...changes].slice(0, mostChanges)
}

function together(
  a: StandingRecord['challenges'],
  b: StandingRecord['challenges'],
): NonNullable<StandingRecord['challenges']> {
  return { asked: (a?.asked ?? 0) + (b?.asked ?? 0), met: (a?.met ?? 0) + (b?.met ?? 0) }
}

/** What was kept, and what was noted before it had been read. */
function joined(kept: StandingRecord, since: StandingRecord): StandingRecord {
  const old = fade(kept.standing, since.standing.asOfMs)
  const { served, checked, failed, leftEarly, asOfMs } = since.standing
  const convictions = [...(kept.convictions ?? []), ...(since.convictions ?? [])].slice(-mostConvictions)
  return {
    operator: kept.operator,
    standing: {
      served: old.served + served,
      checked: old.checked + checked,
      failed: old.failed + failed,
      leftEarly: old.leftEarly + leftEarly,
      asOfMs: Math.max(old.asOfMs, asOfMs),
    },
    changes: [...since.changes, ...kept.changes].slice(0, mostChanges),
    convictedAtMs: since.convictedAtMs ?? kept.convictedAtMs,
    ...(convictions.length === 0 ? {} : { convictions }),
    ...((kept.challenges ?? since.challenges) ? { challenges: together(kept.challenges, since.challenges) } : {}),
    withheld: since.withheld ?? kept.withheld,
  }
}
