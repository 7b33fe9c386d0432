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

/** Beyond it the one that failed longest ago is forgiven: who wants that must fail with as many wallets. */
const mostWithheld = 4096

/** Kept in memory: a restart forgives all. Wallets come in lower case. */
export function createWithheldUnits(): WithheldUnits {
  /** By wallet; who failed last is last. */
  const withheld = new Map<string, { readonly words: string; readonly given: number }>()
  return {
    failed: (operator, words) => {
      withheld.delete(operator)
      withheld.set(operator, { words, given: 0 })
      if (withheld.size > mostWithheld) withheld.delete(withheld.keys().next().value!)
      return true
    },
    gave: operator => {
      const known = withheld.get(operator)
      if (known === undefined) return false
      const given = known.given + 1
      if (given < receiptsToReturn) withheld.set(operator, { ...known, given })
      else withheld.delete(operator)
      return true
    },
    isWithheld: operator => withheld.has(operator),
    reasonOf: operator => {
      const known = withheld.get(operator)
      if (known === undefined) return null
      const left = receiptsToReturn - known.given
      const receipts = left === 1 ? 'one more whole receipt' : `${left} more whole receipts`
      return `Earns nothing for now: ${known.words} It earns again after ${receipts}.`
    },
  }
}
