/**
 * A tab without an engine: it speaks the desk's messages and answers requests with tokens it was given. It stands where hub and
 * socket would; every message of its own passes the wire's schema first, as at the hub's door.
 */

import type { RequestJob } from '@computepool/shared/pipeline'
import type { Receipt, ReceiptBody, ReceiptSigner, SessionKey } from '@computepool/shared/receipts'
import type { Capability, DeskCommand, DeskRequest, PeerRole, Reach } from '@computepool/shared/wire'
import { deskCommandSchema, deskRequestSchema, protocolVersion } from '@computepool/shared/wire'
import type { DeskPort, HubPort } from '../src/dispatch/index.ts'
import { fakeSessionKey, fakeSigner, followFakeAttempts } from './fake-receipts.ts'
import { tokenAt } from './token-at.ts'

export interface FakeTabOptions {
  readonly model: string
  /** Which start of its wallet it is: another peer each. */
  readonly start?: number
  readonly memoryBudgetBytes?: number
  readonly msPerLayer?: number
  /** Says ready, and all links open, as soon as a slice is assigned; else the test says so itself. */
  readonly isEager?: boolean
  readonly kvBudgetBytes?: number
  /** Default: an operator. */
  readonly role?: PeerRole
  /** Default: by data channels only. */
  readonly reach?: Reach
  readonly engine?: Capability['engine']
  /** Its receipt of an attempt that is over, for the desk; null: it gives none. Default: an honest one. */
  readonly receipt?: (honest: ReceiptBody, signer: ReceiptSigner) => Receipt | null
  /** Default: one that the desk of a test pool takes. Null: it joins without. */
  readonly sessionKey?: SessionKey | null
}

export interface FakeTab {
  readonly peer: string
  readonly commands: readonly DeskCommand[]
  readonly jobs: readonly RequestJob[]
  readonly cancelled: readonly string[]
  /** The next job that the tab was not asked about yet. */
  nextJob(): Promise<RequestJob>
  /** The first command of this type, now or when it comes. */
  commandOf<T extends DeskCommand['type']>(type: T): Promise<Extract<DeskCommand, { type: T }>>
  /** Resolves when the tab was told to cancel the request. */
  cancelOf(requestId: string): Promise<void>
  say(request: DeskRequest): void
  /** `holding`: it says that these layers are loaded. */
  join(holding?: { readonly start: number; readonly end: number }): void
  /** On purpose. */
  leave(reason?: string): void
  /** Its connection ends without a word. */
  vanish(): void
  assignment(): Extract<DeskCommand, { type: 'assign-slice' }>
  ready(): void
  openLinks(isOpen?: boolean): void
  /** Says that the request's first activation has left. */
  flow(requestId: string, cachedTokens?: number): void
  /** Says token number `index` of the request. */
  token(requestId: string, index: number, token: number, extra?: Partial<TokenSaid>): void
  /** Says the job's next `count` tokens, from number `from` on: what a model would draw at their positions. */
  draw(job: RequestJob, count: number, from?: number): void
  /** Says these tokens as the first ones. */
  tokens(requestId: string, tokens: readonly number[]): void
  finish(requestId: string, reason: 'stop' | 'length' | 'cancelled', directHops?: number): void
}
type TokenSaid = Extract<DeskRequest, { type: 'token-generated' }>

/** Tabs by id, and the hub that carries between them and the desk. */
export interface FakeHub extends HubPort {
  connect(desk: DeskPort): void
  tab(index: number, options: FakeTabOptions): FakeTab
  readonly coalitions: ReadonlyMap<string, readonly string[]>
  /** Bytes of everything the desk was told, as JSON. */
  receivedBytes(): number
  /** Called with each message the desk was told. */
  onReceived(listener: (request: DeskRequest) => void): void
}

export const fakePeerId = (index: number, start = index): string =>
  `0x${String(index).padStart(40, '0')}.${String(start).padStart(8, '0')}`

export function createFakeHub(): FakeHub {
  const tabs = new Map<string, { hear: (command: DeskCommand) => void; options: FakeTabOptions }>()
  const coalitions = new Map<string, readonly string[]>()
  const listeners: Array<(request: DeskRequest) => void> = []
  let desk: DeskPort | null = null
  let receivedBytes = 0
  const tell = (peer: string, request: DeskRequest): void => {
    const json = JSON.stringify(request)
    receivedBytes += json.length
    const parsed = deskRequestSchema.parse(JSON.parse(json))
    for (const listener of listeners) listener(parsed)
    desk!.peerRequest(peer, parsed)
    receipts.said(parsed)
  }
  const receipts = followFakeAttempts((peer, honest) => {
    const tab = tabs.get(peer)
    if (tab === undefined) return
    const { receipt: give = (body, signer) => signer.sign(body) } = tab.options
    const receipt = give(honest, fakeSigner(peer))
    if (receipt !== null) tell(peer, { type: 'request-receipted', ...receipt })
  })
  return {
    connect: port => {
      desk = port
    },
    command: (peer, command) => {
      const parsed = deskCommandSchema.parse(JSON.parse(JSON.stringify(command)))
      receipts.commanded(peer, parsed)
      tabs.get(peer)?.hear(parsed)
    },
    setCoalition: (id, peers) => {
      if (peers.length === 0) coalitions.delete(id)
      else coalitions.set(id, peers)
    },
    coalitions,
    receivedBytes: () => receivedBytes,
    onReceived: listener => {
      listeners.push(listener)
    },
    tab: (index, options) => {
      const peer = fakePeerId(index, options.start)
      return createFakeTab(peer, options, {
        say: request => tell(peer, request),
        connect: listener => {
          tabs.set(peer, { hear: listener, options })
          desk!.peerConnected(peer)
        },
        leave: reason => {
          tabs.delete(peer)
          desk!.peerGone(peer, reason)
        },
      })
    },
  }
}

/** How a fake tab reaches the desk. */
export interface TabSocket {
  say(request: DeskRequest): void
  connect(listener: (command: DeskCommand) => void): void
  leave(reason: string): void
}

export function createFakeTab(peer: string, options: FakeTabOptions, socket: TabSocket): FakeTab {
  const { model, memoryBudgetBytes = 1e9, msPerLayer = 1, isEager = true, kvBudgetBytes = 1e9 } = options
  const { role = 'operator', reach = { webrtc: true, axl: null }, engine = 'wasm' } = options
  const { sessionKey = fakeSessionKey(peer) } = options
  const commands: DeskCommand[] = []
  const jobs: RequestJob[] = []
  const cancelled: string[] = []
  const waiters: Array<() => void> = []
  let takenJobs = 0
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) {
      await new Promise<void>(resolve => {
        waiters.push(resolve)
      })
    }
  }
  const assignment: FakeTab['assignment'] = () => {
    const found = commands.findLast(command => command.type === 'assign-slice')
    if (found?.type !== 'assign-slice') throw new Error(`${peer} was assigned nothing`)
    return found
  }
  const ready = (): void => {
    const { epoch, maxContext } = assignment()
    socket.say({ type: 'slice-ready', epoch, kvBudgetBytes, maxContext })
  }
  const openLinks = (isOpen = true): void => {
    const { epoch, routes } = assignment()
    const links = routes.map(route => ({
      peer: route.peer,
      kind: route.paths[0]!.kind,
      isOpen,
      rttMs: 2,
      bytesPerSecond: null,
    }))
    socket.say({ type: 'links-reported', epoch, links })
  }
  const standBy = ({ epoch, maxContext }: Extract<DeskCommand, { type: 'prepare-slice' }>): void =>
    socket.say({ type: 'slice-ready', epoch, kvBudgetBytes, maxContext })
  const sayToken: FakeTab['token'] = (requestId, index, token, extra = {}) =>
    socket.say({
      type: 'token-generated',
      requestId,
      index,
      sampled: { token, logprob: null, topLogprobs: [] },
      lapMs: 10,
      trace: [
        { seat: 0, computeMs: 3, queueMs: 0 },
        { seat: 1, computeMs: 4, queueMs: 1 },
      ],
      ...extra,
    })
  const hear = (command: DeskCommand): void => {
    commands.push(command)
    if (command.type === 'model-offered' && role !== 'relay') {
      const capability = {
        engine,
        device: 'fake cpu',
        isSoftware: true,
        activationDtype: 'f32' as const,
        msPerLayer,
        headMs: 1,
        memoryBudgetBytes,
      }
      socket.say({ type: 'capability-reported', model, capability })
    }
    if (command.type === 'assign-slice' && isEager) {
      // After the desk has told every seat, as over a socket.
      queueMicrotask(() => {
        ready()
        openLinks()
      })
    }
    if (command.type === 'prepare-slice' && isEager) {
      queueMicrotask(() => standBy(command))
    }
    if (command.type === 'run-request') jobs.push(command.job)
    if (command.type === 'cancel-request') cancelled.push(command.requestId)
    for (const waiter of waiters.splice(0)) waiter()
  }
  return {
    peer,
    commands,
    jobs,
    cancelled,
    nextJob: async () => {
      await until(() => jobs.length > takenJobs)
      return jobs[takenJobs++]!
    },
    commandOf: async type => {
      const find = () => commands.find(command => command.type === type)
      await until(() => find() !== undefined)
      return find() as never
    },
    cancelOf: requestId => until(() => cancelled.includes(requestId)),
    say: socket.say,
    join: layers => {
      socket.connect(hear)
      socket.say({
        type: 'peer-joined',
        version: protocolVersion,
        agent: 'fake',
        role,
        reach,
        ...(layers === undefined ? {} : { holding: { model, layers } }),
        ...(sessionKey === null ? {} : { sessionKey }),
      })
    },
    leave: (reason = 'left') => {
      socket.say({ type: 'peer-leaving' })
      socket.leave(reason)
    },
    vanish: () => socket.leave('socket-closed'),
    assignment,
    ready,
    openLinks,
    flow: (requestId, cachedTokens) =>
      socket.say({ type: 'request-flowing', requestId, ...(cachedTokens === undefined ? {} : { cachedTokens }) }),
    token: sayToken,
    draw: ({ requestId, promptTokens, generatedTokens = [] }, count, from = 0) => {
      const position = promptTokens.length + generatedTokens.length
      for (let index = from; index < from + count; index++) sayToken(requestId, index, tokenAt(position + index))
    },
    tokens: (requestId, tokens) => {
      for (const [index, token] of tokens.entries()) sayToken(requestId, index, token)
    },
    finish: (requestId, reason, directHops = 0) =>
      socket.say({ type: 'request-finished', requestId, reason, directHops }),
  }
}
