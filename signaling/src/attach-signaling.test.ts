import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { createSeededRandom } from '@computepool/shared/testing'
import { type HubReply, hubReplySchema, protocolVersion } from '@computepool/shared/wire'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { peerOf, testAccount } from '../testing/hub-fixture.ts'
import { type AttachOptions, attachSignaling } from './attach-signaling.ts'
import { createSignalingHub } from './signaling-hub.ts'
import { verifySignature } from './verify-signature.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(options: AttachOptions = {}) {
  let tellGone: (reason: string) => void = () => {}
  const firstGone = new Promise<string>(resolve => {
    tellGone = resolve
  })
  const server = createServer((_, response) => response.end('page'))
  const hub = createSignalingHub({
    clock: {
      monotonicMs: () => performance.now(),
      wallMs: () => Date.now(),
      schedule(delayMs, task) {
        const timer = setTimeout(task, delayMs)
        return () => clearTimeout(timer)
      },
    },
    entropy: createSeededRandom(1),
    domain: { domain: 'localhost', uri: 'http://localhost', chainId: 1 },
    desk: { peerConnected() {}, peerRequest() {}, peerGone: (_, reason) => tellGone(reason) },
    verifySignature,
  })
  const attached = attachSignaling(server, hub, options)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  closers.push(async () => {
    await attached.close()
    await attached.close()
    server.close()
    await once(server, 'close')
  })
  return { hub, firstGone, port, url: `ws://127.0.0.1:${port}/signal` }
}

/** The next message, parsed by the schema that the tab uses too. */
const next = async (socket: WebSocket): Promise<HubReply> => {
  const [data] = await once(socket, 'message')
  return hubReplySchema.parse(JSON.parse(String(data)))
}

async function join(url: string, number = 1): Promise<WebSocket> {
  const account = testAccount(number)
  const socket = new WebSocket(url)
  closers.push(async () => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'hello', version: protocolVersion, peer: peerOf(account) }))
  const challenge = await next(socket)
  if (challenge.type !== 'challenge') throw new Error(`a ${challenge.type} came`)
  const signature = await account.signMessage({ message: challenge.message })
  socket.send(JSON.stringify({ type: 'authenticate', message: challenge.message, signature }))
  expect((await next(socket)).type).toBe('welcome')
  return socket
}

describe('over real sockets', () => {
  it('a tab joins, two tabs signal, and leaving is noticed', async () => {
    const { hub, firstGone, url } = await serve()
    const [a, b] = [await join(url, 1), await join(url, 2)]
    const [peerA, peerB] = [peerOf(testAccount(1)), peerOf(testAccount(2))]
    hub.setCoalition('c', [peerA, peerB])
    const arrived = next(b)
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
    expect(await arrived).toEqual({ type: 'signal', from: peerA, signal })
    a.close()
    expect(await firstGone).toBe('left')
    expect(hub.peers()).toEqual([peerB])
  })

  it('a message over the payload limit closes its socket only', async () => {
    const { hub, url } = await serve()
    const [a, b] = [await join(url, 1), await join(url, 2)]
    a.send('x'.repeat(70_000))
    const [code] = await once(a, 'close')
    expect(code).toBe(1009)
    expect(hub.peers()).toEqual([peerOf(testAccount(2))])
    expect(b.readyState).toBe(WebSocket.OPEN)
  })

  it('binary is not spoken here', async () => {
    const { url } = await serve()
    const socket = await join(url)
    socket.send(new Uint8Array(8))
    expect((await once(socket, 'close'))[0]).toBe(1003)
  })

  it('an origin that is not allowed is turned away before a socket exists', async () => {
    const { url } = await serve({ allowedOrigins: ['http://localhost:1'] })
    const foreign = new WebSocket(url, { origin: 'http://evil.example' })
    const [error] = await once(foreign, 'error')
    expect(String(error)).toContain('403')
    const own = new WebSocket(url, { origin: 'http://localhost:1' })
    await once(own, 'open')
    own.terminate()
  })

  it.each(['/elsewhere', '//', '/signal/more'])('a path that nobody serves is answered: %s', async path => {
    const { port } = await serve()
    const socket = connect(port, '127.0.0.1')
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    )
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain('404')
    socket.destroy()
  })

  it('pages are still served beside it', async () => {
    const { port } = await serve()
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('page')
  })
})
