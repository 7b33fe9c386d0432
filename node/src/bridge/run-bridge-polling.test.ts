import type { RtcTransport } from '@computepool/peer/links/index.ts'
import type { SocketLike } from '@computepool/peer/runtime/hub-client.ts'
import { encodeParcel } from '@computepool/shared/datagram'
import { ComputePoolError } from '@computepool/shared/errors'
import { createManualClock, createSeededRandom } from '@computepool/shared/testing'
import type { DeskCommand, DeskRequest, PeerId } from '@computepool/shared/wire'
import { expect, test, vi } from 'vitest'
import { runBridge } from './run-bridge.ts'

const peerOf = (number: number): PeerId => `0x${String(number).padStart(40, '0')}.0000000${number}`
const [tab, node] = [1, 2].map(peerOf) as [PeerId, PeerId]
const key = (digit: string): string => digit.repeat(64)

/** A bridge on a manual clock whose hub, links and daemon are the test. */
async function open() {
  const clock = createManualClock()
  const random = createSeededRandom(1)
  const daemon = { key: key('a'), isUp: true, polls: 0, send: async () => {}, close() {} }
  const sockets: SocketLike[] = []
  const requests: DeskRequest[] = []
  const notices: string[] = []
  let hear = (_peer: string, _frame: Uint8Array): void => {}
  const links = {
    setPeers() {},
    setIceServers() {},
    links: () => [],
    onFrame(handler: typeof hear) {
      hear = handler
    },
    onSignal() {},
    onLink() {},
    send: async () => {},
    close: async () => {},
  } as unknown as RtcTransport
  const bridge = runBridge({
    clock,
    entropy: { bytes: count => random.bytes(count) },
    key: { address: tab.slice(0, 42), sign: async () => '0x' } as never,
    pageUrl: null,
    agent: 'test',
    openSocket() {
      const socket: SocketLike = {
        onopen: null,
        onmessage: null,
        onclose: null,
        send(text) {
          const { type, request } = JSON.parse(text)
          if (type === 'desk') requests.push(request)
        },
        close: () => socket.onclose?.(),
      }
      sockets.push(socket)
      return socket
    },
    openLinks: () => links,
    axl: {
      key: daemon.key,
      client: {
        url: 'http://daemon.test',
        topology: async () => ({ key: daemon.key, address: '200::1', peers: 0 }),
        send: () => daemon.send(),
        async recv() {
          daemon.polls += 1
          if (!daemon.isUp) throw new ComputePoolError('peer_unreachable', 'ECONNREFUSED')
          return null
        },
        close: () => daemon.close(),
      },
    },
    tell() {},
    onNotice: text => notices.push(text),
  })
  const say = (message: object): void => sockets.at(-1)!.onmessage!({ data: JSON.stringify(message) })
  const welcome = (): void => say({ type: 'welcome', peer: tab, silenceLimitMs: 1e6 })
  welcome()
  const assign: DeskCommand = {
    type: 'assign-relay',
    epoch: 1,
    coalition: 'hall',
    members: [
      { peer: tab, axl: null },
      { peer: node, axl: key('c') },
    ],
  }
  say({ type: 'desk', command: assign })
  const pollsIn = async (ms: number): Promise<number> => {
    const before = daemon.polls
    for (let step = 0; step < ms; step += 1) await clock.advance(1)
    return daemon.polls - before
  }
  await clock.advance(0)
  expect(bridge.snapshot().status).toBe('relaying')
  return {
    bridge,
    daemon,
    sockets,
    requests,
    notices,
    welcome,
    pollsIn,
    say,
    hear: (frame: Uint8Array) => hear(tab, frame),
  }
}

test('it polls every millisecond for two seconds after a parcel, and then rests', async () => {
  const { bridge, pollsIn, hear } = await open()
  await pollsIn(3000)
  expect(await pollsIn(1000)).toBeLessThan(60)
  hear(encodeParcel([{ from: tab, to: node, datagram: new Uint8Array(10) }]))
  expect(await pollsIn(1000)).toBeGreaterThanOrEqual(1000)
  hear(encodeParcel([{ from: tab, to: node, datagram: new Uint8Array(10) }]))
  expect(await pollsIn(1999)).toBeGreaterThanOrEqual(1998)
  await pollsIn(3000)
  expect(await pollsIn(1000)).toBeLessThan(60)
  // What it refuses is no reason to hurry.
  hear(new Uint8Array(10))
  expect(await pollsIn(1000)).toBeLessThan(60)
  await bridge.leave()
})

test('it joins anew where its daemon comes back with another key, and only then', async () => {
  const { bridge, daemon, sockets, requests, notices, welcome, pollsIn } = await open()
  const outage = async (after: string): Promise<void> => {
    daemon.isUp = false
    await pollsIn(2000)
    daemon.key = after
    daemon.isUp = true
    await pollsIn(2000)
  }
  await outage(daemon.key)
  expect(sockets).toHaveLength(1)
  await outage(key('b'))
  expect(sockets).toHaveLength(2)
  welcome()
  const joined = requests.filter(({ type }) => type === 'peer-joined')
  expect(joined).toMatchObject([{ reach: { axl: key('a') } }, { reach: { axl: key('b') } }])
  expect(notices.filter(text => text.includes('another key'))).toHaveLength(1)
  await bridge.leave()
})

test('it notices a daemon that was quick to come back with another key', async () => {
  const { bridge, daemon, sockets, pollsIn } = await open()
  daemon.key = key('b')
  await pollsIn(5001)
  await pollsIn(2000)
  expect(sockets).toHaveLength(2)
  await bridge.leave()
})

test('it goes on where work ends that is not its own', async () => {
  const { bridge, say } = await open()
  const end = (epoch: number, coalition: string): string => {
    say({ type: 'desk', command: { type: 'assign-relay', epoch, coalition, members: [] } })
    return bridge.snapshot().status
  }
  expect(end(0, 'hall')).toBe('relaying')
  expect(end(1, 'other')).toBe('relaying')
  expect(bridge.snapshot().members).toHaveLength(2)
  expect(end(1, 'hall')).toBe('waiting')
  expect(bridge.snapshot().members).toEqual([])
  await bridge.leave()
})

/** A parcel that is on its way to the daemon until one says what becomes of it. */
async function underWay({ daemon, hear }: Awaited<ReturnType<typeof open>>) {
  let lose = (_fault: Error): void => {}
  const handed = new Promise<void>(resolve => {
    daemon.send = () => {
      resolve()
      return new Promise((_, reject) => {
        lose = reject
      })
    }
  })
  hear(encodeParcel([{ from: tab, to: node, datagram: new Uint8Array(10) }]))
  await handed
  return { lose: () => lose(new ComputePoolError('peer_unreachable', 'closed')) }
}

test('it tells of a parcel that was lost, and of none that it lost by leaving itself', async () => {
  for (const isLeaving of [false, true]) {
    const opened = await open()
    const { bridge, daemon, notices } = opened
    const { lose } = await underWay(opened)
    daemon.close = lose
    if (!isLeaving) lose()
    const left = isLeaving ? bridge.leave() : null
    await vi.waitFor(() => expect(bridge.snapshot().lostParcels).toBe(1))
    expect(notices).toHaveLength(isLeaving ? 0 : 1)
    await (left ?? bridge.leave())
  }
})
