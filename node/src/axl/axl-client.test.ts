import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type AxlStandIn, startAxlStandIn } from '../../testing/axl-stand-in.ts'
import { type AxlClientOptions, createAxlClient } from './axl-client.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function open(options: AxlClientOptions) {
  const client = createAxlClient(options)
  closers.push(() => client.close())
  return client
}

function network(): AxlStandIn {
  const opened = startAxlStandIn()
  closers.push(() => opened.close())
  return opened
}

async function serve(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const refusal = (code: string, context: Record<string, unknown> = {}) =>
  expect.objectContaining({ code, context: expect.objectContaining(context) })

describe('the client of an AXL daemon', () => {
  it('waits two seconds at most for a look at the queue, however long a dial may take', async () => {
    const daemon = await network().startDaemon()
    const client = open({ url: daemon.url, timeoutMs: 100_000, recvTimeoutMs: 50 })
    const release = daemon.stall()
    await expect(client.recv()).rejects.toMatchObject({ code: 'peer_timed_out', context: { timeoutMs: 50 } })
    release()
    expect(await client.recv()).toBeNull()
  })

  it('asks who it is, sends, and takes what came', async () => {
    const overlay = network()
    const [here, there] = [await overlay.startDaemon(), await overlay.startDaemon()]
    const [a, b] = [open({ url: here.url }), open({ url: there.url })]
    const who = await b.topology()
    expect(who).toMatchObject({ key: there.key, peers: 1 })
    expect(await b.recv()).toBeNull()
    await a.send(who.key, new Uint8Array([0xc5, 1, 2, 255]))
    const message = await b.recv()
    expect([...message!.body]).toEqual([0xc5, 1, 2, 255])
    expect(here.key.startsWith(message!.senderHint.slice(0, 16))).toBe(true)
    expect(await b.recv()).toBeNull()
  })

  it('keeps its connection from call to call', async () => {
    const ports = new Set<number | undefined>()
    const url = await serve((request, response) => {
      ports.add(request.socket.remotePort)
      response.writeHead(204).end()
    })
    const client = open({ url })
    for (let index = 0; index < 5; index += 1) await client.recv()
    expect(ports.size).toBe(1)
  })

  it('asks again where the daemon hung up on an idle connection', async () => {
    let isFresh = true
    const url = await serve((request, response) => {
      if (!isFresh && request.socket.bytesRead > 200) return void request.socket.destroy()
      isFresh = false
      response.writeHead(204).end()
    })
    const client = open({ url })
    for (let index = 0; index < 6; index += 1) expect(await client.recv()).toBeNull()
  })

  it('sends no message twice where that was asked: each has a connection of its own', async () => {
    const ports = new Set<number>()
    let taken = 0
    const url = await serve((request, response) => {
      ports.add(request.socket.remotePort!)
      taken += 1
      // Taken, and then no answer: a connection that is used again would be tried again.
      if (taken === 3) return void request.socket.destroy()
      response.writeHead(200).end()
    })
    const client = open({ url, sendsOnce: true })
    for (let index = 0; index < 2; index += 1) await client.send('a'.repeat(64), new Uint8Array(1))
    await expect(client.send('a'.repeat(64), new Uint8Array(1))).rejects.toEqual(refusal('peer_unreachable', { url }))
    expect([taken, ports.size]).toEqual([3, 3])
  })

  it('tells a receiver out of reach from a daemon that is down', async () => {
    const overlay = network()
    const [here, there] = [await overlay.startDaemon(), await overlay.startDaemon()]
    const client = open({ url: here.url })
    await there.stop()
    await expect(client.send(there.key, new Uint8Array(1))).rejects.toEqual(
      refusal('peer_unreachable', { key: there.key, status: 502 }),
    )
    await expect(client.send('short', new Uint8Array(1))).rejects.toEqual(refusal('peer_unreachable', { status: 400 }))
    await here.stop()
    await expect(client.recv()).rejects.toEqual(refusal('peer_unreachable', { url: here.url }))
    await expect(client.topology()).rejects.toThrow(/does not answer: ECONNREFUSED/)
  })

  it('refuses what is too large, out and in', async () => {
    const overlay = network()
    const [here, there] = [await overlay.startDaemon(), await overlay.startDaemon()]
    const a = open({ url: here.url })
    const b = open({ url: there.url, maxReceiveBytes: 1000 })
    await expect(a.send(there.key, new Uint8Array(17 << 20))).rejects.toEqual(refusal('peer_frame_too_large'))
    expect(here.counts.sent).toBe(0)
    await a.send(there.key, new Uint8Array(1001))
    await a.send(there.key, new Uint8Array(1000))
    await expect(b.recv()).rejects.toEqual(refusal('peer_frame_too_large', { limitBytes: 1000 }))
    expect((await b.recv())!.body.length).toBe(1000)
  })

  it('gives up on an answer that does not come', async () => {
    const client = open({ url: await serve(() => {}), timeoutMs: 30 })
    await expect(client.recv()).rejects.toEqual(refusal('peer_timed_out', { timeoutMs: 30 }))
  })

  it.each([
    ['a page', 200, '<html>'],
    ['another JSON', 200, '{"our_public_key":"abc"}'],
    ['nothing there', 404, ''],
  ])('does not take %s for AXL', async (_, status, body) => {
    const client = open({ url: await serve((_request, response) => response.writeHead(status).end(body)) })
    await expect(client.topology()).rejects.toEqual(refusal('peer_message_invalid'))
  })

  it.each(['', 'ws://127.0.0.1:1', 'http://user:secret@127.0.0.1:1', '127.0.0.1:9002'])(
    'refuses the address "%s"',
    url => {
      expect(() => createAxlClient({ url })).toThrow(expect.objectContaining({ code: 'input_invalid' }))
    },
  )

  it('ends what is under way when it is closed', async () => {
    const client = open({ url: await serve(() => {}) })
    const waiting = client.recv()
    client.close()
    await expect(waiting).rejects.toEqual(refusal('peer_disconnected'))
    await expect(client.recv()).rejects.toEqual(refusal('peer_disconnected'))
  })
})
