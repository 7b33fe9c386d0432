/** What `GET /api/money` tells: fixed facts of the chain and the vault, and what may change, read at most every two seconds. */
import { streamVaultAbi } from '@computepool/contracts/abi'
import { type PaidTerms, weiPerAtomic, weiToAtomicFloor } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import type { PublicClient } from 'viem'
import type { PaymentTarget } from './challenge.ts'
import type { CapLimits } from './till.ts'

export interface MoneyTermsOptions {
  readonly client: PublicClient
  readonly clock: Clock
  readonly target: PaymentTarget
  readonly caps: CapLimits
  readonly chain: PaidTerms['chain']
  readonly contracts: Pick<PaidTerms, 'usdcx' | 'pool' | 'gdaForwarder'>
  readonly leaseSeconds: number
  readonly bufferSeconds: number
  readonly hasFaucet: boolean
}

export interface MoneyTermsReader {
  terms(): Promise<PaidTerms>
  /** What new sessions pay. */
  price(): Promise<bigint>
}

const freshMs = 2000

export function createMoneyTerms(options: MoneyTermsOptions): MoneyTermsReader {
  const { client, clock, target, caps, chain, contracts, leaseSeconds, bufferSeconds, hasFaucet } = options
  const vault = { address: target.vault, abi: streamVaultAbi } as const
  let cached: {
    readonly atMs: number
    readonly facts: Promise<{ price: bigint; reserveWei: bigint; bufferWei: bigint }>
  } | null = null

  const read = async () => {
    const [price, reserveWei] = await Promise.all([
      client.readContract({ ...vault, functionName: 'pricePerSecondAtomic' }),
      client.readContract({ ...vault, functionName: 'reserveFreeWei' }),
    ])
    const bufferWei = await client.readContract({ ...vault, functionName: 'bufferFor', args: [price * weiPerAtomic] })
    return { price, reserveWei, bufferWei }
  }
  const facts = () => {
    const nowMs = clock.monotonicMs()
    if (cached !== null && nowMs - cached.atMs < freshMs) return cached.facts
    const fresh = { atMs: nowMs, facts: read() }
    cached = fresh
    // A failure is not kept.
    fresh.facts.catch(() => {
      if (cached === fresh) cached = null
    })
    return fresh.facts
  }

  return {
    price: async () => (await facts()).price,
    terms: async () => {
      const { price, reserveWei, bufferWei } = await facts()
      return {
        mode: 'paid',
        chain,
        usdc: target.usdc,
        usdcName: target.usdcName,
        usdcVersion: target.usdcVersion,
        vault: target.vault,
        ...contracts,
        pricePerSecondAtomic: price,
        leaseSeconds,
        bufferSeconds,
        // Rounded up: what is locked is never told too small.
        bufferPerRequestAtomic: (bufferWei + weiPerAtomic - 1n) / weiPerAtomic,
        reserveFreeAtomic: reserveWei > 0n ? weiToAtomicFloor(reserveWei) : 0n,
        ...caps,
        hasFaucet,
      }
    },
  }
}
