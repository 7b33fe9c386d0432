/** How often in a row something went wrong with a wallet. It knows not what. */
export interface InARow {
  /** Once more; true where that is too often, and it begins anew. */
  again(operator: string): boolean
  over(operator: string): void
}

const mostWallets = 1024

export function createInARow(most: number): InARow {
  /** The latest last. */
  const counts = new Map<string, number>()
  return {
    again: operator => {
      const count = (counts.get(operator) ?? 0) + 1
      counts.delete(operator)
      if (count >= most) return true
      counts.set(operator, count)
      if (counts.size > mostWallets) counts.delete(counts.keys().next().value!)
      return false
    },
    over: operator => void counts.delete(operator),
  }
}
