/** What users have with this provider, as the chain said at most some seconds ago. Where the chain does not answer nobody is known. */
import type { Clock } from '@computepool/shared/ports'
import type { Address } from 'viem'
import type { ServiceOnChain, ServingClient, UserAccount } from './serving-client.ts'

export interface AccountCache {
  /** Errors of both: `chain_unreachable`. */
  account(user: Address): Promise<UserAccount | null>
  service(): Promise<ServiceOnChain | null>
  forget(user: string): void
}

/** A key that was taken back opens nothing after this. */
const accountMs = 15_000
/** Who was not there may have come, and who was not acknowledged may be by now. */
const missingMs = 3_000
const serviceMs = 30_000
const mostAccounts = 10_000

interface Kept<T> {
  readonly value: Promise<T>
  endsAtMs: number
}

export function createAccountCache(serving: ServingClient, clock: Pick<Clock, 'monotonicMs'>): AccountCache {
  const kept = new Map<string, Kept<UserAccount | null>>()
  let service: Kept<ServiceOnChain | null> | null = null
  const isFresh = (entry: Kept<unknown> | null | undefined): boolean =>
    entry !== null && entry !== undefined && entry.endsAtMs > clock.monotonicMs()
  return {
    account: user => {
      const key = user.toLowerCase()
      const known = kept.get(key)
      if (known !== undefined && isFresh(known)) return known.value
      const value = serving.account(user)
      const entry = { value, endsAtMs: clock.monotonicMs() + accountMs }
      kept.delete(key)
      kept.set(key, entry)
      if (kept.size > mostAccounts) kept.delete(kept.keys().next().value!)
      value.then(
        account => {
          if (account === null) entry.endsAtMs = Math.min(entry.endsAtMs, clock.monotonicMs() + missingMs)
        },
        () => {
          if (kept.get(key) === entry) kept.delete(key)
        },
      )
      return value
    },
    service: () => {
      if (service !== null && isFresh(service)) return service.value
      const entry = { value: serving.service(), endsAtMs: clock.monotonicMs() + serviceMs }
      service = entry
      entry.value.then(
        found => {
          if (!found?.isAcknowledged) entry.endsAtMs = Math.min(entry.endsAtMs, clock.monotonicMs() + missingMs)
        },
        () => {
          if (service === entry) service = null
        },
      )
      return entry.value
    },
    forget: user => void kept.delete(user.toLowerCase()),
  }
}
