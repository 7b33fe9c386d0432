/** Test money for whoever asks, on a chain of our own: a little at a time. It counts in memory; a restart forgives. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Hex } from 'viem'

export interface FaucetGift {
  readonly usdcAtomic: bigint
  readonly nativeWei: bigint
  readonly transaction: string
}

export interface Faucet {
  /** Errors: `swarm_busy` where an address or an IP has had enough. */
  give(address: Hex, ip: string): Promise<FaucetGift>
}

export interface FaucetOptions {
  /** Makes test USDC; resolves with the transaction when it is in a block. */
  readonly mint: (to: Hex, amountAtomic: bigint) => Promise<Hex>
  readonly topUp: (to: Hex, amountWei: bigint) => Promise<void>
  readonly nowMs: () => number
}

export const faucetAtomic = 10_000_000n
const faucetWei = 10n ** 17n
const dayMs = 24 * 3600_000
const hourMs = 3600_000
const mostAddresses = 10_000

export function createFaucet({ mint, topUp, nowMs }: FaucetOptions): Faucet {
  const byAddress = createTally(3, dayMs, nowMs)
  const byIp = createTally(20, hourMs, nowMs)
  return {
    give: async (address, ip) => {
      const who = address.toLowerCase()
      byAddress.require(who, 'This address has had its test money for today (3 times).')
      byIp.require(ip, 'Your network has asked 20 times in this hour.')
      byAddress.count(who)
      byIp.count(ip)
      await topUp(address, faucetWei)
      return { usdcAtomic: faucetAtomic, nativeWei: faucetWei, transaction: await mint(address, faucetAtomic) }
    },
  }
}

/** How often each name came within the last `windowMs`; the longest quiet are forgotten first. */
function createTally(most: number, windowMs: number, nowMs: () => number) {
  const times = new Map<string, number[]>()
  const recent = (name: string): number[] => (times.get(name) ?? []).filter(atMs => nowMs() - atMs < windowMs)
  return {
    require: (name: string, message: string): void => {
      const past = recent(name)
      if (past.length < most) return
      const waitSeconds = Math.ceil((past[0]! + windowMs - nowMs()) / 1000)
      throw new ComputePoolError('swarm_busy', message, {
        remedy: 'Come back later.',
        context: { retryAfterSeconds: waitSeconds },
      })
    },
    count: (name: string): void => {
      const past = recent(name)
      times.delete(name)
      times.set(name, [...past, nowMs()])
      if (times.size > mostAddresses) times.delete(times.keys().next().value!)
    },
  }
}
