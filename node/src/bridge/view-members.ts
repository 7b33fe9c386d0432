/** The members of a relay as its operator sees them: what each passed on, and how its way is. It changes nothing. */
import type { LinkFacts } from '@computepool/shared/ports'
import type { BridgeMember } from './bridge-snapshot.ts'
import type { Relay } from './create-relay.ts'

export function viewMembers(relay: Relay, links: readonly LinkFacts[], hasAxl: boolean): BridgeMember[] {
  const facts = new Map(links.map(link => [link.peer, link]))
  const tallies = new Map(relay.report().map(row => [row.peer, row]))
  return relay.members.map(({ peer, axl }) => ({
    peer,
    by: axl === null ? 'webrtc' : 'axl',
    rttMs: facts.get(peer)?.rttMs ?? null,
    isOpen: axl === null ? (facts.get(peer)?.isOpen ?? false) : hasAxl,
    forwardedBytes: tallies.get(peer)?.forwardedBytes ?? 0,
    refusedBytes: tallies.get(peer)?.refusedBytes ?? 0,
  }))
}
