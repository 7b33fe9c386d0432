/** A hub with a manual clock, a desk that writes down what it hears, and tabs whose sockets are two arrays. */
import { createManualClock, createSeededRandom } from '@computepool/shared/testing'
import {
  type DeskRequest,
  type HubReply,
  type HubRequest,
  type PeerId,
  protocolVersion,
} from '@computepool/shared/wire'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import {
  createSignalingHub,
  type GoneReason,
  type HubLimits,
  type SignalingHubOptions,
  verifySignature,
} from '../src/index.ts'

export interface Tab {
  readonly peer: PeerId
  readonly account: PrivateKeyAccount
  readonly received: HubReply[]
  readonly closed: { code: number; reason: string } | null
  send(request: HubRequest): void
  sendText(text: string): void
  /** The last message of one type. */
  last<T extends HubReply['type']>(type: T): Extract<HubReply, { type: T }> | undefined
  hello(): string
  /** Hello, sign, authenticate; settles when the hub has answered. */
  join(): Promise<void>
  drop(): void
}

export type DeskEvent =
  | { readonly type: 'connected'; readonly peer: PeerId }
  | { readonly type: 'request'; readonly peer: PeerId; readonly request: DeskRequest }
  | { readonly type: 'gone'; readonly peer: PeerId; readonly reason: GoneReason }

/** Test wallets by number, from 1; of no value anywhere. */
export const testAccount = (number: number): PrivateKeyAccount =>
  privateKeyToAccount(`0x${number.toString(16).padStart(64, '0')}`)

export const peerOf = (account: PrivateKeyAccount, suffix = '00000001'): PeerId =>
  `${account.address.toLowerCase()}.${suffix}`

export function createHubFixture(limits: Partial<HubLimits> = {}, overrides: Partial<SignalingHubOptions> = {}) {
  const clock = createManualClock()
  const heard: DeskEvent[] = []
  const hub = createSignalingHub({
    clock,
    entropy: createSeededRandom(1),
    domain: { domain: 'localhost:8787', uri: 'http://localhost:8787', chainId: 1 },
    desk: {
      peerConnected: peer => void heard.push({ type: 'connected', peer }),
      peerRequest: (peer, request) => void heard.push({ type: 'request', peer, request }),
      peerGone: (peer, reason) => void heard.push({ type: 'gone', peer, reason }),
    },
    verifySignature,
    limits,
    ...overrides,
  })

  function openTab(account = testAccount(1), { suffix = '00000001', remoteAddress = '192.0.2.1' } = {}): Tab {
    const peer = peerOf(account, suffix)
    const received: HubReply[] = []
    let onMessage: (text: string) => void = () => {}
    let onClose: () => void = () => {}
    let closed: Tab['closed'] = null
    let settled: (() => void) | null = null
    const end = (code: number, reason: string): void => {
      if (closed) return
      closed = { code, reason }
      onClose()
      settled?.()
    }
    hub.accept({
      remoteAddress,
      send(text) {
        received.push(JSON.parse(text))
        settled?.()
      },
      close: end,
      onMessage: handler => {
        onMessage = handler
      },
      onClose: handler => {
        onClose = handler
      },
    })
    const tab: Tab = {
      peer,
      account,
      received,
      get closed() {
        return closed
      },
      send: request => onMessage(JSON.stringify(request)),
      sendText: text => onMessage(text),
      last: type => received.findLast((reply): reply is never => reply.type === type),
      hello() {
        tab.send({ type: 'hello', version: protocolVersion, peer })
        return tab.last('challenge')?.message ?? ''
      },
      async join() {
        const message = tab.hello()
        const signature = await account.signMessage({ message })
        const answered = new Promise<void>(resolve => {
          settled = resolve
        })
        tab.send({ type: 'authenticate', message, signature })
        await answered
      },
      drop: () => end(1006, ''),
    }
    return tab
  }
  return { clock, hub, heard, openTab }
}
