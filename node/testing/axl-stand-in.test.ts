import { afterEach, describe, expect, it } from 'vitest'
import { type AxlStandIn, type AxlStandInDaemon, type AxlStandInOptions, startAxlStandIn } from './axl-stand-in.ts'

let network: AxlStandIn | null = null
afterEach(async () => {
  await network?.close()
  network = null
})

async function pair(options: AxlStandInOptions = {}): Promise<[AxlStandInDaemon, AxlStandInDaemon, AxlStandIn]> {
  network = startAxlStandIn(options)
  return [await network.startDaemon(), await network.startDaemon(), network]
}
const send = (from: AxlStandInDaemon, to: string, body: string | Buffer, method = 'POST'): Promise<Response> =>
  fetch(`${from.url}/send`, {
    method,
    headers: { 'X-Destination-Peer-Id': to },
    ...(method === 'POST' ? { body: body as BodyInit } : {}),
  })
const recv = (at: AxlStandInDaemon): Promise<Response> => fetch(`${at.url}/recv`)

async function drain(at: AxlStandInDaemon): Promise<string[]> {
  const bodies: string[] = []
  for (;;) {
    const answer = await recv(at)
    if (answer.status === 204) return bodies
    bodies.push(await answer.text())
  }
}

describe('the stand-in for an AXL daemon', () => {
  it('tells who it is', async () => {
    const [a, b] = await pair()
    const topology = (await (await fetch(`${a.url}/topology`)).json()) as Record<string, unknown>
    expect(topology.our_public_key).toBe(a.key)
    expect(topology.our_ipv6).toMatch(/^200:/)
    expect(topology.peers).toMatchObject([{ public_key: b.key }])
    expect(topology.tree).toHaveLength(2)
  })

  it('carries bytes, and tells the head of the sender’s key only', async () => {
    const [a, b] = await pair()
    const sent = await send(a, b.key, Buffer.from([0xc5, 0, 255]))
    expect([sent.status, sent.headers.get('x-sent-bytes')]).toEqual([200, '3'])
    const got = await recv(b)
    expect(got.status).toBe(200)
    expect([...new Uint8Array(await got.arrayBuffer())]).toEqual([0xc5, 0, 255])
    const from = got.headers.get('x-from-peer-id')!
    expect(from).toHaveLength(64)
    expect(from.slice(0, 16)).toBe(a.key.slice(0, 16))
    expect(from).not.toBe(a.key)
    expect((await recv(b)).status).toBe(204)
  })

  it('refuses as the daemon does', async () => {
    const [a, b] = await pair()
    expect((await send(a, 'ab', 'x')).status).toBe(400)
    expect((await fetch(`${a.url}/send`, { method: 'POST', body: 'x' })).status).toBe(400)
    expect((await send(a, b.key, '', 'GET')).status).toBe(405)
    expect((await send(a, 'f'.repeat(64), 'x')).status).toBe(502)
    expect((await send(a, b.key, Buffer.alloc((16 << 20) + 1))).status).toBe(500)
    expect((await send(a, b.key, Buffer.alloc(16 << 20))).status).toBe(200)
    expect((await (await recv(b)).arrayBuffer()).byteLength).toBe(16 << 20)
  })

  it('keeps the last hundred messages and says nothing of the others', async () => {
    const [a, b] = await pair()
    for (let index = 0; index < 130; index += 1) expect((await send(a, b.key, String(index))).status).toBe(200)
    expect(await drain(b)).toEqual(Array.from({ length: 100 }, (_, index) => String(index + 30)))
    expect(b.counts).toMatchObject({ queued: 130, dropped: 30, handedOut: 100 })
  })

  it('goes on filling its queue while it hands out nothing', async () => {
    const [a, b] = await pair()
    const release = b.stall()
    const waiting = recv(b)
    for (let index = 0; index < 120; index += 1) await send(a, b.key, String(index))
    expect([b.queueLength, b.counts.dropped]).toEqual([100, 20])
    release()
    expect(await (await waiting).text()).toBe('20')
  })

  it('keeps what is meant for its services out of the queue', async () => {
    const [a, b] = await pair()
    for (const body of ['{"service":"x"}', '{"a2a":true}', '{"a2a":false}', '{not json']) await send(a, b.key, body)
    expect(await drain(b)).toEqual(['{"a2a":false}', '{not json'])
    expect(b.counts.routed).toBe(2)
  })

  it('lets no page call it', async () => {
    const [a] = await pair()
    const answer = await fetch(`${a.url}/topology`, { headers: { Origin: 'http://localhost' } })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('loses, delays and reorders by its seed', async () => {
    const run = async (seed: number): Promise<string[]> => {
      const [a, b, opened] = await pair({ seed, lossRate: 0.3, delayMs: 20, jitterMs: 300 })
      for (let index = 0; index < 20; index += 1) await send(a, b.key, String(index))
      const bodies: string[] = []
      while (bodies.length + b.counts.lost < 20) bodies.push(...(await drain(b)))
      await opened.close()
      return bodies
    }
    const first = await run(3)
    expect(first.length).toBeLessThan(20)
    expect(first).not.toEqual([...first].sort((x, y) => Number(x) - Number(y)))
    expect((await run(3)).sort()).toEqual([...first].sort())
    expect((await run(4)).sort()).not.toEqual([...first].sort())
  })

  it('can be cut off, killed and started again', async () => {
    const [a, b, opened] = await pair()
    const heal = opened.partition(a, b)
    expect((await send(a, b.key, 'x')).status).toBe(502)
    heal()
    expect((await send(a, b.key, 'x')).status).toBe(200)
    const url = b.url
    await b.stop()
    expect((await send(a, b.key, 'x')).status).toBe(502)
    await expect(recv(b)).rejects.toThrow()
    await b.start()
    expect(b.url).toBe(url)
    expect((await recv(b)).status).toBe(204)
  })

  it('comes back with another key where it has none that lasts', async () => {
    const [left, right] = await pair()
    const before = right.key
    await right.stop()
    await right.start({ newKey: true })
    expect(right.key).not.toBe(before)
    expect(await (await fetch(`${right.url}/topology`)).json()).toMatchObject({ our_public_key: right.key })
    expect((await send(left, before, 'lost')).status).toBe(502)
    expect((await send(left, right.key, 'there')).status).toBe(200)
    expect(await drain(right)).toEqual(['there'])
  })

  it('keeps fewer messages and tells less of a key where it is told to', async () => {
    const [left, right] = await pair({ queueMessages: 2, senderCharacters: 13 })
    for (const text of ['a', 'b', 'c']) await send(left, right.key, text)
    expect(right.counts.dropped).toBe(1)
    const told = (await recv(right)).headers.get('x-from-peer-id')
    expect(told).toBe(left.key.slice(0, 13).padEnd(64, 'f'))
    expect(await drain(right)).toEqual(['c'])
  })
})
