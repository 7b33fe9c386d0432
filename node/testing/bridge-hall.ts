/**
 * All that a bridge needs around it, for tests: a real hub over real sockets whose desk is the test, AXL daemons (stand-ins), peers with
 * links by node-datachannel or by AXL only. Whoever is in it is real but the daemons and the desk.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import { type HubClient, openHubClient } from '@computepool/peer/runtime/hub-client.ts'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import { createSealedTransport, type SealedTransport } from '@computepool/peer/sealed/index.ts'
import { createRelayCarrier, type RelayCarrier } from '@computepool/peer/sealed/relay-carrier.ts'
import { maxParcelBytes } from '@computepool/shared/datagram'
import {
  type DeskCommand,
  type DeskRequest,
  type LinkRoute,
  type PeerId,
  protocolVersion,
} from '@computepool/shared/wire'
import { attachSignaling, createSignalingHub, verifySignature } from '@computepool/signaling'
import { type AxlCarrier, createAxlCarrier } from '../src/axl/axl-carrier.ts'
import { createAxlClient } from '../src/axl/axl-client.ts'
import type { BridgeSnapshot } from '../src/bridge/bridge-snapshot.ts'
import type { RelayLimits } from '../src/bridge/relay-limits.ts'
import type { RelayRefusal } from '../src/bridge/relay-refusal.ts'
import { type RunningBridge, runBridge } from '../src/bridge/run-bridge.ts'
import { createNodeRtc, type NodeRtc } from '../src/links/node-rtc.ts'
import { openSocket } from '../src/operator/open-socket.ts'
import { type AxlStandIn, type AxlStandInDaemon, type AxlStandInOptions, startAxlStandIn } from './axl-stand-in.ts'

export interface HallBridge {
  readonly running: RunningBridge
  readonly peer: PeerId
  readonly daemon: AxlStandInDaemon
  readonly refusals: readonly RelayRefusal[]
  readonly notices: readonly string[]
}

/** A peer with sealed links, by data channel to the relay or by its own daemon. */
export interface HallPeer {
  readonly peer: PeerId
  readonly sealed: SealedTransport
  /** Null behind AXL. */
  readonly rtc: NodeRtc | null
  readonly relayCarrier: RelayCarrier | null
  readonly daemon: AxlStandInDaemon | null
  readonly axlCarrier: AxlCarrier | null
}

export interface Hall {
  readonly overlay: AxlStandIn
  readonly heard: readonly { readonly peer: PeerId; readonly request: DeskRequest }[]
  readonly gone: readonly PeerId[]
  readonly url: string
  openBridge(limits?: Partial<RelayLimits>): Promise<HallBridge>
  openTab(): Promise<HallPeer>
  openNode(): Promise<HallPeer>
  command(peer: PeerId, command: DeskCommand): void
  /** Puts peers and bridge together, every pair through the bridge, and waits until all sealed links are open. */
  assemble(bridge: HallBridge, peers: readonly HallPeer[], epoch: number): Promise<void>
  /** Settles when the condition holds; looks whenever the event loop turns. */
  until(isTrue: () => boolean): Promise<void>
  close(): Promise<void>
}

export async function openHall(axl: AxlStandInOptions = {}): Promise<Hall> {
  const overlay = startAxlStandIn(axl)
  const heard: { peer: PeerId; request: DeskRequest }[] = []
  const gone: PeerId[] = []
  const closers: (() => Promise<unknown> | undefined)[] = []
  const hub = createSignalingHub({
    clock: hostClock,
    entropy: hostEntropy,
    domain: { domain: 'hall.test', uri: 'http://hall.test', chainId: 1 },
    verifySignature,
    desk: {
      peerConnected() {},
      peerRequest: (peer, request) => void heard.push({ peer, request }),
      peerGone: peer => void gone.push(peer),
    },
  })
  const server = createServer()
  const attached = attachSignaling(server, hub)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const newKey = () => keyOfSecret(`0x${Buffer.from(hostEntropy.bytes(32)).toString('hex')}`)

  async function until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise(resolve => setTimeout(resolve, 2))
  }

  async function openPeer(behindAxl: boolean): Promise<HallPeer> {
    const key = newKey()
    const peer: PeerId = `${key.address}.00000001`
    const sealed = createSealedTransport({ self: peer, key, clock: hostClock, entropy: hostEntropy })
    const daemon = behindAxl ? await overlay.startDaemon() : null
    const rtc = behindAxl ? null : createNodeRtc({ self: peer, clock: hostClock })
    const client: HubClient = openHubClient({
      peer,
      openSocket: () => openSocket(url),
      sign: message => key.sign(message),
      clock: hostClock,
      entropy: hostEntropy,
      onWelcome() {
        const reach = { webrtc: rtc !== null, axl: daemon?.key ?? null }
        client.send({ type: 'peer-joined', version: protocolVersion, agent: 'test', role: 'operator', reach })
      },
      onCommand() {},
      onSignal: (from, signal) => rtc?.handleSignal(from as PeerId, signal),
      onBroken() {},
      onRefused() {},
    })
    rtc?.onSignal((to, signal) => client.signal(to, signal))
    const relayCarrier = rtc && createRelayCarrier({ self: peer, links: rtc })
    const axlCarrier =
      daemon && createAxlCarrier({ self: peer, client: createAxlClient({ url: daemon.url }), clock: hostClock })
    closers.push(async () => {
      await sealed.close()
      await Promise.all([relayCarrier?.close(), axlCarrier?.close(), rtc?.close()])
      client.close()
    })
    await until(() => heard.some(event => event.peer === peer))
    return { peer, sealed, rtc, relayCarrier, daemon, axlCarrier }
  }

  return {
    overlay,
    heard,
    gone,
    url,
    until,
    openTab: () => openPeer(false),
    openNode: () => openPeer(true),
    command: (peer, command) => void hub.command(peer, command),
    async openBridge(limits = {}) {
      const daemon = await overlay.startDaemon()
      const refusals: RelayRefusal[] = []
      const notices: string[] = []
      let snapshot: BridgeSnapshot | null = null
      const running = runBridge({
        clock: hostClock,
        entropy: hostEntropy,
        key: newKey(),
        agent: 'test bridge',
        pageUrl: null,
        openSocket: () => openSocket(url),
        openLinks: self => createNodeRtc({ self, clock: hostClock, limits: { maxFrameBytes: maxParcelBytes } }),
        axl: { client: createAxlClient({ url: daemon.url, maxReceiveBytes: maxParcelBytes }), key: daemon.key },
        tell: told => {
          snapshot = told
        },
        onNotice: text => notices.push(text),
        onRefused: refusal => refusals.push(refusal),
        limits: { reportEveryMs: 20, ...limits },
      })
      closers.push(() => running.leave())
      const peer = (): PeerId | null => (snapshot as BridgeSnapshot | null)?.peer ?? null
      await until(() => heard.some(event => event.peer === peer()))
      return { running, peer: peer()!, daemon, refusals, notices }
    },
    async assemble(bridge, peers, epoch) {
      hub.setCoalition('hall', [bridge.peer, ...peers.map(({ peer }) => peer)])
      hub.command(bridge.peer, {
        type: 'assign-relay',
        epoch,
        coalition: 'hall',
        members: peers.map(({ peer, daemon }) => ({ peer, axl: daemon?.key ?? null })),
      })
      for (const self of peers) {
        const key = self.daemon ? bridge.daemon.key : null
        const routes: LinkRoute[] = peers
          .filter(other => other !== self)
          .map(({ peer }) => ({ peer, paths: [{ kind: 'relay', via: bridge.peer, key }] }))
        self.relayCarrier?.setRoutes(routes)
        self.axlCarrier?.setRoutes(routes)
        self.rtc?.setPeers([{ peer: bridge.peer, isInitiator: self.peer < bridge.peer }], epoch)
        const carrier = (self.relayCarrier ?? self.axlCarrier)!
        self.sealed.setRoutes({
          epoch,
          routes: routes.map(({ peer }) => ({ peer, kind: 'relay', secret: '5e'.repeat(16), carrier })),
        })
      }
      await until(() => peers.every(({ sealed }) => sealed.links().every(({ isOpen }) => isOpen)))
    },
    async close() {
      for (const close of closers.splice(0).reverse()) await close()
      await overlay.close()
      await attached.close()
      server.close()
      await once(server, 'close')
    },
  }
}
