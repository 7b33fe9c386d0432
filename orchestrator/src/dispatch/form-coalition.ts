/**
 * Tells a coalition's members their parts: seats, standbys, relays, auditors that are linked to it for a check, and when it is over. It decides
 * nothing and sees no answers.
 */

import type { LayerRange } from '@computepool/shared/model'
import type { Entropy } from '@computepool/shared/ports'
import type { AuditorWays, SwarmAct } from '@computepool/shared/swarm'
import type { AssignedRoute, LinkRoute, Seat } from '@computepool/shared/wire'
import type { HubPort } from './hub-port.ts'

type Act<Type extends SwarmAct['type']> = Extract<SwarmAct, { type: Type }>

export interface CoalitionTeller {
  form(act: Act<'form-coalition'>): void
  /** The coalition goes on with other standbys. */
  renew(act: Act<'renew-standbys'>): void
  /** It goes on without this relay. */
  dropRelay(act: Act<'drop-relay'>): void
  /** It is over. */
  dissolve(act: Act<'dissolve-coalition'>): void
  /**
   * An auditor loads these layers, and is linked to the seats, until the coalition is over or it is attached elsewhere. False where the coalition is
   * not there, or full.
   */
  attach(auditor: string, epoch: number, layers: LayerRange, ways: AuditorWays): boolean
  /** It is gone. */
  detach(auditor: string): void
}

/** What a coalition was told last, and who is linked to it beside its members. */
interface Told {
  readonly id: string
  readonly secretOf: SecretOf
  members: readonly string[]
  seats: readonly Seat[]
  /** Of each seat: to the members. */
  routes: ReadonlyArray<readonly LinkRoute[]>
  /** By auditor: each seat's way to it. */
  readonly auditors: Map<string, AuditorWays['back']>
}

type SecretOf = (a: string, b: string) => string

const secretBytes = 16
/** Peers that the hub lets signal each other in one coalition. */
const mostMembers = 72

export function createCoalitionTeller(hub: HubPort, entropy: Entropy, model: string): CoalitionTeller {
  /** By epoch. Secrets are kept here, past the swarm's state, so that no snapshot and no log can show them. */
  const rings = new Map<number, Told>()
  const assigned = (secretOf: SecretOf, self: string, routes: readonly LinkRoute[]): AssignedRoute[] =>
    routes.map(route => ({ ...route, secret: secretOf(self, route.peer) }))
  const tellMembers = ({ id, members, auditors }: Told): void => {
    hub.setCoalition(id, [...members, ...auditors.keys()])
  }
  const tellRoutes = (epoch: number, { secretOf, seats, routes, auditors }: Told): void => {
    seats.forEach(({ peer }, index) => {
      const ways = [...auditors.values()].flatMap(back => back[index] ?? [])
      const all = assigned(secretOf, peer, [...routes[index]!, ...ways])
      hub.command(peer, { type: 'routes-renewed', epoch, routes: all })
    })
  }
  const leave = (auditor: string, except: number | null): void => {
    for (const [epoch, told] of rings) {
      if (epoch === except || !told.auditors.delete(auditor)) continue
      tellMembers(told)
      tellRoutes(epoch, told)
    }
  }

  return {
    // Relays first: a seat's first datagram should not find one that does not know it yet.
    form: ({ id, epoch, seats, routes, relays, kvBudgetBytes, maxContext }) => {
      const members = [...seats.map(seat => seat.peer), ...relays.map(({ relay }) => relay)]
      hub.setCoalition(id, members)
      for (const { relay, members } of relays) {
        hub.command(relay, { type: 'assign-relay', epoch, coalition: id, members: [...members] })
      }
      const secretOf = drawSecrets(entropy)
      rings.set(epoch, { id, secretOf, members, seats, routes, auditors: new Map() })
      const shared = { epoch, coalition: id, model, seats: [...seats], maxContext }
      seats.forEach(({ seat, peer }, index) => {
        const own = { seat, routes: assigned(secretOf, peer, routes[index]!), kvBudgetBytes: kvBudgetBytes[index]! }
        hub.command(peer, { type: 'assign-slice', ...shared, ...own })
      })
    },
    // Seats before standbys: whoever calls first finds an end that expects it.
    renew: ({ id, epoch, joined, kvBudgetBytes, maxContext, members, seats, routes }) => {
      const known = rings.get(epoch) ?? { id, secretOf: drawSecrets(entropy), auditors: new Map() }
      const told: Told = { ...known, members, seats, routes }
      rings.set(epoch, told)
      // Auditors make room for standbys, the eldest first.
      for (const auditor of told.auditors.keys()) {
        if (members.length + told.auditors.size <= mostMembers) break
        told.auditors.delete(auditor)
      }
      tellMembers(told)
      tellRoutes(epoch, told)
      const shared = { epoch, coalition: id, model, maxContext }
      joined.forEach(({ peer, layers, routes }, index) => {
        const own = { layers, routes: assigned(told.secretOf, peer, routes), kvBudgetBytes: kvBudgetBytes[index]! }
        hub.command(peer, { type: 'prepare-slice', ...shared, ...own })
      })
    },
    dropRelay: ({ id, epoch, relay, remaining }) => {
      const told = rings.get(epoch)
      if (told === undefined) hub.setCoalition(id, remaining)
      else {
        told.members = remaining
        tellMembers(told)
      }
      endRelay(hub, relay, { id, epoch })
    },
    dissolve: ({ id, epoch, relays }) => {
      hub.setCoalition(id, [])
      for (const relay of relays) endRelay(hub, relay, { id, epoch })
      // They keep their layers: the next ring may need them.
      for (const auditor of rings.get(epoch)?.auditors.keys() ?? []) {
        hub.command(auditor, { type: 'routes-renewed', epoch, routes: [] })
      }
      rings.delete(epoch)
    },
    attach: (auditor, epoch, layers, { routes, back, kvBudgetBytes, maxContext }) => {
      const told = rings.get(epoch)
      if (told === undefined) return false
      if (!told.auditors.has(auditor) && told.members.length + told.auditors.size >= mostMembers) return false
      leave(auditor, epoch)
      told.auditors.set(auditor, back)
      tellMembers(told)
      tellRoutes(epoch, told)
      const own = { layers, routes: assigned(told.secretOf, auditor, routes), kvBudgetBytes, maxContext }
      hub.command(auditor, { type: 'prepare-slice', epoch, coalition: told.id, model, ...own })
      return true
    },
    detach: auditor => leave(auditor, null),
  }
}

/** The same for both ends of a pair. */
function drawSecrets(entropy: Entropy): SecretOf {
  const secrets = new Map<string, string>()
  return (a, b) => {
    const pair = a < b ? `${a} ${b}` : `${b} ${a}`
    const secret = secrets.get(pair) ?? Buffer.from(entropy.bytes(secretBytes)).toString('hex')
    secrets.set(pair, secret)
    return secret
  }
}

function endRelay(hub: HubPort, relay: string, { id, epoch }: { id: string; epoch: number }): void {
  hub.command(relay, { type: 'assign-relay', epoch, coalition: id, members: [] })
}
