/** Which tabs stand still: who reports every second of its work, and then does not. It knows when they were heard, not what they said. */
import type { Clock } from '@computepool/shared/ports'

export interface PeerPulse {
  /** `isReport`: the report that a peer at work makes every second. */
  heard(peer: string, isReport: boolean): void
  gone(peer: string): void
  /** Monotonic time at which its last silence ended: now, while it lasts; 0 where there was none. */
  quietUntil(peer: string): number
}

const silentMs = 3000

interface Pulse {
  heardAtMs: number
  quietUntilMs: number
  /** It makes reports: its silence means something. */
  isReporting: boolean
}

export function createPeerPulse(clock: Clock): PeerPulse {
  /** Of connected peers: as many as there are sockets. */
  const pulses = new Map<string, Pulse>()
  const isSilent = ({ isReporting, heardAtMs }: Pulse): boolean =>
    isReporting && clock.monotonicMs() - heardAtMs > silentMs
  return {
    heard: (peer, isReport) => {
      const nowMs = clock.monotonicMs()
      const pulse = pulses.get(peer) ?? { heardAtMs: nowMs, quietUntilMs: 0, isReporting: false }
      pulses.set(peer, pulse)
      if (isSilent(pulse)) pulse.quietUntilMs = nowMs
      pulse.heardAtMs = nowMs
      pulse.isReporting ||= isReport
    },
    gone: peer => {
      pulses.delete(peer)
    },
    quietUntil: peer => {
      const pulse = pulses.get(peer)
      if (pulse === undefined) return 0
      return isSilent(pulse) ? clock.monotonicMs() : pulse.quietUntilMs
    },
  }
}
