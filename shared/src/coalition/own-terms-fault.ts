/**
 * What an operator asks of terms before its wallet signs them: that they are about what it was given and agreed to, by its own settings
 * and not by the word of whoever sent them. It knows no wallet.
 */
import type { LayerRange } from '../model/index.ts'
import type { Hex } from './coalition-values.ts'
import { type CoalitionTerms, type TermsFault, termsFault } from './terms.ts'

export interface OwnTerms {
  readonly operator: Hex
  readonly modelDigest: Hex
  /** That it holds, or will. */
  readonly layers: LayerRange
  readonly pool: Hex
  readonly vault: Hex
  /** What its owner will put at stake at most, and work for at least. */
  readonly mostStakeAtomic: bigint
  readonly leastPricePerSecondAtomic: bigint
  /** Until when its owner will be bound at most; Unix seconds. */
  readonly latestEndsAt: bigint
}

export type OwnTermsFaultCode =
  | 'not-party'
  | 'span-other'
  | 'model-other'
  | 'pool-other'
  | 'vault-other'
  | 'stake-high'
  | 'price-low'
  | 'term-long'

export type OwnTermsFault = TermsFault | { readonly code: OwnTermsFaultCode; readonly text: string }

/** Why this operator must not sign; null where it may. */
export function ownTermsFault(terms: CoalitionTerms, own: OwnTerms): OwnTermsFault | null {
  const general = termsFault(terms)
  if (general !== null) return general
  const party = terms.parties.find(({ operator }) => isSame(operator, own.operator))
  if (party === undefined) return fault('not-party', `${own.operator} is no party.`)
  if (party.firstLayer !== own.layers.start || party.endLayer !== own.layers.end) {
    const span = `[${party.firstLayer}, ${party.endLayer})`
    return fault('span-other', `The terms give layers ${span}, held are [${own.layers.start}, ${own.layers.end}).`)
  }
  if (!isSame(terms.modelDigest, own.modelDigest)) {
    return fault('model-other', `The terms are of the model ${terms.modelDigest}, held is ${own.modelDigest}.`)
  }
  if (!isSame(terms.pool, own.pool)) return fault('pool-other', `The terms name the pool ${terms.pool}.`)
  if (!isSame(terms.vault, own.vault)) return fault('vault-other', `The terms name the vault ${terms.vault}.`)
  if (terms.stakeAtomic > own.mostStakeAtomic) {
    return fault('stake-high', `The stake is ${terms.stakeAtomic} atomic; at most ${own.mostStakeAtomic} are given.`)
  }
  if (terms.pricePerSecondAtomic < own.leastPricePerSecondAtomic) {
    const least = own.leastPricePerSecondAtomic
    return fault('price-low', `A second is paid ${terms.pricePerSecondAtomic} atomic; at least ${least} are asked.`)
  }
  if (terms.endsAt > own.latestEndsAt) {
    return fault('term-long', `The coalition lasts until ${terms.endsAt}, the operator until ${own.latestEndsAt}.`)
  }
  return null
}

const isSame = (a: Hex, b: Hex): boolean => a.toLowerCase() === b.toLowerCase()

const fault = (code: OwnTermsFaultCode, text: string): OwnTermsFault => ({ code, text })
