/** Who may leave a bundle of evidence: whoever was given a ticket with its check, once, while the check is open. */
import { timingSafeEqual } from 'node:crypto'
import type { Clock, Entropy } from '@computepool/shared/ports'

export interface EvidenceTickets {
  /** For a wallet. */
  open(operator: string, lifeMs: number): string
  /** Whose it is, once; null: nobody's, or too late. */
  take(ticket: string): string | null
}

/** Of checks that are open at once there are few. */
const mostTickets = 64

export function createEvidenceTickets(clock: Pick<Clock, 'monotonicMs'>, entropy: Entropy): EvidenceTickets {
  /** Whose, and until when; the eldest first. */
  const tickets = new Map<string, { readonly operator: string; readonly untilMs: number }>()
  return {
    open: (operator, lifeMs) => {
      const ticket = Buffer.from(entropy.bytes(24)).toString('base64url')
      tickets.set(ticket, { operator, untilMs: clock.monotonicMs() + lifeMs })
      if (tickets.size > mostTickets) tickets.delete(tickets.keys().next().value!)
      return ticket
    },
    take: given => {
      const known = [...tickets.keys()].find(ticket => isSame(ticket, given))
      if (known === undefined) return null
      const { operator, untilMs } = tickets.get(known)!
      tickets.delete(known)
      return untilMs >= clock.monotonicMs() ? operator : null
    },
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
