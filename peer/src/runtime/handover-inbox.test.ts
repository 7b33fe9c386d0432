import { maxHandoverBytes } from '@computepool/shared/audit'
import { createManualClock } from '@computepool/shared/testing'
import type { Frame } from '@computepool/shared/wire'
import { expect, it } from 'vitest'
import { createHandoverInbox } from './handover-inbox.ts'

const check = 'audit:00'
const never = new AbortController().signal

function piece(seq: number, payload: Uint8Array, last = false, of = check): Frame {
  const place = { request_id: of, seq, position: 0, epoch: 1, as: 'sent' as const }
  return {
    header: { ...place, kind: 'handover', dtype: 'bytes', shape: [payload.length], ...(last ? { last } : {}) },
    payload,
  }
}

it('puts pieces in order, whenever they come, and takes each once', async () => {
  const inbox = createHandoverInbox(createManualClock())
  inbox.accept('p', piece(2, Uint8Array.of(5), true))
  inbox.accept('p', piece(0, Uint8Array.of(1, 2)))
  inbox.accept('p', piece(0, Uint8Array.of(9, 9)))
  inbox.accept('q', piece(1, Uint8Array.of(8, 8)))
  const arrival = inbox.arrival(check, 'p', 'sent', never)
  inbox.accept('p', piece(1, Uint8Array.of(3, 4)))
  expect(await arrival).toEqual({ bytes: Uint8Array.of(1, 2, 3, 4, 5) })
  inbox.drop(check)
  expect(inbox.pendingBytes).toBe(0)
})

it('takes no more of a blob than a peer keeps, and tells whoever waits', async () => {
  const inbox = createHandoverInbox(createManualClock())
  const arrival = inbox.arrival(check, 'p', null, never)
  const payload = new Uint8Array(256 << 10)
  for (let seq = 0; seq <= maxHandoverBytes / payload.length; seq++) inbox.accept('p', piece(seq, payload))
  expect(await arrival).toEqual({ fault: `It hands over more than ${maxHandoverBytes} bytes.` })
  expect(inbox.pendingBytes).toBe(0)
  inbox.accept('p', piece(900, new Uint8Array(1), false, 'audit:01'))
  expect(await inbox.arrival('audit:01', 'p', 'sent', never)).toHaveProperty('fault')
})

it('holds little that nobody asked for, and not for long', async () => {
  const clock = createManualClock()
  const inbox = createHandoverInbox(clock)
  for (let i = 0; i < 50; i++) inbox.accept('p', piece(0, new Uint8Array(100), false, `audit:${i}`))
  expect(inbox.pendingBytes).toBe(800)
  // Whoever is asked for comes in all the same.
  const arrival = inbox.arrival('audit:49', 'p', 'sent', never)
  inbox.accept('p', piece(0, Uint8Array.of(1), true, 'audit:49'))
  expect(await arrival).toEqual({ bytes: Uint8Array.of(1) })
  await clock.advance(60_001)
  expect(inbox.pendingBytes).toBe(0)
  expect(clock.pending).toBe(0)
})

it('lets nobody who was asked suffer for what others send unasked', async () => {
  const inbox = createHandoverInbox(createManualClock())
  const payload = new Uint8Array(256 << 10)
  const flood = (peer: string): void => {
    for (let blob = 0; blob < 3; blob++)
      for (let seq = 0; seq < 255; seq++) inbox.accept(peer, piece(seq, payload, false, `audit:${peer}${blob}`))
  }
  for (const hostile of ['a', 'b', 'c', 'd']) flood(hostile)
  const arrival = inbox.arrival(check, 'honest', 'sent', never)
  for (let seq = 0; seq < 20; seq++) inbox.accept('honest', piece(seq, payload, seq === 19))
  const arrived = await arrival
  expect('bytes' in arrived && arrived.bytes.length).toBe(20 * payload.length)
  expect(inbox.pendingBytes).toBeLessThanOrEqual(3 * maxHandoverBytes)
})

it('says that there was no room, and blames nobody, where what was asked for had to go', async () => {
  const inbox = createHandoverInbox(createManualClock())
  const payload = new Uint8Array(256 << 10)
  // It came a moment before the desk's word; others' floods came with it.
  inbox.accept('honest', piece(0, payload))
  for (const hostile of ['a', 'b', 'c', 'd'])
    for (let seq = 0; seq < 255; seq++) inbox.accept(hostile, piece(seq, payload, false, `audit:${hostile}`))
  expect(await inbox.arrival(check, 'honest', 'sent', never)).toEqual({ noRoom: true })
})

it('waits no longer than its signal', async () => {
  const inbox = createHandoverInbox(createManualClock())
  const given = new AbortController()
  const arrival = inbox.arrival(check, 'p', 'sent', given.signal)
  given.abort(new Error('late'))
  await expect(arrival).rejects.toThrow('late')
})
