/**
 * Which operators earn nothing for now, and why: who owed a receipt of its work and gave none, a forged one, or one that its neighbour's
 * does not meet. It knows wallets, not seats, and no money: whoever orders units asks it.
 */

export interface WithheldUnits {
  /** It failed an attempt at an answer; `words`: how, as it is told. True where anything is withheld now. */
  failed(operator: string, words: string): boolean
  /** It gave a whole receipt. True where that changed what is withheld, or how much is left to give. */
  gave(operator: string): boolean
  isWithheld(operator: string): boolean
  /** In words, with what ends it; null where nothing is withheld. */
  reasonOf(operator: string): string | null
}

/** Whole receipts, one after the other, that give an operator its units back. */
export const receiptsToReturn = 3

/** Why an operator's units are withheld, and how many whole receipts it gave since. */
export interface Withheld {
  readonly words: string
  readonly given: number
}

/** Where that is kept, by wallet. */
export interface KeptWithheld {
  of(operator: string): Withheld | null
  /** Null: nothing is withheld any more. */
  set(operator: string, withheld: Withheld | null): void
}

/** Beyond it the one that failed longest ago is forgiven: who wants that must fail with as many wallets. */
const mostWithheld = 4096

/** For a pool whose restart forgives all. */
function keepInMemory(): KeptWithheld {
  /** Who failed last is last. */
  const kept = new Map<string, Withheld>()
  return {
    of: operator => kept.get(operator) ?? null,
    set: (operator, withheld) => {
      if (withheld === null || withheld.given === 0) kept.delete(operator)
      if (withheld !== null) kept.set(operator, withheld)
      if (kept.size > mostWithheld) kept.delete(kept.keys().next().value!)
    },
  }
}

/** Wallets come in lower case. */
export function createWithheldUnits(kept: KeptWithheld = keepInMemory()): WithheldUnits {
  return {
    failed: (operator, words) => {
      kept.set(operator, { words, given: 0 })
      return true
    },
    gave: operator => {
      const known = kept.of(operator)
      if (known === null) return false
      const given = known.given + 1
      kept.set(operator, given < receiptsToReturn ? { ...known, given } : null)
      return true
    },
    isWithheld: operator => kept.of(operator) !== null,
    reasonOf: operator => {
      const known = kept.of(operator)
      if (known === null) return null
      const left = receiptsToReturn - known.given
      const receipts = left === 1 ? 'one more whole receipt' : `${left} more whole receipts`
      return `Earns nothing for now: ${known.words} It earns again after ${receipts}.`
    },
  }
}
