/**
 * The peer runtime of one tab or headless node: joins, measures itself, takes what slice it is given, serves, drains, leaves. It shows
 * itself as snapshots and obeys its host's commands; all that touches the host is handed in.
 */
import { asComputePoolError, ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import { type DeskCommand, type DeskRequest, protocolVersion } from '@computepool/shared/wire'
import { createVerifiedStore, type VerifiedStore } from '../artifacts/verified-store.ts'
import { type Accepted, acceptOffer, capabilityOf } from './accept-offer.ts'
import { type AuditDuty, createAuditDuty } from './audit-duty.ts'
import { createEngineShelf } from './engine-shelf.ts'
import { type HeldSlice, holdSlice, notServing } from './hold-slice.ts'
import { type HubClient, openHubClient } from './hub-client.ts'
import { type OpenSessionKey, openSessionKey } from './open-session-key.ts'
import type { Assignment, Offer, PeerPowers, PeerTransport, Preparation } from './peer-powers.ts'
import type { JoinOptions } from './peer-snapshot.ts'
import { createTermsSigner, type HeldWork, type TermsSigner } from './sign-terms.ts'
import { createSliceProver, type SliceProver } from './slice-prover.ts'
import { createSnapshotBox, idleSnapshot, noSlice } from './snapshot-box.ts'

export interface RunningPeer {
  pauseDownload(): void
  resumeDownload(): void
  /**
   * Takes no new work, finishes what runs, and leaves: when the desk has no more use for it, or after `deadlineMs`. Resolves when it has
   * left; `leave` meanwhile ends it at once.
   */
  drain(deadlineMs: number): Promise<void>
  /** Tells the desk, ends what runs, closes everything. Idempotent. */
  leave(): Promise<void>
}

/** How long links outlive the connection to the hub: a ring that is formed again of the same peers goes on over them. */
const linksWithoutHubMs = 60_000

/** Joins the pool at once. */
export function runPeer(powers: PeerPowers, options: JoinOptions): RunningPeer {
  const { clock, entropy } = powers
  const box = createSnapshotBox(clock, powers.tell)
  const shelf = createEngineShelf(error => {
    // The pipeline hears of it in this turn too, and has the first word: why its requests end.
    queueMicrotask(() => {
      if (abort.signal.aborted) return
      // Whoever comes instead has another id: nobody is to wait for this one.
      send({ type: 'peer-leaving' })
      powers.onEngineLost(error.toJSON())
    })
  })
  const abort = new AbortController()
  let hub: HubClient | null = null
  let self = ''
  let transport: PeerTransport | null = null
  let store: VerifiedStore | null = null
  let sessionKey: OpenSessionKey | null = null
  let audit: AuditDuty | null = null
  let prover: SliceProver | null = null
  /** Welcomes: a join that another overtook is not told. */
  let welcomes = 0
  let accepted: Accepted | null = null
  let held: HeldSlice | null = null
  let termsSigner: TermsSigner | null = null
  /** What its wallet works on, of a seat; a standby stakes nothing yet. */
  let work: HeldWork | null = null
  /** Of the last assignment, while its links stand. */
  let linkedEpoch: number | null = null
  /** Since the first break after it. */
  let unlinkTimer: (() => void) | null = null
  /** Assignments take effect one after another: the slice before must have let go of its memory. */
  let turn: Promise<void> = Promise.resolve()

  const send = (request: DeskRequest): void => void hub?.send(request)

  async function start(): Promise<void> {
    box.set({ ...idleSnapshot, status: 'connecting', memoryBudgetBytes: options.memoryBudgetBytes })
    const key = await powers.openKey()
    const suffix = Array.from(entropy.bytes(4), byte => byte.toString(16).padStart(2, '0')).join('')
    self = `${key.address}.${suffix}`
    const { ed25519 } = powers
    sessionKey = openSessionKey({ clock, entropy, ed25519, peer: self, sign: message => key.sign(message) })
    const { mostStakeAtomic } = options
    const settings = { ...powers.stake, ...(mostStakeAtomic === undefined ? {} : { mostStakeAtomic }) }
    termsSigner = createTermsSigner({ key, clock, settings })
    const storages = await powers.openStorages()
    abort.signal.throwIfAborted()
    store = createVerifiedStore({
      storages,
      fetchBytes: powers.fetchBytes,
      clock,
      onFallback: error => box.set({ error: error.toJSON() }),
    })
    transport = powers.openTransport(self, key)
    transport.onSignal((to, signal) => hub?.signal(to, signal))
    const spare = () => {
      const engine = held?.isSpare === true ? held.engine() : null
      if (engine === null || accepted === null) return null
      return { engine, manifest: accepted.manifest, manifestSha256: accepted.offer.manifestSha256 }
    }
    audit = createAuditDuty({ powers, transport, send, isSpare: () => held?.isSpare === true, spare })
    prover = createSliceProver({ powers, signer: sessionKey, send, spare })
    box.set({ peer: self })
    hub = openHubClient({
      peer: self,
      pageUrl: powers.pageUrl,
      openSocket: powers.openSocket,
      sign: message => key.sign(message),
      clock,
      entropy,
      onWelcome: pool => {
        box.set({ status: 'connecting', error: null })
        join(pool).catch(fail)
      },
      onCommand: command => obey(command),
      onSignal: (from, signal) => transport?.handleSignal(from, signal),
      onBroken: error => {
        // Whoever waits to go has nobody left to wait for.
        if (isDraining) return void leave()
        // The desk takes the tab for gone; what it holds is planned anew after the next welcome.
        queue(dropSlice)
        unlinkTimer ??= clock.schedule(linksWithoutHubMs, () => queue(async () => unlink()))
        box.set({ status: 'connecting', error: error.toJSON() })
      },
      onRefused: fail,
    })
  }

  async function join(pool: string): Promise<void> {
    welcomes += 1
    const welcome = welcomes
    const vouched = await sessionKey!.vouchedFor(pool)
    if (welcome !== welcomes || leaving !== null || abort.signal.aborted) return
    send({
      type: 'peer-joined',
      version: protocolVersion,
      agent: powers.agent.slice(0, 300),
      role: options.role ?? 'operator',
      reach: powers.reach,
      ...holding(),
      sessionKey: vouched,
    })
  }

  function fail(thrown: unknown): void {
    if (abort.signal.aborted) return
    giveUp(asComputePoolError(thrown, 'bug_unreachable_state').toJSON())
  }

  /** Shows why, and lets go of all: whoever joins again starts anew. */
  function giveUp(error: ErrorData): void {
    abort.abort(new Error('The peer failed.'))
    box.set({ status: 'failed', error, downloadBytesPerSecond: null })
    turn = turn.then(closeAll).catch(() => {})
  }

  async function closeAll(): Promise<void> {
    keepLinks()
    await held?.close()
    await audit?.close()
    await prover?.release()
    await transport?.close()
    await shelf.clear()
    hub?.close()
  }

  function queue(task: () => Promise<void>): void {
    turn = turn.then(task).catch(fail)
  }

  function obey(command: DeskCommand): void {
    switch (command.type) {
      case 'model-offered':
        transport?.setIceServers(command.iceServers)
        accept(command).catch(fail)
        break
      case 'ice-servers-renewed':
        transport?.setIceServers(command.iceServers)
        break
      case 'assign-slice':
      case 'prepare-slice':
        // The ring it was finishing for is gone: this one would be begun only to be left.
        if (isDraining) return void leave()
        // Stops at once what the older assignment still loads.
        void held?.close()
        queue(() => takeSlice(command))
        break
      case 'routes-renewed':
        queue(async () => {
          if (held?.epoch === command.epoch) held.renewRoutes(command.routes)
        })
        break
      case 'release-slice':
        if (isDraining && (held === null || held.epoch <= command.epoch)) return void leave()
        queue(async () => {
          if (held === null || held.epoch > command.epoch) return
          await dropSlice()
          unlink()
          await shelf.clear()
          box.set({ status: 'waiting-for-slice' })
        })
        break
      case 'run-request':
        if (held?.epoch === command.epoch) held.submit(command.job)
        else send({ type: 'request-failed', requestId: command.job.requestId, error: notServing(command.epoch) })
        break
      case 'hand-over':
      case 'run-check':
      case 'judge-evidence':
      case 'drop-check':
        audit?.obey(command)
        break
      case 'prove-slice':
      case 'drop-proof':
        prover?.obey(command)
        break
      case 'cancel-request':
        held?.cancel(command.requestId)
        break
      case 'terms-offered':
        termsSigner?.answer(command, work).then(send).catch(fail)
        break
      case 'stake-told': {
        termsSigner?.told(command).catch(() => {})
        const { type: _, ...stake } = command
        box.set({ stake })
        break
      }
      case 'standing-told': {
        const { type: _, ...standing } = command
        box.set({ standing })
        break
      }
      case 'peer-refused': {
        const { code, message, remedy, context } = command.error
        fail(asComputePoolError(new ComputePoolError(code as 'engine_failed', message, { remedy, context })))
        break
      }
    }
  }

  async function accept(offer: Offer): Promise<void> {
    if (store === null) return
    if (accepted?.offer.manifestSha256 !== offer.manifestSha256)
      accepted = await acceptOffer({ powers, engine: options.engine, store, box, signal: abort.signal }, offer)
    const capability = capabilityOf(accepted, options.memoryBudgetBytes)
    box.set({ status: 'waiting-for-slice' })
    send({ type: 'capability-reported', model: offer.model, capability })
  }

  async function takeSlice(assignment: Assignment | Preparation): Promise<void> {
    await dropSlice()
    if (abort.signal.aborted || accepted === null || store === null || transport === null) return
    if (sessionKey === null || audit === null) return
    if (assignment.type === 'assign-slice' && assignment.seats[assignment.seat]?.peer !== self)
      throw new ComputePoolError(
        'bug_unreachable_state',
        `Seat ${assignment.seat} of the assignment is not this peer's.`,
      )
    const { offer, packUrl, places, manifest, choice } = accepted
    const engineKind = choice.kind
    work = assignment.type === 'assign-slice' ? workOf(self, assignment, accepted) : null
    keepLinks()
    linkedEpoch = assignment.epoch
    held = holdSlice(
      {
        powers,
        self,
        offer,
        packUrl,
        places,
        manifest,
        engineKind,
        store,
        transport,
        shelf,
        box,
        send,
        signer: sessionKey,
        keeper: audit.kept,
        onFailed: giveUp,
      },
      assignment,
    )
  }

  async function dropSlice(): Promise<void> {
    const dropped = held
    held = null
    work = null
    await audit?.release()
    await prover?.release()
    await dropped?.close()
    box.set(noSlice)
  }

  function keepLinks(): void {
    unlinkTimer?.()
    unlinkTimer = null
  }

  /** Without an assignment nobody is to be pinged or polled for. */
  function unlink(): void {
    keepLinks()
    if (linkedEpoch !== null && held === null) transport?.setRoutes({ epoch: linkedEpoch, routes: [] })
    linkedEpoch = null
  }

  /** What need not be loaded again, of the model last offered. */
  function holding() {
    const { label } = shelf
    if (label === null || label.manifestSha256 !== accepted?.offer.manifestSha256) return {}
    return { holding: { model: label.model, layers: label.layers } }
  }

  let leaving: Promise<void> | null = null
  let isDraining = false
  let whenLeft = (): void => {}
  const left = new Promise<void>(resolve => {
    whenLeft = resolve
  })

  function leave(): Promise<void> {
    leaving ??= shutDown()
    return leaving
  }

  async function drain(deadlineMs: number): Promise<void> {
    if (isDraining) return left
    if (leaving !== null || held === null || abort.signal.aborted) return leave()
    isDraining = true
    box.set({ isDraining })
    // Without a connection there is no desk to wait for.
    if (hub?.send({ type: 'peer-draining' }) !== true) return leave()
    // Nobody waits for an auditor but for the checks that it has begun.
    if (options.role === 'auditor') void audit?.idle().then(leave)
    const cancel = clock.schedule(deadlineMs, () => void leave())
    await left
    cancel()
  }

  async function shutDown(): Promise<void> {
    box.set({ status: 'leaving' })
    const word = termsSigner?.leaveWord()
    if (word) send(word)
    send({ type: 'peer-leaving' })
    void held?.close()
    abort.abort(new Error('The peer left.'))
    await turn
    await closeAll()
    box.set(idleSnapshot)
    whenLeft()
  }

  start().catch(fail)
  return {
    pauseDownload: () => held?.pause(),
    resumeDownload: () => held?.resume(),
    drain,
    leave,
  }
}

/** All layers that the peer's wallet has in the ring, by whichever of its tabs; they may not touch, which no terms can say. */
function workOf(self: string, { seats }: Assignment, { offer, manifest }: Accepted): HeldWork {
  const wallet = self.slice(0, 42)
  const own = seats.filter(({ peer }) => peer.startsWith(wallet)).map(({ layers }) => layers)
  const start = Math.min(...own.map(layers => layers.start))
  const end = Math.max(...own.map(layers => layers.end))
  const { manifestSha256 } = offer
  return { manifestSha256, modelLayers: manifest.dimensions.layers, layers: { start, end } }
}
