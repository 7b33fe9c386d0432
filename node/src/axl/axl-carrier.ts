/**
 * The datagram carrier over AXL: posts to the daemons that the routes name, polls the own one. What arrives is lost, doubled, late or
 * forged at the network's pleasure: sessions and order are the business of the layer above.
 */
import { createWayTable } from '@computepool/peer/sealed/way-table.ts'
import { decodeParcel, maxDatagramBytes } from '@computepool/shared/datagram'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock, DatagramCarrier } from '@computepool/shared/ports'
import type { LinkRoute, PeerId } from '@computepool/shared/wire'
import type { AxlClient, AxlMessage } from './axl-client.ts'
import { type AxlInboxCounts, openAxlInbox } from './axl-inbox.ts'
import type { AxlLimits } from './axl-limits.ts'
import { type AxlOutboxCounts, createAxlOutbox } from './axl-outbox.ts'
import { changedKeyInWords, watchDaemonKey } from './watch-daemon-key.ts'

export interface AxlCarrierOptions {
  readonly self: PeerId
  /** Closed with the carrier. */
  readonly client: AxlClient
  readonly clock: Clock
  /** What an operator should know, in a sentence: the daemon is down, or up again, or shared. */
  readonly onNotice?: (text: string) => void
  /** What others were told that the daemon's key is; looked at again after each outage, and now and then. */
  readonly key?: string
  /** It came back with another: who knows only the old one reaches nobody here. */
  readonly onKeyChanged?: (key: string) => void
  readonly limits?: Partial<AxlLimits>
}

export interface AxlCarrierCounts {
  readonly inbox: Readonly<AxlInboxCounts>
  readonly outbox: Readonly<AxlOutboxCounts>
  /** Datagrams handed to the layer above. */
  readonly arrived: number
  /** Messages that are no parcels. */
  readonly foreign: number
  /** Datagrams for another peer: a second program polls this daemon, or somebody errs. */
  readonly misdirected: number
}

export interface AxlCarrier extends DatagramCarrier {
  /** Takes the AXL ways of these routes, straight or through a relay's daemon, in their order, and forgets all others. */
  setRoutes(routes: readonly LinkRoute[]): void
  /** Messages that are no parcels: for another protocol behind the same daemon, whose one queue only this carrier may read. */
  onForeign(handler: (message: AxlMessage) => void): () => void
  /** While true an answer of that other protocol is expected soon. */
  setForeignBusy(isBusy: boolean): void
  readonly counts: AxlCarrierCounts
}

export function createAxlCarrier(options: AxlCarrierOptions): AxlCarrier {
  const { self, client, clock, onNotice = () => {} } = options
  const relayKeys = new Set<string>()
  const outbox = createAxlOutbox(client, options.limits, key => relayKeys.has(key))
  const handlers = new Set<(from: string, datagram: Uint8Array) => void>()
  const foreignHandlers = new Set<(message: AxlMessage) => void>()
  const busy = { own: false, foreign: false }
  const ways = createWayTable()
  const own = { arrived: 0, foreign: 0, misdirected: 0 }
  let isClosed = false

  const keyWatch =
    options.key === undefined
      ? null
      : watchDaemonKey({
          client,
          clock,
          key: options.key,
          onChanged(key) {
            onNotice(changedKeyInWords(client.url, key))
            options.onKeyChanged?.(key)
          },
        })
  const inbox = openAxlInbox({
    client,
    clock,
    ...(options.limits && { limits: options.limits }),
    onMessage: accept,
    onDown: error => onNotice(`${error.message} ${error.remedy} It is tried again.`),
    onUp() {
      onNotice(`The AXL daemon at ${client.url} answers again.`)
      keyWatch?.look()
    },
    onFault: error => onNotice(`A message from AXL could not be handled: ${error.message}`),
  })

  function accept(message: AxlMessage): void {
    const entries = decodeParcel(message.body)
    if (entries === null) {
      own.foreign += 1
      for (const handler of [...foreignHandlers]) handler(message)
      return
    }
    for (const { to, from, datagram } of entries) {
      if (to !== self) {
        own.misdirected += 1
        if (own.misdirected === 1) onNotice(sharedDaemon(client.url))
        continue
      }
      own.arrived += 1
      for (const handler of [...handlers]) handler(from, datagram)
    }
  }

  return {
    maxDatagramBytes,
    async post(to, datagram) {
      if (isClosed) throw closedCarrier()
      if (datagram.length > maxDatagramBytes) throw tooLarge(datagram.length)
      const key = ways.first(to)
      if (key === null) throw unrouted(to)
      inbox.stir()
      try {
        await outbox.post(key, { to: to as PeerId, from: self, datagram })
      } catch (fault) {
        // Only where the fault is the receiver's: with the own daemon down, every key fails alike.
        if (fault instanceof ComputePoolError && fault.context.key === key) ways.passOver(to, key)
        throw fault
      }
    },
    onDatagram(handler) {
      handlers.add(handler)
      return () => void handlers.delete(handler)
    },
    setBusy(isBusy) {
      busy.own = isBusy
      inbox.setBusy(busy.own || busy.foreign)
    },
    onForeign(handler) {
      foreignHandlers.add(handler)
      return () => void foreignHandlers.delete(handler)
    },
    setForeignBusy(isBusy) {
      busy.foreign = isBusy
      inbox.setBusy(busy.own || busy.foreign)
    },
    passOver(to) {
      const way = ways.first(to)
      if (way !== null) ways.passOver(to, way)
    },
    wayTo: to => ways.first(to),
    goBack: (to, way) => ways.goBack(to, way),
    setRoutes(routes) {
      const keysOf = ({ paths }: LinkRoute): string[] =>
        paths.flatMap(path => (path.kind !== 'webrtc' && path.key !== null ? [path.key] : []))
      relayKeys.clear()
      for (const { paths } of routes)
        for (const path of paths) if (path.kind === 'relay' && path.key !== null) relayKeys.add(path.key)
      ways.set(new Map(routes.map(route => [route.peer, keysOf(route)])))
    },
    get counts() {
      return { inbox: { ...inbox.counts }, outbox: { ...outbox.counts }, ...own }
    },
    async close() {
      if (isClosed) return
      isClosed = true
      keyWatch?.close()
      outbox.close()
      client.close()
      await inbox.close()
    },
  }
}

const sharedDaemon = (url: string): string =>
  `The AXL daemon at ${url} handed out a message for another peer. It has one queue: give each node and each bridge a daemon of its own.`

const unrouted = (peer: string): ComputePoolError =>
  new ComputePoolError('peer_unreachable', `No AXL daemon is known for ${peer}.`, {
    remedy: 'Wait for an assignment that links to it.',
    context: { peer },
  })

const tooLarge = (sizeBytes: number): ComputePoolError =>
  new ComputePoolError('peer_frame_too_large', `A datagram of ${sizeBytes} bytes exceeds ${maxDatagramBytes}.`, {
    remedy: 'Send smaller chunks.',
    context: { sizeBytes, limitBytes: maxDatagramBytes },
  })

const closedCarrier = (): ComputePoolError =>
  new ComputePoolError('peer_disconnected', 'This AXL carrier is closed.', {
    remedy: 'Nothing: it was closed on purpose.',
  })
