/** The terms' chain as viem wants it. */
import type { PaidTerms } from '@computepool/shared/money'
import type { Chain } from 'viem'

/** What a wallet shows for gas; the terms do not tell, and wallets insist on a name. */
const nativeSymbols: Readonly<Record<number, string>> = { 16602: '0G', 16661: '0G' }

/** A relative address is this origin's. */
export function chainOf(facts: PaidTerms['chain']): Chain {
  const symbol = nativeSymbols[facts.id] ?? 'ETH'
  const rpcUrl = new URL(facts.rpcUrl, globalThis.location?.href).href
  return {
    id: facts.id,
    name: facts.name,
    nativeCurrency: { name: symbol, symbol, decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
    ...(facts.explorerUrl === null
      ? {}
      : { blockExplorers: { default: { name: 'Explorer', url: facts.explorerUrl } } }),
    testnet: facts.isEmbedded,
  }
}
