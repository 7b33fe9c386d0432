import { createManualClock, createSeededRandom } from '@computepool/shared/testing'
import type { HubReply } from '@computepool/shared/wire'
import { createSiweMessage } from 'viem/siwe'
import { describe, expect, it } from 'vitest'
import { late, replaced } from '../../../signaling/src/hub-errors.ts'
import { openHubClient, type SocketLike } from './hub-client.ts'
import { keyOfSecret } from './key-of-secret.ts'

interface FakeSocket extends SocketLike {
  readonly sent: { readonly type: string; readonly [field: string]: unknown }[]
  isClosed: boolean
  reply(reply: HubReply | string): void
}

async function open(pageUrl = 'http://pool.test/operate') {
  const clock = createManualClock()
  const key = keyOfSecret(`0x${'3'.repeat(64)}`)
  const peer = `${key.address}.00000001`
  const sockets: FakeSocket[] = []
  const log: string[] = []
  let stalledMs = 0
  const client = openHubClient({
    peer,
    pageUrl,
    clock: { ...clock, monotonicMs: () => clock.monotonicMs() + stalledMs },
    entropy: createSeededRandom(1),
    sign: message => key.sign(message),
    openSocket: () => {
      const socket: FakeSocket = {
        sent: [],
        isClosed: false,
        onopen: null,
        onmessage: null,
        onclose: null,
        send: text => void socket.sent.push(JSON.parse(text)),
        close: () => {
          socket.isClosed = true
        },
        reply: reply => socket.onmessage?.({ data: typeof reply === 'string' ? reply : JSON.stringify(reply) }),
      }
      sockets.push(socket)
      return socket
    },
    onWelcome: () => log.push('welcome'),
    onCommand: command => log.push(command.type),
    onSignal: () => log.push('signal'),
    onBroken: error => log.push(`broken ${error.code}`),
    onRefused: error => log.push(`refused ${error.code}`),
  })
  const challenge = (changes: Partial<Parameters<typeof createSiweMessage>[0]> = {}): HubReply => ({
    type: 'challenge',
    version: 1,
    message: createSiweMessage({
      address: key.address,
      chainId: 1,
      domain: 'pool.test',
      uri: 'http://pool.test',
      version: '1',
      nonce: '0123456789abcdef',
      requestId: peer,
      ...changes,
    }),
  })
  /** Time passes, and neither timers nor messages are handled. */
  const stall = (durationMs: number): void => {
    stalledMs += durationMs
  }
  return { client, clock, sockets, log, peer, challenge, stall }
}

const typesOf = (socket: FakeSocket): string[] => socket.sent.map(message => message.type)

describe('the hub’s client', () => {
  it('says hello, signs its challenge, and is welcome', async () => {
    const { sockets, clock, log, peer, challenge } = await open()
    sockets[0]!.onopen?.()
    sockets[0]!.reply(challenge())
    await clock.settle()
    expect(sockets[0]!.sent).toMatchObject([
      { type: 'hello', peer },
      { type: 'authenticate', signature: expect.stringMatching(/^0x[0-9a-f]{130}$/) },
    ])
    sockets[0]!.reply({ type: 'welcome', peer, silenceLimitMs: 30_000 })
    expect(log).toEqual(['welcome'])
  })

  it.each([
    ['of another address', { address: '0x00000000000000000000000000000000000000AA' as const }],
    ['of another tab', { requestId: '0xabc.1' }],
    ['of another pool', { domain: 'other.test', uri: 'http://other.test' }],
    ['of another pool’s origin', { uri: 'http://other.test' }],
    ['of another pool’s name', { domain: 'other.test' }],
    ['of another port', { domain: 'pool.test:8787', uri: 'http://pool.test:8787' }],
    ['of some machine’s own hub', { domain: 'localhost:8787', uri: 'http://localhost:8787' }],
  ])('signs no text %s', async (_, changes) => {
    const { sockets, clock, log, challenge } = await open()
    sockets[0]!.onopen?.()
    sockets[0]!.reply(challenge(changes))
    await clock.settle()
    expect(typesOf(sockets[0]!)).toEqual(['hello'])
    expect(log).toEqual(['refused peer_unauthenticated'])
  })

  it.each([
    ['behind a proxy that ends TLS', 'https://pool.test/operate', 'pool.test', 'http://pool.test'],
    ['detached, behind the page’s origin', 'https://pool.test:444', 'pool.test:444', 'https://pool.test:444'],
    ['without a public name, on this machine', 'http://localhost:5173/', '127.0.0.1:8787', 'http://127.0.0.1:8787'],
    ['without a public name, in this network', 'http://192.168.1.7:8787/', '127.0.0.1:8787', 'http://127.0.0.1:8787'],
    ['without a public name, in this tailnet', 'http://100.101.2.3:8787/', '127.0.0.1:8787', 'http://127.0.0.1:8787'],
  ])('signs in to a hub %s', async (_, pageUrl, domain, uri) => {
    const { sockets, clock, challenge } = await open(pageUrl)
    sockets[0]!.onopen?.()
    sockets[0]!.reply(challenge({ domain, uri }))
    await clock.settle()
    expect(typesOf(sockets[0]!)).toEqual(['hello', 'authenticate'])
  })

  it.each(['http://100.20.2.3:8787', 'http://172.40.0.1', 'http://8.8.8.8', 'http://10.evil.test'])(
    'signs in to no machine’s own hub from %s',
    async pageUrl => {
      const { sockets, clock, log, challenge } = await open(pageUrl)
      sockets[0]!.onopen?.()
      sockets[0]!.reply(challenge({ domain: '127.0.0.1:8787', uri: 'http://127.0.0.1:8787' }))
      await clock.settle()
      expect(log).toEqual(['refused peer_unauthenticated'])
    },
  )

  it('comes back after a break, later each time, and authenticates anew', async () => {
    const { sockets, clock, log, peer, challenge } = await open()
    const welcome = async (socket: FakeSocket) => {
      socket.onopen?.()
      socket.reply(challenge())
      await clock.settle()
      socket.reply({ type: 'welcome', peer, silenceLimitMs: 30_000 })
    }
    await welcome(sockets[0]!)
    sockets[0]!.onclose?.()
    expect(log).toEqual(['welcome', 'broken peer_unreachable'])
    const waits: number[] = []
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const startMs = clock.monotonicMs()
      while (sockets.length === attempt) await clock.advance(50)
      waits.push(clock.monotonicMs() - startMs)
      if (attempt < 5) sockets[attempt]!.onclose?.()
    }
    expect(waits.at(-1)).toBeGreaterThan(4 * waits[0]!)
    await welcome(sockets[5]!)
    expect(typesOf(sockets[5]!)).toEqual(['hello', 'authenticate'])
    expect(log.at(-1)).toBe('welcome')
  })

  it('gives up a connection on which nothing is heard', async () => {
    const { sockets, clock, log, peer, challenge } = await open()
    sockets[0]!.onopen?.()
    sockets[0]!.reply(challenge())
    await clock.settle()
    sockets[0]!.reply({ type: 'welcome', peer, silenceLimitMs: 30_000 })
    await clock.advance(60_000)
    expect(sockets[0]!.isClosed).toBe(true)
    expect(log).toContain('broken peer_unreachable')
    expect(sockets.length).toBeGreaterThan(1)
  })

  it('does not blame the hub for a silence in which its own thread stood still', async () => {
    const { sockets, clock, log, peer, challenge, stall } = await open()
    sockets[0]!.onopen?.()
    sockets[0]!.reply(challenge())
    await clock.settle()
    sockets[0]!.reply({ type: 'welcome', peer, silenceLimitMs: 30_000 })
    stall(60_000)
    await clock.advance(10_000)
    sockets[0]!.reply({ type: 'pong', nonce: 1 })
    await clock.advance(10_000)
    expect(log).toEqual(['welcome'])
    await clock.advance(60_000)
    expect(log).toContain('broken peer_unreachable')
  })

  it('does not come back where it was refused for good', async () => {
    const { sockets, clock, log } = await open()
    sockets[0]!.onopen?.()
    sockets[0]!.reply({
      type: 'refused',
      error: { code: 'peer_version_refused', message: 'Version 1.', remedy: 'Reload.', context: {} },
    })
    sockets[0]!.onclose?.()
    await clock.advance(120_000)
    expect(log).toEqual(['refused peer_version_refused'])
    expect(sockets).toHaveLength(1)
  })

  it('stops where a newer connection of the same peer took its place', async () => {
    const { sockets, clock, log, peer, challenge } = await open()
    sockets[0]!.onopen?.()
    sockets[0]!.reply(challenge())
    await clock.settle()
    sockets[0]!.reply({ type: 'welcome', peer, silenceLimitMs: 30_000 })
    sockets[0]!.reply({ type: 'refused', error: { ...replaced().error.toJSON(), context: {} } })
    sockets[0]!.onclose?.()
    await clock.advance(120_000)
    expect(log).toEqual(['welcome', 'refused peer_disconnected'])
    expect(sockets).toHaveLength(1)
  })

  it('comes back where the hub says that it was late', async () => {
    const { sockets, clock, log } = await open()
    sockets[0]!.onopen?.()
    sockets[0]!.reply({ type: 'refused', error: { ...late('No hello came.').error.toJSON(), context: {} } })
    sockets[0]!.onclose?.()
    await clock.advance(5000)
    expect(log[0]).toBe('broken peer_timed_out')
    expect(sockets.length).toBeGreaterThan(1)
  })

  it('keeps coming back where it was refused for now, and says why', async () => {
    const { sockets, clock, log } = await open()
    const error = { code: 'swarm_busy', message: 'No orchestrator is attached.', remedy: 'Wait.', context: {} }
    for (let attempt = 0; attempt < 12; attempt += 1) {
      while (sockets.length === attempt) await clock.advance(1000)
      sockets[attempt]!.onopen?.()
      sockets[attempt]!.reply({ type: 'refused', error })
      sockets[attempt]!.onclose?.()
    }
    expect(log).toEqual(Array.from({ length: 12 }, () => 'broken swarm_busy'))
  })

  it('leaves a message alone that it cannot read', async () => {
    const { sockets, log } = await open()
    sockets[0]!.onopen?.()
    for (const text of ['', '{', '{"type":"unheard-of"}', 'null']) sockets[0]!.reply(text)
    expect(log).toEqual([])
    expect(sockets[0]!.isClosed).toBe(false)
  })
})
