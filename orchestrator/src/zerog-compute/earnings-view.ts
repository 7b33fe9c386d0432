/** What operators are owed and were paid, as anybody may see it: wallets and amounts, and nothing of users or answers. */
import type { ZerogEarnings } from '@computepool/shared/zerog-compute'
import type { Address } from 'viem'
import type { EarningsBook } from './fee-book.ts'
import type { OperatorAccount } from './operator-accounts.ts'

export interface EarningsTerms {
  readonly chainId: number
  readonly provider: Address
  readonly cutBasisPoints: number
  readonly payoutAtNeuron: bigint
}

/** Whoever earned most comes first; beyond these one has to be asked for by its wallet. */
const mostListed = 200

export function earningsOf(book: EarningsBook, terms: EarningsTerms, only?: string): ZerogEarnings {
  const { receivedNeuron, gasNeuron, cutNeuron, carriedNeuron } = book.totals()
  const all = only === undefined ? book.operators() : [book.operator(only)]
  const listed = [...all].sort((a, b) => (earned(a) < earned(b) ? 1 : -1)).slice(0, mostListed)
  return {
    ...{ chainId: terms.chainId, provider: terms.provider, cutBasisPoints: terms.cutBasisPoints },
    payoutAtNeuron: String(terms.payoutAtNeuron),
    ...{ receivedNeuron: String(receivedNeuron), gasNeuron: String(gasNeuron), cutNeuron: String(cutNeuron) },
    carriedNeuron: String(carriedNeuron),
    operators: listed.map(({ wallet, owedNeuron, paidNeuron, doubtedNeuron, payout }) => ({
      wallet,
      owedNeuron: String(owedNeuron),
      sendingNeuron: String(payout?.amountNeuron ?? 0n),
      paidNeuron: String(paidNeuron),
      doubtedNeuron: String(doubtedNeuron),
    })),
  }
}

const earned = ({ owedNeuron, paidNeuron, doubtedNeuron, payout }: OperatorAccount): bigint =>
  owedNeuron + paidNeuron + doubtedNeuron + (payout?.amountNeuron ?? 0n)
