/** Tells a new coalition's members their parts, and a relay that its part is over. It decides nothing and sees no answers. */

import type { Entropy } from '@computepool/shared/ports'
import type { SwarmAct } from '@computepool/shared/swarm'
import type { HubPort } from './hub-port.ts'

type FormCoalition = Extract<SwarmAct, { type: 'form-coalition' }>

const secretBytes = 16

/** Relays first: a seat's first datagram should not find one that does not know it yet. */
export function formCoalition(hub: HubPort, entropy: Entropy, model: string, act: FormCoalition): void {
  const { id, epoch, seats, routes, relays, kvBudgetBytes, maxContext } = act
  hub.setCoalition(id, [...seats.map(seat => seat.peer), ...relays.map(({ relay }) => relay)])
  for (const { relay, members } of relays) {
    hub.command(relay, { type: 'assign-relay', epoch, coalition: id, members: [...members] })
  }
  const shared = { epoch, coalition: id, model, seats: [...seats], maxContext }
  const secretOf = drawSecrets(entropy)
  seats.forEach(({ seat, peer }, index) => {
    const own = {
      seat,
      routes: routes[index]!.map(route => ({ ...route, secret: secretOf(peer, route.peer) })),
      kvBudgetBytes: kvBudgetBytes[index]!,
    }
    hub.command(peer, { type: 'assign-slice', ...shared, ...own })
  })
}

/** The same for both ends of a pair. They are drawn here, past the swarm's state, so that no snapshot and no log can show them. */
function drawSecrets(entropy: Entropy): (a: string, b: string) => string {
  const secrets = new Map<string, string>()
  return (a, b) => {
    const pair = a < b ? `${a} ${b}` : `${b} ${a}`
    const secret = secrets.get(pair) ?? Buffer.from(entropy.bytes(secretBytes)).toString('hex')
    secrets.set(pair, secret)
    return secret
  }
}

export function endRelay(hub: HubPort, relay: string, { id, epoch }: { id: string; epoch: number }): void {
  hub.command(relay, { type: 'assign-relay', epoch, coalition: id, members: [] })
}
