import type { ComputePoolError } from '@computepool/shared/errors'
import type { Activation } from '@computepool/shared/ports'
import { createManualClock } from '@computepool/shared/testing'
import { decodeOriginalFrame, encodeOriginalToken } from '@computepool/shared/wire'
import { expect, test } from 'vitest'
import { originalBytes } from '../../testing/original-peer.ts'
import type { AxlMessage } from '../axl/axl-client.ts'
import { createOriginalPeer } from './original-peer.ts'

const key = 'ab'.repeat(32)
const activation: Activation = { dtype: 'bf16', tokens: 1, hidden: 2, data: new Uint8Array(4) }
const frame = (requestId: string, seq = 0) => ({ requestId, seq, activation, temperature: 0 })

/** A peer whose mail the test reads and writes; a send ends when the test lets it. */
function open() {
  const clock = createManualClock()
  const handlers = new Set<(message: AxlMessage) => void>()
  const sent: { kind: string; requestId: string }[] = []
  const letGo: (() => void)[] = []
  let isBusy = false
  const peer = createOriginalPeer({
    key,
    clock,
    deadlineMs: 1000,
    mail: {
      send(_, body) {
        const { kind, requestId } = decodeOriginalFrame(body)
        sent.push({ kind, requestId })
        return new Promise(resolve => letGo.push(resolve))
      },
      onMessage(handler) {
        handlers.add(handler)
        return () => void handlers.delete(handler)
      },
      setBusy(next) {
        isBusy = next
      },
      close: () => undefined,
    },
  })
  // As AXL tells it: the head of the key, and padding.
  const hear = (body: Uint8Array, senderHint = `${key.slice(0, 16)}${'f'.repeat(48)}`): void => {
    for (const handler of handlers) handler({ body, senderHint })
  }
  return { peer, clock, sent, letGo, hear, isBusy: () => isBusy, listeners: () => handlers.size }
}
const codeOf = (asked: Promise<number>): Promise<string> =>
  asked.then(
    token => `token ${token}`,
    (error: ComputePoolError) => error.code,
  )

test('a token that comes twice answers once, and not the next frame', async () => {
  const { peer, hear } = open()
  const first = peer.ask(frame('r'))
  hear(encodeOriginalToken('r', 0, 7))
  expect(await first).toBe(7)
  const second = peer.ask(frame('r', 1))
  hear(encodeOriginalToken('r', 0, 7))
  hear(encodeOriginalToken('r', 1, 9))
  expect(await second).toBe(9)
  expect(peer.counts).toEqual({ sent: 2, answered: 2, stale: 1, refused: 0, nearMisses: 0 })
})

test('it is busy while a token is due, and at rest after a deadline', async () => {
  const { peer, clock, isBusy } = open()
  const asked = codeOf(peer.ask(frame('r')))
  expect(isBusy()).toBe(true)
  await clock.advance(999)
  expect(isBusy()).toBe(true)
  await clock.advance(1)
  expect(await asked).toBe('peer_timed_out')
  expect([isBusy(), clock.pending]).toEqual([false, 0])
})

test('an end waits for what was sent before it, and is sent once', async () => {
  const { peer, sent, letGo } = open()
  const asked = codeOf(peer.ask(frame('r')))
  peer.end('r', 1)
  peer.end('r', 1)
  expect(await asked).toBe('peer_disconnected')
  expect(sent).toEqual([{ kind: 'hidden', requestId: 'r' }])
  letGo[0]!()
  await expect
    .poll(() => sent)
    .toEqual([
      { kind: 'hidden', requestId: 'r' },
      { kind: 'end', requestId: 'r' },
    ])
})

test('of a request that was never sent there is nothing to end', async () => {
  const { peer, sent } = open()
  peer.end('r', 0)
  await Promise.resolve()
  expect(sent).toEqual([])
})

test('garbage that names a request fails that one; garbage that names none fails none, and the deadline decides', async () => {
  const { peer, hear, clock } = open()
  const [a, b, c] = ['a', 'b', 'c'].map(id => codeOf(peer.ask(frame(id))))
  hear(originalBytes({ request_id: 'a', kind: 'token', dtype: 'int64', shape: [1] }, Buffer.alloc(3)))
  expect(await a).toBe('peer_frame_invalid')
  hear(new Uint8Array([1]))
  hear(encodeOriginalToken('b', 0, 4))
  expect(await b).toBe('token 4')
  await clock.advance(1000)
  expect(await c).toBe('peer_timed_out')
  expect(peer.counts.refused).toBe(2)
})

test('a header that tells less of the key than we were told is heard down to 12 characters, and counted below', async () => {
  const { peer, hear } = open()
  const asked = peer.ask(frame('r'))
  const told = (characters: number): string => key.slice(0, characters).padEnd(64, '0')
  hear(encodeOriginalToken('r', 0, 1), told(11))
  hear(encodeOriginalToken('r', 0, 2), key.slice(0, 11))
  hear(encodeOriginalToken('r', 0, 3), told(7))
  hear(encodeOriginalToken('r', 0, 4), told(12))
  expect(await asked).toBe(4)
  expect(peer.counts.nearMisses).toBe(2)
})

test('another sender’s token is not heard', async () => {
  const { peer, hear } = open()
  const asked = peer.ask(frame('r'))
  hear(encodeOriginalToken('r', 0, 1), 'cd'.repeat(32))
  hear(encodeOriginalToken('r', 0, 2), '')
  hear(encodeOriginalToken('r', 0, 3))
  expect(await asked).toBe(3)
})

test('a peer that ends a request says so at once', async () => {
  const { peer, hear } = open()
  const asked = codeOf(peer.ask(frame('r')))
  hear(originalBytes({ request_id: 'r', kind: 'control' }, Buffer.from('{"type":"end"}')))
  expect(await asked).toBe('peer_disconnected')
})

test('closed, it settles what waits and hears no more', async () => {
  const { peer, listeners, clock } = open()
  const asked = codeOf(peer.ask(frame('r')))
  peer.close()
  expect(await asked).toBe('peer_disconnected')
  expect([listeners(), clock.pending]).toEqual([0, 0])
})
