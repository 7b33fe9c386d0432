/**
 * Who keeps a ring from being staked: whoever refuses, does not answer, spent what it had signed, or holds layers that are no one span. Only these earn nothing for
 * it; the others earn without a stake while it lasts. It reads offers and rings, and decides no placement.
 */
import { type RingToStake, splitWallets } from './rings-to-stake.ts'
import type { SpentStakes } from './spent-stakes.ts'
import type { StakeTerms } from './stake-book.ts'
import { stakeWords } from './stake-words.ts'
import type { Asking } from './whom-to-ask.ts'

export interface Willingness {
  /** It will not sign, or what it signed is not good; `words` are for itself alone. */
  refused(operator: string, words: string): void
  signed(operator: string): void
  look(now: WillingnessNow): void
  /** Why this wallet is what its ring waits for; null where it is not. */
  faultOf(operator: string): string | null
  /** It did not stake when it was asked last. */
  hasFailed(operator: string): boolean
  /** Why it has no stake though it would; null where its stake waits for nobody else. */
  sparedOf(operator: string): string | null
  /** What its weight in placement is multiplied with, never 0: one that will not stake gives way to one that may. */
  factorOf(operator: string): number
}

export interface WillingnessNow {
  readonly rings: readonly RingToStake[]
  readonly rows: readonly StakeTerms[]
  /** Whose word these terms wait for now, and which: whoever waits for others is not silent. */
  readonly asking: (row: StakeTerms) => readonly Asking[]
  /** By the ring's key: no terms can be made for it. */
  readonly refused: ReadonlyMap<string, { readonly text: string }>
  readonly isGuilty: (operator: string) => boolean
  readonly isStaked: (operator: string) => boolean
}

export interface WillingnessOptions {
  readonly nowMs: () => number
  /** How long an offer may wait for one's word. */
  readonly silentMs: number
  /** After so long one that was asked no more may be asked again. */
  readonly forgiveMs: number
  readonly spent: Pick<SpentStakes, 'quietUntilMs' | 'hasSpent'>
}

/** Below a newcomer's tenth, so that even one gets the seat of a trusted refuser; a pool of nobody else is served by refusers. */
const unwillingFactor = 0.02
/** Where anybody else is, it is not seated: each round with it may cost the others an authorization. */
const spenderFactor = 0.001
const mostWallets = 4096

interface Fault {
  readonly kind: 'refused' | 'silent'
  readonly words: string
  readonly atMs: number
}

export function createWillingness({ nowMs, silentMs, forgiveMs, spent }: WillingnessOptions): Willingness {
  const faults = new Map<string, Fault>()
  const spared = new Map<string, string>()
  /** Staked elsewhere, and unable or unwilling to stake here too: what its neighbours wait for is not their fault. */
  const bound = new Set<string>()
  let split = new Map<string, string>()
  /** By hash, wallet and word: since when it is asked for. */
  let seen = new Map<string, number>()

  const hold = (operator: string, fault: Omit<Fault, 'atMs'>): void => {
    spared.delete(operator)
    keep(faults, operator, { ...fault, atMs: nowMs() })
  }

  const lookAtSilence = ({ rows, asking }: Pick<WillingnessNow, 'rows' | 'asking'>): void => {
    const asked = rows
      .filter(({ state }) => state === 'offered')
      .flatMap(row => asking(row).map(one => ({ ...one, key: `${row.termsHash} ${one.operator} ${one.needsStake}` })))
    seen = new Map(asked.map(({ key }) => [key, seen.get(key) ?? nowMs()]))
    for (const { operator, key } of asked) {
      if (nowMs() - seen.get(key)! >= silentMs) hold(operator, { kind: 'silent', words: stakeWords.silent(silentMs) })
    }
  }

  return {
    refused: (operator, words) => hold(operator, { kind: 'refused', words }),
    signed: operator => {
      faults.delete(operator)
      bound.delete(operator)
    },
    look: ({ rings, rows, asking, refused, isGuilty, isStaked }) => {
      lookAtSilence({ rows, asking })
      for (const operator of faults.keys()) if (isStaked(operator)) bound.add(operator)
      for (const operator of bound) if (!isStaked(operator)) bound.delete(operator)
      for (const operator of bound) faults.delete(operator)
      split = new Map(
        rings.flatMap(ring => splitWallets(ring).map(operator => [operator, refused.get(ring.key)?.text ?? ''])),
      )
      const whyNot = (operator: string): string | null => {
        if (isGuilty(operator)) return stakeWords.otherGuilty(operator)
        if (split.has(operator)) return stakeWords.otherSplit(operator)
        if (spent.quietUntilMs(operator) !== null) return stakeWords.otherSpent(operator)
        const fault = faults.get(operator)
        if (fault !== undefined) return stakeWords.otherFault(operator, fault.kind)
        return bound.has(operator) ? stakeWords.otherBound(operator) : null
      }
      for (const ring of rings) {
        const members = [...ring.peers.keys()]
        const stuck = rows.find(
          ({ state, attempts, terms }) =>
            (state === 'signed' || state === 'proposed') &&
            attempts > 0 &&
            members.every(member => terms.parties.some(({ operator }) => operator === member)),
        )
        const why =
          members.map(whyNot).find(found => found !== null) ??
          refused.get(ring.key)?.text ??
          (stuck === undefined ? null : stakeWords.chainFails)
        if (why === null) continue
        for (const member of members) if (whyNot(member) === null) keep(spared, member, why)
      }
      for (const operator of [...spared.keys()]) {
        if (isStaked(operator) || whyNot(operator) !== null) spared.delete(operator)
      }
    },
    faultOf: operator => {
      const untilMs = spent.quietUntilMs(operator)
      return (
        split.get(operator) ??
        (untilMs === null ? null : stakeWords.spent(untilMs)) ??
        faults.get(operator)?.words ??
        null
      )
    },
    hasFailed: operator => faults.has(operator) || bound.has(operator) || spent.hasSpent(operator),
    sparedOf: operator => spared.get(operator) ?? null,
    factorOf: operator => {
      if (spent.quietUntilMs(operator) !== null) return spenderFactor
      const fault = faults.get(operator)
      return fault !== undefined && nowMs() - fault.atMs < forgiveMs ? unwillingFactor : 1
    },
  }
}

/** Told last is last; of too many the one told longest ago is forgotten. */
function keep<V>(map: Map<string, V>, operator: string, value: V): void {
  map.delete(operator)
  map.set(operator, value)
  if (map.size > mostWallets) map.delete(map.keys().next().value!)
}
