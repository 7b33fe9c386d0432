/**
 * Sends each tab fresh ICE servers before the TURN credentials that it has run out: a tab that stays for days opens new links, and
 * restarts old ones, as it did in its first hour. It knows times and peers, no credentials.
 */
import type { Clock } from '@computepool/shared/ports'

export interface IceRenewalOptions {
  readonly clock: Clock
  /** Null where nothing of what a tab was given expires. */
  readonly periodMs: number | null
  readonly renew: (peer: string) => void
}

export interface IceRenewal {
  /** The tab has just been given servers; its period starts anew. */
  given(peer: string): void
  forget(peer: string): void
  close(): void
}

export function createIceRenewal({ clock, periodMs, renew }: IceRenewalOptions): IceRenewal {
  const cancels = new Map<string, () => void>()
  const forget = (peer: string): void => {
    cancels.get(peer)?.()
    cancels.delete(peer)
  }
  const given = (peer: string): void => {
    forget(peer)
    if (periodMs === null) return
    const again = (): void => {
      given(peer)
      renew(peer)
    }
    cancels.set(peer, clock.schedule(periodMs, again))
  }
  return {
    given,
    forget,
    close: () => {
      for (const peer of [...cancels.keys()]) forget(peer)
    },
  }
}
