import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { byChannels, byDaemon, createSwarmShell, type SwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
import { type LayerRange, tilesModel } from '../model/index.ts'
import { deskCommandSchema, type Reach } from '../wire/index.ts'
import { isRingDraining } from './coalition-links.ts'
import { partOf } from './coalitions.ts'
import { placeSwarm } from './place-swarm.ts'
import { isBarredHere } from './weights.ts'

const names = ['1', '2', '3', '4', '5', '6', '7', '8', '9'].map(shellPeer)
interface Told {
  readonly layers: LayerRange
  readonly kvBudgetBytes: number
}

/** Peers that do what they are told, in their own time, and come and go as a seed says. */
function createWorld(seed: number, isWeighed: boolean) {
  const random = createSeededRandom(seed)
  const below = (count: number): number => Math.floor(random.next() * count)
  const shell = createSwarmShell({ minSeats: 1 + below(2), maxRings: 1 + below(3), replanMs: 10_000 })
  /** What each holds on its shelf. */
  const shelves = new Map<string, Told>()
  const budgets = new Map<string, number>()
  let read = 0
  const isHere = (peer: string): boolean => shell.state().peers[peer] !== undefined
  const reachOf = (peer: string): Reach => (peer === names[8] ? byDaemon('9') : byChannels)

  const join = (peer: string): void => {
    const budget = budgets.get(peer) ?? 200 + below(900)
    budgets.set(peer, budget)
    const keeps = below(3) > 0
    if (!keeps) shelves.delete(peer)
    shell.join(peer, budget, 1 + below(5), reachOf(peer), keeps ? (shelves.get(peer)?.layers ?? null) : null)
  }
  const links = (peer: string, isOpen: boolean): void => {
    const own = shell.state().coalitions.find(({ seats }) => seats.some(seat => seat.peer === peer))
    if (own !== undefined) shell.links(peer, isOpen, 1 + below(60))
  }
  const work = (peer: string): void => {
    const tokensServed = below(1000)
    const stats = { requests: 0, stepMs: 1 + below(20), weightsBytes: 1, kvBytes: 1, tokensServed }
    shell.say(peer, { type: 'stats-reported', ...stats, isHidden: below(4) === 0 })
  }
  const drain = (): void => {
    const ring = shell.state().coalitions.find(coalition => isRingDraining(shell.state(), coalition))
    if (ring !== undefined) shell.happen({ type: 'ring-drained', epoch: ring.epoch })
  }
  const readActs = () => {
    const fresh = shell.acts.slice(read)
    read = shell.acts.length
    return fresh
  }
  const weigh = (peer: string): void => {
    const weight = [0, 0.02, 0.1, 0.4, 0.9][below(5)]!
    const wallet = peer.slice(0, 42)
    shell.happen({
      type: 'operators-weighed',
      weights: { [wallet]: weight },
      textHolders: weight > 0.5 ? [wallet] : [],
    })
    const other = names[below(names.length)]!.slice(0, 42)
    shell.happen({ type: 'boundary-broken', operators: [wallet, other], atMs: shell.state().nowMs })
  }
  const step = (): void => {
    const peer = names[below(names.length)]!
    if (isWeighed && below(15) === 0) weigh(peer)
    const chance = below(20)
    if (!isHere(peer)) {
      if (chance < 10) join(peer)
      else shell.advance(below(3000))
    } else if (chance < 1) shell.gone(peer)
    else if (chance < 2) shell.leave(peer)
    else if (chance < 3) shell.say(peer, { type: 'peer-draining' })
    else if (chance < 4) join(peer)
    else if (chance < 10) shell.sliceReady(peer)
    else if (chance < 14) links(peer, true)
    else if (chance < 15) links(peer, false)
    else if (chance < 17) work(peer)
    else if (chance < 18) drain()
    else shell.advance(below(4000))
  }
  return {
    shell,
    shelves,
    step,
    drain,
    isHere,
    links,
    readActs,
  }
}

/** What was told to whom: a slice that a peer holds already is told with the budget that it was loaded with. */
function hearActs(world: ReturnType<typeof createWorld>): void {
  const tell = (peer: string, told: Told): void => {
    const before = world.shelves.get(peer)
    const isSame = before?.layers.start === told.layers.start && before.layers.end === told.layers.end
    if (isSame) law(told.kvBudgetBytes === before.kvBudgetBytes, 'the same layers with another budget')
    world.shelves.set(peer, told)
  }
  for (const act of world.readActs()) {
    const secret = '0'.repeat(32)
    if (act.type === 'form-coalition') {
      for (const [index, { peer, layers }] of act.seats.entries()) {
        tell(peer, { layers, kvBudgetBytes: act.kvBudgetBytes[index]! })
      }
    }
    if (act.type === 'renew-standbys') {
      act.joined.forEach((standby, index) => {
        const told = { layers: standby.layers, kvBudgetBytes: act.kvBudgetBytes[index]! }
        tell(standby.peer, told)
        const routes = standby.routes.map(route => ({ ...route, secret }))
        const { epoch, id, maxContext } = act
        const command = { type: 'prepare-slice', epoch, coalition: id, model: 'm', ...told, routes, maxContext }
        law(deskCommandSchema.safeParse(command).success, 'not a command')
      })
      law(new Set(act.members).size === act.members.length, 'a member twice')
      for (const routes of act.routes) {
        const told = routes.map(route => ({ ...route, secret }))
        const command = { type: 'routes-renewed', epoch: act.epoch, routes: told }
        law(deskCommandSchema.safeParse(command).success, 'not a command')
      }
    }
    if (act.type === 'release-slice') world.shelves.delete(act.peer)
  }
}

/** Plain: it is asked a hundred thousand times. */
function law(holds: boolean, words: string): void {
  if (!holds) throw new Error(words)
}

function checkLaws(shell: SwarmShell): void {
  const state = shell.state()
  const parts: string[] = []
  const tiles = (seats: ReadonlyArray<{ readonly layers: LayerRange }>): boolean => {
    const ranges = seats.map(({ layers }) => layers)
    return tilesModel(ranges, state.config.placement.layers)
  }
  law(state.coalitions.length <= state.config.maxRings, 'too many rings')
  for (const { seats, standbys, status, successor } of state.coalitions) {
    law(status !== 'lost', 'a lost ring is left')
    law(tiles(seats), 'the seats do not tile the model')
    law(successor === null || tiles(successor), 'the successor does not tile the model')
    law(standbys.length <= state.config.maxStandbys, 'too many standbys')
    parts.push(...seats.map(({ peer }) => peer), ...standbys.map(({ peer }) => peer))
  }
  law(
    parts.every(peer => state.peers[peer] !== undefined),
    'somebody who is gone has a part',
  )
  law(!parts.some(peer => isBarredHere(state, peer)), 'somebody who is barred has a part')
  law(new Set(parts).size === parts.length, 'somebody has two parts')
}

describe('a swarm whose peers come and go', () => {
  it.each([
    ...Array.from({ length: 30 }, (_, seed) => [seed, 'alike'] as const),
    ...Array.from({ length: 20 }, (_, seed) => [seed, 'weighed'] as const),
  ])('keeps its laws, and serves when it is left alone, seed %i, all %s', (seed, how) => {
    const world = createWorld(seed, how === 'weighed')
    const { shell } = world
    for (let turn = 0; turn < 120; turn++) {
      world.step()
      hearActs(world)
      checkLaws(shell)
    }
    // Everybody does what was asked, and nothing else happens.
    for (let turn = 0; turn < 40; turn++) {
      for (const peer of names) {
        if (!world.isHere(peer) || !shell.state().coalitions.some(ring => partOf(ring, peer) !== null)) continue
        shell.sliceReady(peer)
        world.links(peer, true)
      }
      world.drain()
      shell.advance(1000)
      hearActs(world)
      checkLaws(shell)
    }
    const state = shell.state()
    const { status } = shell.view()
    expect(state.coalitions.every(ring => ring.status === 'ready')).toBe(true)
    if (status !== 'ready') expect(placeSwarm(state).kind).toBe('impossible')
    // Whoever holds a slice holds it for a ring.
    for (const { peer, isHolding } of Object.values(state.peers)) {
      if (isHolding) expect(state.coalitions.some(ring => partOf(ring, peer) !== null)).toBe(true)
    }
  })
})
