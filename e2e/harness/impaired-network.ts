/**
 * A distance between real WebRTC peers of one machine: their UDP packets pass sockets of this process, which delay, lose and pace them. The
 * peers learn of each other by these sockets' addresses alone, so that they have no other way. It reads signals and no packet.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import os from 'node:os'
import { hostClock } from '@computepool/peer/host.ts'
import { createSeededRandom } from '@computepool/shared/testing'
import type { LinkSignal, PeerId } from '@computepool/shared/wire'
import { createImpairedWay, type ImpairedWay, type Impairment, type WayCounts } from './impaired-way.ts'
import { candidateThrough, descriptionThrough } from './signals-through.ts'

export interface ImpairedNetwork {
  /** Passes `signal` on by `deliver`, with the network's addresses in place of the peers' own; in the order of the calls. */
  carry(from: PeerId, to: PeerId, signal: LinkSignal, deliver: (signal: LinkSignal) => void): void
  /** Both directions between all pairs, for packets sent from now on. */
  change(impairment: Partial<Impairment>): void
  /** What has passed from one peer to another. */
  counts(from: PeerId, to: PeerId): WayCounts
  /** UDP connections that were led through. */
  readonly connections: number
  close(): Promise<void>
}

interface Door {
  readonly socket: Socket
  readonly address: string
  readonly port: number
  /** Where the peer of this door sends from: known by its first packet. */
  peer: { readonly port: number; readonly address: string } | null
}

/** The two doors of one connection, by the peer that sends to each. */
type Doors = ReadonlyMap<PeerId, Door>

const none: WayCounts = { packets: 0, bytes: 0, lost: 0, overflowed: 0, arrived: 0 }

export function openImpairedNetwork(options: {
  readonly seed: number
  readonly impairment?: Partial<Impairment>
}): ImpairedNetwork {
  let impairment: Impairment = { oneWayMs: 0, lossRate: 0, bitsPerSecond: null, ...options.impairment }
  const host = outwardAddress()
  const ways = new Map<string, ImpairedWay>()
  const links = new Map<string, string>()
  const connections = new Map<string, Promise<Doors>>()
  const queues = new Map<string, Promise<void>>()
  let isClosed = false

  /** One for all connections of a pair: they share the line. */
  function way(from: PeerId, to: PeerId): ImpairedWay {
    const key = `${from} ${to}`
    const found = ways.get(key)
    if (found) return found
    const random = createSeededRandom(options.seed + ways.size)
    const made = createImpairedWay({ clock: hostClock, random, impairment })
    ways.set(key, made)
    return made
  }

  async function openDoors(one: PeerId, other: PeerId): Promise<Doors> {
    const [ofOne, ofOther] = await Promise.all([openDoor(host), openDoor(host)])
    join(ofOne, ofOther, way(one, other))
    join(ofOther, ofOne, way(other, one))
    return new Map([
      [one, ofOne],
      [other, ofOther],
    ])
  }

  /** Of the link that a signal is about, by whichever of its two numbers was heard before. */
  function linkOf(from: PeerId, to: PeerId, { link, toLink }: LinkSignal): string {
    const own = `${from} ${link} ${to}`
    const known = links.get(own) ?? (toLink === null ? undefined : links.get(`${to} ${toLink} ${from}`))
    links.set(own, known ?? own)
    return known ?? own
  }

  async function pass(from: PeerId, to: PeerId, signal: LinkSignal): Promise<LinkSignal | null> {
    if (signal.type === 'offer-wanted') return signal
    const key = `${linkOf(from, to, signal)} ${signal.lane ?? 0}`
    let opening = connections.get(key)
    if (!opening) {
      opening = openDoors(from, to)
      connections.set(key, opening)
    }
    // The receiver sends to its own door, and reaches the sender by it.
    const door = (await opening).get(to)!
    return signal.type === 'description' ? descriptionThrough(signal, door) : candidateThrough(signal, door)
  }

  return {
    carry(from, to, signal, deliver) {
      const key = `${from} ${to}`
      const passed = (queues.get(key) ?? Promise.resolve()).then(async () => {
        if (isClosed) return
        const rewritten = await pass(from, to, signal)
        if (rewritten !== null) deliver(rewritten)
      })
      queues.set(
        key,
        passed.catch(fault => console.error('A signal was not carried:', fault)),
      )
    },
    change(next) {
      impairment = { ...impairment, ...next }
      for (const one of ways.values()) one.change(impairment)
    },
    counts: (from, to) => ways.get(`${from} ${to}`)?.counts ?? none,
    get connections() {
      return connections.size
    },
    async close() {
      isClosed = true
      for (const one of ways.values()) one.close()
      for (const opening of connections.values()) {
        for (const { socket } of (await opening).values()) await new Promise<void>(done => socket.close(done))
      }
      connections.clear()
    },
  }
}

async function openDoor(host: string): Promise<Door> {
  // Bursts wait here while this process does something else.
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
  socket.bind(0, host)
  await once(socket, 'listening')
  // A peer that has closed its socket answers with an ICMP refusal.
  socket.on('error', () => {})
  return { socket, ...socket.address(), peer: null }
}

/** What arrives at `from` leaves by `to`, which is where the other peer expects it to come from. */
function join(from: Door, to: Door, way: ImpairedWay): void {
  from.socket.on('message', (packet, { address, port }) => {
    from.peer = { address, port }
    way.send(packet.length, () => {
      // A way that nobody has used from the other side leads nowhere yet: ICE asks again.
      if (to.peer !== null) to.socket.send(packet, to.peer.port, to.peer.address)
    })
  })
}

/** Not loopback: browsers bind to an outward address and cannot send from it to 127.0.0.1. */
function outwardAddress(): string {
  const all = Object.values(os.networkInterfaces()).flatMap(found => found ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1'
}
