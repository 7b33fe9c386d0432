/** How often, and how many at once, one address may ask. Counts addresses only, and forgets the quiet ones. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'

export interface CallLimits {
  readonly perMinute: number
  readonly concurrent: number
}

export interface CallLimiter {
  /** Returns what ends the call, to be called once or more. Errors: `swarm_busy`. */
  begin(address: string): () => void
}

/** Addresses remembered at most; the longest quiet go first. */
const mostAddresses = 10_000

export function createCallLimiter(limitsFor: (address: string) => CallLimits, clock: Clock): CallLimiter {
  const callers = new Map<string, { tokens: number; atMs: number; running: number }>()
  return {
    begin: address => {
      const { perMinute, concurrent } = limitsFor(address)
      const nowMs = clock.monotonicMs()
      const caller = callers.get(address) ?? { tokens: perMinute, atMs: nowMs, running: 0 }
      caller.tokens = Math.min(perMinute, caller.tokens + ((nowMs - caller.atMs) * perMinute) / 60_000)
      caller.atMs = nowMs
      callers.delete(address)
      callers.set(address, caller)
      if (callers.size > mostAddresses) {
        for (const [quiet, { running }] of callers) {
          if (running === 0) {
            callers.delete(quiet)
            break
          }
        }
      }
      if (caller.running >= concurrent) throw tooMany(`${caller.running} of your requests are running`, 2)
      if (caller.tokens < 1) {
        throw tooMany(`You sent more than ${perMinute} requests a minute`, ((1 - caller.tokens) * 60) / perMinute)
      }
      caller.tokens--
      caller.running++
      let hasEnded = false
      return () => {
        if (hasEnded) return
        hasEnded = true
        caller.running--
      }
    },
  }
}

const tooMany = (what: string, seconds: number): ComputePoolError =>
  new ComputePoolError('swarm_busy', `${what}.`, {
    remedy: 'Try again after the time in Retry-After.',
    context: { retryAfterSeconds: Math.max(1, Math.ceil(seconds)) },
  })
