/**
 * The chain as pages are told of it. The owner's own endpoint is never told: it may carry a key, and may be out of their reach. A chain
 * that has a public endpoint is reached there, any other through our own door.
 */
import { zeroGGalileo, zeroGMainnet } from '@computepool/contracts/chain'
import type { PaidTerms } from '@computepool/shared/money'
import type { Chain } from 'viem'

export interface PageChain {
  readonly facts: PaidTerms['chain']
  /** True where `facts.rpcUrl` is `/api/chain` of this origin. */
  readonly isProxied: boolean
}

export interface PageChainOptions {
  readonly chain: Pick<Chain, 'id' | 'name' | 'blockExplorers'>
  readonly isEmbedded: boolean
  /** What we use ourselves. */
  readonly rpcUrl: string
  /** Origin under which this orchestrator is reached. */
  readonly origin: string
}

const publicEndpoints = new Map([zeroGGalileo, zeroGMainnet].map(({ id, rpcUrls }) => [id, rpcUrls.default.http[0]!]))
const ownMachines = ['localhost', '127.0.0.1', '[::1]']

export function pageChainOf({ chain, isEmbedded, rpcUrl, origin }: PageChainOptions): PageChain {
  // A node of this machine may be a copy of the public chain, with money of its own.
  const isOwn = isEmbedded || ownMachines.includes(new URL(rpcUrl).hostname)
  const publicUrl = isOwn ? undefined : publicEndpoints.get(chain.id)
  return {
    isProxied: publicUrl === undefined,
    facts: {
      id: chain.id,
      name: chain.name,
      rpcUrl: publicUrl ?? `${origin}/api/chain`,
      explorerUrl: chain.blockExplorers?.default.url ?? null,
      isEmbedded,
    },
  }
}
