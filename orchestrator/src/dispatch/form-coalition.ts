/** Tells a new coalition's members their parts, and a relay that its part is over. It decides nothing and sees no answers. */
import type { SwarmAct } from '@computepool/shared/swarm'
import type { HubPort } from './hub-port.ts'

type FormCoalition = Extract<SwarmAct, { type: 'form-coalition' }>

/** Relays first: a seat's first datagram should not find one that does not know it yet. */
export function formCoalition(hub: HubPort, model: string, act: FormCoalition): void {
  const { id, epoch, seats, routes, relays, kvBudgetBytes, maxContext } = act
  hub.setCoalition(id, [...seats.map(seat => seat.peer), ...relays.map(({ relay }) => relay)])
  for (const { relay, members } of relays) {
    hub.command(relay, { type: 'assign-relay', epoch, coalition: id, members: [...members] })
  }
  const shared = { epoch, coalition: id, model, seats: [...seats], maxContext }
  seats.forEach(({ seat, peer }, index) => {
    const own = { seat, routes: [...routes[index]!], kvBudgetBytes: kvBudgetBytes[index]! }
    hub.command(peer, { type: 'assign-slice', ...shared, ...own })
  })
}

export function endRelay(hub: HubPort, relay: string, { id, epoch }: { id: string; epoch: number }): void {
  hub.command(relay, { type: 'assign-relay', epoch, coalition: id, members: [] })
}
