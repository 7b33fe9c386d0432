/** Tells a coalition's members their parts: seats, standbys, relays, and when it is over. It decides nothing and sees no answers. */

import type { Entropy } from '@computepool/shared/ports'
import type { SwarmAct } from '@computepool/shared/swarm'
import type { AssignedRoute, LinkRoute } from '@computepool/shared/wire'
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
}

type SecretOf = (a: string, b: string) => string

const secretBytes = 16

export function createCoalitionTeller(hub: HubPort, entropy: Entropy, model: string): CoalitionTeller {
  /** By epoch. Kept here, past the swarm's state, so that no snapshot and no log can show them. */
  const secrets = new Map<number, SecretOf>()
  const assigned = (secretOf: SecretOf, self: string, routes: readonly LinkRoute[]): AssignedRoute[] =>
    routes.map(route => ({ ...route, secret: secretOf(self, route.peer) }))

  return {
    // Relays first: a seat's first datagram should not find one that does not know it yet.
    form: ({ id, epoch, seats, routes, relays, kvBudgetBytes, maxContext }) => {
      hub.setCoalition(id, [...seats.map(seat => seat.peer), ...relays.map(({ relay }) => relay)])
      for (const { relay, members } of relays) {
        hub.command(relay, { type: 'assign-relay', epoch, coalition: id, members: [...members] })
      }
      const secretOf = drawSecrets(entropy)
      secrets.set(epoch, secretOf)
      const shared = { epoch, coalition: id, model, seats: [...seats], maxContext }
      seats.forEach(({ seat, peer }, index) => {
        const own = { seat, routes: assigned(secretOf, peer, routes[index]!), kvBudgetBytes: kvBudgetBytes[index]! }
        hub.command(peer, { type: 'assign-slice', ...shared, ...own })
      })
    },
    // Seats before standbys: whoever calls first finds an end that expects it.
    renew: ({ id, epoch, joined, kvBudgetBytes, maxContext, members, seats, routes }) => {
      hub.setCoalition(id, members)
      const secretOf = secrets.get(epoch) ?? drawSecrets(entropy)
      secrets.set(epoch, secretOf)
      seats.forEach(({ peer }, index) => {
        hub.command(peer, { type: 'routes-renewed', epoch, routes: assigned(secretOf, peer, routes[index]!) })
      })
      const shared = { epoch, coalition: id, model, maxContext }
      joined.forEach(({ peer, layers, routes }, index) => {
        const own = { layers, routes: assigned(secretOf, peer, routes), kvBudgetBytes: kvBudgetBytes[index]! }
        hub.command(peer, { type: 'prepare-slice', ...shared, ...own })
      })
    },
    dropRelay: ({ id, epoch, relay, remaining }) => {
      hub.setCoalition(id, remaining)
      endRelay(hub, relay, { id, epoch })
    },
    dissolve: ({ id, epoch, relays }) => {
      hub.setCoalition(id, [])
      for (const relay of relays) endRelay(hub, relay, { id, epoch })
      secrets.delete(epoch)
    },
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
