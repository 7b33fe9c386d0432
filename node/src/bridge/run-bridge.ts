/**
 * A relay at work: joins the hub, takes an assignment, links to the members that have no AXL, polls the daemon for those that have, and
 * passes parcels between them. What may pass is the relay's business; sockets, links and the daemon are handed in.
 */

import type { RtcTransport } from '@computepool/peer/links/index.ts'
import { type HubClient, openHubClient, type SocketLike } from '@computepool/peer/runtime/hub-client.ts'
import type { PeerKey } from '@computepool/peer/runtime/peer-powers.ts'
import { type ComputePoolError, errorFromData } from '@computepool/shared/errors'
import type { Clock, Entropy } from '@computepool/shared/ports'
import { type DeskCommand, type PeerId, protocolVersion } from '@computepool/shared/wire'
import type { AxlClient } from '../axl/axl-client.ts'
import { type AxlInbox, openAxlInbox } from '../axl/axl-inbox.ts'
import { changedKeyInWords, type DaemonKeyWatch, watchDaemonKey } from '../axl/watch-daemon-key.ts'
import type { BridgeSnapshot, BridgeStatus } from './bridge-snapshot.ts'
import { createRelay, type RelayAssignment, type RelaySource } from './create-relay.ts'
import { createLinkPatience } from './link-patience.ts'
import { defaultRelayLimits, type RelayLimits } from './relay-limits.ts'
import { createRelayPumps } from './relay-pumps.ts'
import type { RelayRefusal } from './relay-refusal.ts'
import { throttleNotices } from './throttle-notices.ts'
import { viewMembers } from './view-members.ts'

export interface BridgePowers {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly key: PeerKey
  readonly agent: string
  /** Origin of the orchestrator: no other pool's challenge is signed. Null: not known. */
  readonly pageUrl: string | null
  readonly openSocket: () => SocketLike
  /** Frames of these links are parcels: its `maxFrameBytes` is theirs. */
  readonly openLinks: (self: PeerId) => RtcTransport
  /** Null: a relay between tabs that cannot reach each other. Closed with the bridge. */
  readonly axl: { readonly client: AxlClient; readonly key: string } | null
  readonly tell: (snapshot: BridgeSnapshot) => void
  /** What an operator should know, in a sentence. */
  readonly onNotice: (text: string) => void
  /** Each refusal, as it happens: for tests. */
  readonly onRefused?: (refusal: RelayRefusal) => void
  readonly limits?: Partial<RelayLimits>
}

export interface RunningBridge {
  snapshot(): BridgeSnapshot
  /** Asks the desk to do without it, waits until what runs through it has ended, `deadlineMs` at most, and leaves. */
  drain(deadlineMs: number): Promise<void>
  /** Tells the desk, then closes everything. Idempotent. */
  leave(): Promise<void>
}

/** The daemon of a relay at work is looked at at least so often: a peer's first message after a silence waits for it. */
const idlePollMs = 20

/** Joins at once. */
export function runBridge(powers: BridgePowers): RunningBridge {
  const { clock, entropy, key, axl } = powers
  const limits = { ...defaultRelayLimits, ...powers.limits }
  const suffix = Array.from(entropy.bytes(4), byte => byte.toString(16).padStart(2, '0')).join('')
  const self: PeerId = `${key.address}.${suffix}`
  const relay = createRelay(limits)
  const links = powers.openLinks(self)
  const notice = throttleNotices(powers.onNotice, clock)
  const shutOut = new Set<PeerId>()
  const patience = createLinkPatience(limits)
  let status: BridgeStatus = 'connecting'
  let error: ComputePoolError | null = null
  let assignment: RelayAssignment | null = null
  let axlSendMs: number | null = null
  let toldReport = ''
  let axlKey = axl?.key ?? null
  let socket: SocketLike | null = null
  let busyUntilMs: number | null = null
  let inbox: AxlInbox | null = null
  let keyWatch: DaemonKeyWatch | null = null
  let leaving: Promise<void> | null = null
  let released: (() => void) | null = null

  const pumps = createRelayPumps({
    relay,
    sendByLink: (peer, parcel) => links.send(peer, parcel),
    async sendByAxl(daemon, parcel) {
      const startMs = clock.monotonicMs()
      await axl?.client.send(daemon, parcel)
      axlSendMs = clock.monotonicMs() - startMs
    },
    onLost(member, fault) {
      // What is on its way when the bridge closes its own links and daemon is no fault of theirs.
      if (leaving === null) notice(`lost ${member.peer}`, `A parcel for ${member.peer} was lost: ${fault.message}`)
    },
  })

  function accept(source: RelaySource, bytes: Uint8Array): void {
    const { wake, refusals } = relay.accept(source, bytes, clock.monotonicMs())
    pumps.wake(wake)
    if (wake.length > 0) stayBusy()
    for (const refusal of refusals) {
      powers.onRefused?.(refusal)
      notice(`${refusal.code} ${refusal.member}`, refusal.message)
      if (source.kind === 'link') judgeLink(source.peer, refusal.sizeBytes)
    }
  }

  /** What was passed on is answered soon, and each look at the daemon that comes late is a token that comes late. */
  function stayBusy(): void {
    const wasBusy = busyUntilMs !== null
    busyUntilMs = clock.monotonicMs() + limits.busyMs
    if (wasBusy || inbox === null) return
    inbox.setBusy(true)
    const rest = (): void => {
      const leftMs = (busyUntilMs ?? 0) - clock.monotonicMs()
      if (leftMs > 0 && leaving === null) cancelRest = clock.schedule(leftMs, rest)
      else {
        busyUntilMs = null
        inbox?.setBusy(false)
      }
    }
    cancelRest = clock.schedule(limits.busyMs, rest)
  }

  /** A link cannot be told to send less: one that goes on and on is closed, until the next assignment. */
  function judgeLink(peer: PeerId, refusedBytes: number): void {
    if (!patience.isWornOut(peer, refusedBytes, clock.monotonicMs()) || shutOut.has(peer)) return
    shutOut.add(peer)
    powers.onNotice(`${peer} is shut out: too much of what it sent was refused.`)
    linkMembers()
  }

  function linkMembers(): void {
    const linked = relay.members.filter(({ peer, axl: daemon }) => daemon === null && !shutOut.has(peer))
    // Both ends must agree on who offers.
    links.setPeers(
      linked.map(({ peer }) => ({ peer, isInitiator: self < peer })),
      assignment?.epoch ?? 0,
    )
  }

  function take(next: RelayAssignment | null): void {
    if (next === null || next.epoch !== assignment?.epoch) {
      shutOut.clear()
      patience.forget()
    }
    assignment = next
    relay.assign(next ?? { epoch: 0, members: [] })
    linkMembers()
    const unreachable = relay.members.filter(member => member.axl !== null && axl === null)
    for (const { peer } of unreachable)
      notice(`no axl ${peer}`, `${peer} is behind AXL, and this bridge has no daemon.`)
    inbox?.stir()
    setStatus(relay.members.length > 0 ? 'relaying' : 'waiting')
  }

  /** A coalition ends for those that still work for it. */
  const isOwn = ({ epoch, coalition }: RelayAssignment): boolean =>
    epoch === assignment?.epoch && coalition === assignment.coalition

  function obey(command: DeskCommand): void {
    switch (command.type) {
      case 'model-offered':
        links.setIceServers(command.iceServers)
        if (assignment === null) setStatus('waiting')
        break
      case 'ice-servers-renewed':
        links.setIceServers(command.iceServers)
        break
      case 'assign-relay':
        if (command.members.length > 0 || isOwn(command)) take(command)
        break
      case 'release-slice':
        released?.()
        break
      case 'peer-refused':
        fail(errorFromData(command.error))
        break
      default:
        // Everything else is for those who hold a slice.
        break
    }
  }

  function setStatus(next: BridgeStatus): void {
    status = next
    powers.tell(snapshot())
  }

  function fail(fault: ComputePoolError): void {
    if (leaving !== null) return
    error = fault
    leaving = closeAll('failed')
  }

  async function closeAll(end: 'failed' | 'left'): Promise<void> {
    cancelReport()
    cancelRest()
    keyWatch?.close()
    hub.send({ type: 'peer-leaving' })
    relay.assign({ epoch: 0, members: [] })
    await links.close()
    axl?.client.close()
    await inbox?.close()
    hub.close()
    setStatus(end)
  }

  function report(): void {
    cancelReport = clock.schedule(limits.reportEveryMs, report)
    if (assignment === null || assignment.members.length === 0) return
    powers.tell(snapshot())
    const members = [...relay.report()]
    const text = JSON.stringify([assignment.epoch, members])
    if (text === toldReport) return
    if (hub.send({ type: 'relay-reported', epoch: assignment.epoch, members })) toldReport = text
  }

  function snapshot(): BridgeSnapshot {
    return {
      status,
      peer: self,
      coalition: assignment !== null && assignment.members.length > 0 ? assignment.coalition : null,
      members: viewMembers(relay, links.links(), axl !== null),
      sentParcels: pumps.counts.sent,
      lostParcels: pumps.counts.lost,
      axlSendMs,
      error: error?.toJSON() ?? null,
    }
  }

  links.onFrame((peer, frame) => accept({ kind: 'link', peer: peer as PeerId }, frame))
  links.onSignal((to, signal) => hub.signal(to, signal))
  links.onLink(event => {
    if (event.type !== 'link-closed' || leaving !== null) return
    const wasRefused = event.error.code === 'peer_frame_too_large' || event.error.code === 'peer_frame_invalid'
    if (wasRefused) {
      const sizeBytes = Number(event.error.context.sizeBytes ?? 0)
      relay.noteRefused(event.peer as PeerId, sizeBytes)
      judgeLink(event.peer as PeerId, sizeBytes)
      powers.onRefused?.({
        code: event.error.code as 'peer_frame_invalid',
        member: event.peer as PeerId,
        sizeBytes,
        message: event.error.message,
      })
    }
    if (relay.members.some(({ peer }) => peer === event.peer))
      powers.onNotice(`The link to ${event.peer} is closed: ${event.error.message}`)
  })
  if (axl !== null) {
    const { client } = axl
    const watch = watchDaemonKey({
      client,
      clock,
      key: axl.key,
      onChanged(key) {
        powers.onNotice(changedKeyInWords(client.url, key))
        axlKey = key
        // The next welcome tells the desk where this relay is now, and the desk the members.
        socket?.close()
      },
    })
    keyWatch = watch
    inbox = openAxlInbox({
      client,
      clock,
      limits: { idlePollMs },
      onMessage: ({ body, senderHint }) => accept({ kind: 'axl', senderHint }, body),
      onDown: fault => powers.onNotice(`${fault.message} ${fault.remedy} It is tried again.`),
      onUp() {
        powers.onNotice(`The AXL daemon at ${client.url} answers again.`)
        watch.look()
      },
      onFault: fault => notice('fault', `A message from AXL could not be handled: ${fault.message}`),
    })
  }
  let cancelRest = (): void => {}
  let cancelReport = clock.schedule(limits.reportEveryMs, report)
  const hub: HubClient = openHubClient({
    peer: self,
    pageUrl: powers.pageUrl,
    openSocket() {
      socket = powers.openSocket()
      return socket
    },
    sign: message => key.sign(message),
    clock,
    entropy,
    onWelcome() {
      error = null
      toldReport = ''
      // Who drained before the break has nothing to wait for.
      released?.()
      // What it passed on before a break was planned anew meanwhile.
      take(null)
      hub.send({
        type: 'peer-joined',
        version: protocolVersion,
        agent: powers.agent.slice(0, 300),
        role: 'relay',
        reach: { webrtc: true, axl: axlKey },
      })
    },
    onCommand: obey,
    onSignal: (from, signal) => links.handleSignal(from as PeerId, signal),
    onBroken(fault) {
      // The members' own connections may stand: it goes on passing what its last assignment allows.
      error = fault
      setStatus(relay.members.length > 0 ? 'relaying' : 'connecting')
    },
    onRefused: fail,
  })
  setStatus('connecting')

  function leave(): Promise<void> {
    leaving ??= closeAll('left')
    return leaving
  }

  return {
    snapshot,
    leave,
    async drain(deadlineMs) {
      if (leaving === null && hub.send({ type: 'peer-draining' })) {
        await new Promise<void>(resolve => {
          const cancel = clock.schedule(deadlineMs, resolve)
          released = () => {
            cancel()
            resolve()
          }
        })
      }
      await leave()
    },
  }
}
