import { once } from 'node:events'
import { createSeededRandom } from '@computepool/shared/testing'
import type { DeskRequest, HubReply, PeerId } from '@computepool/shared/wire'
import { hubReplySchema, protocolVersion } from '@computepool/shared/wire'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type DeskEvent, peerOf, testAccount } from '../testing/hub-fixture.ts'
import { connectRemoteHub, type DeskSocket, type RemoteHub, startHub } from './index.ts'

const service = testAccount(9)
const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs: number, task: () => void) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}

async function serve(): Promise<number> {
  const running = await startHub({
    port: 0,
    host: '127.0.0.1',
    publicUrl: 'http://localhost:1',
    deskAddresses: [service.address.toLowerCase()],
    clock,
    entropy: createSeededRandom(1),
  })
  closers.push(() => running.close())
  return running.port
}

/** A desk whose events can be awaited one by one. */
function openDesk(port: number, account = service, signer = account) {
  const events: DeskEvent[] = []
  const faults: unknown[] = []
  let wake: () => void = () => {}
  const note = (event: DeskEvent): void => {
    events.push(event)
    wake()
  }
  const hub: RemoteHub = connectRemoteHub({
    openSocket: () => new WebSocket(`ws://127.0.0.1:${port}/desk`) as unknown as DeskSocket,
    address: account.address.toLowerCase(),
    sign: message => signer.signMessage({ message }),
    clock,
    desk: {
      peerConnected: peer => note({ type: 'connected', peer }),
      peerRequest: (peer: PeerId, request: DeskRequest) => note({ type: 'request', peer, request }),
      peerGone: (peer, reason) => note({ type: 'gone', peer, reason }),
    },
    onFault(fault) {
      faults.push(fault)
      wake()
    },
    retryMs: 5,
  })
  closers.push(() => hub.close())
  return {
    hub,
    events,
    faults,
    async until(condition: () => boolean): Promise<void> {
      while (!condition()) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
  }
}

/** Joins as a tab; answers the socket, or the code it was closed with. */
async function joinTab(port: number, number: number): Promise<WebSocket | number> {
  const account = testAccount(number)
  const socket = new WebSocket(`ws://127.0.0.1:${port}/signal`)
  closers.push(() => socket.terminate())
  await once(socket, 'open')
  const inbox: HubReply[] = []
  let wake: () => void = () => {}
  socket.on('message', data => {
    inbox.push(hubReplySchema.parse(JSON.parse(String(data))))
    wake()
  })
  const next = async (): Promise<HubReply> => {
    while (inbox.length === 0) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    return inbox.shift() as HubReply
  }
  socket.send(JSON.stringify({ type: 'hello', version: protocolVersion, peer: peerOf(account) }))
  const challenge = await next()
  const message = challenge.type === 'challenge' ? challenge.message : ''
  const closed = once(socket, 'close')
  socket.send(JSON.stringify({ type: 'authenticate', message, signature: await account.signMessage({ message }) }))
  await next()
  socket.send(JSON.stringify({ type: 'ping', nonce: 1 }))
  const after = await next()
  return after.type === 'pong' ? socket : ((await closed)[0] as number)
}

/** A tab that comes back until a desk is there, as the real one does. */
async function joinAtLast(port: number, number: number): Promise<WebSocket> {
  for (;;) {
    const joined = await joinTab(port, number)
    if (typeof joined !== 'number') return joined
  }
}

it('can be given up before its socket is open', async () => {
  const sockets: WebSocket[] = []
  const desk = { peerConnected() {}, peerRequest() {}, peerGone() {} }
  const hub = connectRemoteHub({
    openSocket() {
      const socket = new WebSocket(`ws://127.0.0.1:1/`)
      sockets.push(socket)
      return socket as DeskSocket
    },
    address: service.address.toLowerCase(),
    sign: async () => '0x',
    desk,
    clock,
    onFault: () => {},
  })
  const closed = new Promise(resolve => sockets[0]!.on('close', resolve))
  // An error that nobody hears ends the process, and the test run with it.
  hub.close()
  await closed
  expect(sockets).toHaveLength(1)
})

describe('a detached hub', () => {
  it('passes peers, requests and commands between tabs and the orchestrator', async () => {
    const port = await serve()
    const desk = openDesk(port)
    const tab = await joinAtLast(port, 1)
    const peer = peerOf(testAccount(1))
    await desk.until(() => desk.hub.peers().includes(peer))
    const reach = { webrtc: true, axl: null }
    const joined = { type: 'peer-joined', version: protocolVersion, agent: 'test', role: 'operator', reach }
    tab.send(JSON.stringify({ type: 'desk', request: joined }))
    await desk.until(() => desk.events.some(event => event.type === 'request'))
    const commanded = once(tab, 'message')
    expect(desk.hub.command(peer, { type: 'release-slice', epoch: 3 })).toBe(true)
    expect(JSON.parse(String((await commanded)[0]))).toEqual({
      type: 'desk',
      command: { type: 'release-slice', epoch: 3 },
    })
    tab.terminate()
    await desk.until(() => desk.events.at(-1)?.type === 'gone')
    expect(desk.hub.command(peer, { type: 'release-slice', epoch: 4 })).toBe(false)
  })

  it('relays signals inside a coalition that the orchestrator set from afar', async () => {
    const port = await serve()
    const desk = openDesk(port)
    const [a, b] = [await joinAtLast(port, 1), await joinAtLast(port, 2)]
    const [peerA, peerB] = [peerOf(testAccount(1)), peerOf(testAccount(2))]
    await desk.until(() => desk.hub.peers().length === 2)
    desk.hub.setCoalition('c1', [peerA, peerB])
    // Commands keep their order: when this one has arrived, the coalition is set.
    const ordered = once(a, 'message')
    desk.hub.command(peerA, { type: 'release-slice', epoch: 1 })
    await ordered
    const arrived = once(b, 'message')
    const signal = {
      type: 'candidate',
      epoch: 1,
      link: 0,
      toLink: null,
      candidate: '',
      sdpMid: null,
      sdpMLineIndex: null,
    }
    a.send(JSON.stringify({ type: 'signal', to: peerB, signal }))
    expect(JSON.parse(String((await arrived)[0]))).toEqual({ type: 'signal', from: peerA, signal })
  })

  it('keeps no tab while the orchestrator is away', async () => {
    const port = await serve()
    expect(await joinTab(port, 1)).toBe(4000)
    const desk = openDesk(port)
    const tab = await joinAtLast(port, 1)
    await desk.until(() => desk.hub.peers().length === 1)
    const closed = once(tab, 'close')
    desk.hub.close()
    expect((await closed)[0]).toBe(4000)
    expect(desk.events.at(-1)).toMatchObject({ type: 'gone', reason: 'hub-closed' })
  })

  it('takes no other wallet for its orchestrator', async () => {
    const port = await serve()
    const impostor = openDesk(port, testAccount(8))
    await impostor.until(() => impostor.faults.length > 0)
    expect(impostor.faults[0]).toMatchObject({ code: 'peer_unauthenticated' })
    expect(await joinTab(port, 1)).toBe(4000)
  })

  it('takes no signature but its orchestrator’s', async () => {
    const port = await serve()
    const forger = openDesk(port, service, testAccount(8))
    await forger.until(() => forger.faults.length > 0)
    expect(forger.faults[0]).toMatchObject({ code: 'peer_unauthenticated' })
    expect(await joinTab(port, 1)).toBe(4000)
  })

  it('takes no commands before the signature', async () => {
    const port = await serve()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/desk`)
    await once(socket, 'open')
    const refused = once(socket, 'message')
    const closed = once(socket, 'close')
    socket.send(JSON.stringify({ type: 'set-coalition', id: 'c', peers: [] }))
    expect(JSON.parse(String((await refused)[0]))).toMatchObject({
      type: 'refused',
      error: { code: 'peer_unauthenticated' },
    })
    expect((await closed)[0]).toBe(4003)
  })
})
