import { sha256, stringToBytes } from 'viem'
import { afterEach, expect, test, vi } from 'vitest'
import { type Answering, type Asked, fakeFetch, fakeOrigin, pieces } from '../test/fake-fetch.ts'
import { askChat, streamChat } from './ask-chat.ts'

afterEach(() => {
  vi.useRealTimers()
})

const path = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'Hi' }]
const ended = { route: [], payment: { costAtomic: '12' }, stoppedBy: null, aLaterField: 1 }
const chunk = (content: string, rest: object = {}) =>
  `data: ${JSON.stringify({ model: 'demo', choices: [{ delta: { content }, finish_reason: null }], ...rest })}\n\n`
const last = `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }], computepool: ended })}\n\n`
const done = 'data: [DONE]\n\n'

const doorTo = (answer: Answering) => {
  const { fetch, asked } = fakeFetch({ [path]: answer })
  return { door: { origin: fakeOrigin, fetch, headers: { 'x-pass': 'one' } }, asked }
}
const streaming = (text: string, { cutEvery = 1000, isOpen = false } = {}) =>
  doorTo(asked => {
    const bytes = new TextEncoder().encode(text)
    const parts = Array.from({ length: Math.ceil(bytes.length / cutEvery) }, (_, at) =>
      bytes.slice(at * cutEvery, (at + 1) * cutEvery),
    )
    return new Response(pieces(parts, asked, isOpen), { headers: { 'zg-res-key': 'ab', 'x-request-id': 'r1' } })
  })

test('a stream is the same text however its bytes are cut, and is hashed as it came', async () => {
  const text = `: warm\n\n${chunk('für ')}${chunk('alle 🦙')}${last}${done}`
  for (const cutEvery of [1, 3, 1000]) {
    const { door, asked } = streaming(text, { cutEvery })
    const stream = streamChat(door, 'demo', { messages, seed: 7 })
    const heard: string[] = []
    for await (const piece of stream) heard.push(piece)
    expect(heard).toEqual(['für ', 'alle 🦙'])
    const sent = asked[0]!.init.body as Uint8Array
    expect(JSON.parse(new TextDecoder().decode(sent))).toMatchObject({ model: 'demo', seed: 7, stream: true })
    expect(asked[0]!.init.headers).toMatchObject({ 'x-pass': 'one' })
    expect(await stream.answer()).toMatchObject({
      text: 'für alle 🦙',
      finishReason: 'stop',
      requestId: 'r1',
      costAtomic: 12n,
      evidence: {
        pool: fakeOrigin,
        signatureId: 'ab',
        requestSha256: sha256(sent).slice(2),
        responseSha256: sha256(stringToBytes(text)).slice(2),
      },
    })
  }
})

test('its answer can be had without reading it piece by piece', async () => {
  const { door } = streaming(`${chunk('Hi')}${last}${done}`)
  expect((await streamChat(door, 'demo', { messages }).answer()).text).toBe('Hi')
})

test('a stream that ends before its end is cut, with the text that came', async () => {
  const failure = `event: error\ndata: ${JSON.stringify({ error: { message: 'The ring is gone.', code: 'swarm_coalition_lost' } })}\n\n`
  const cases = [
    [`${chunk('Hel')}`, 'sdk_stream_broken'],
    [`${chunk('Hel')}${failure}`, 'swarm_coalition_lost'],
    [`${chunk('Hel')}data: {not json}\n\n`, 'sdk_event_unreadable'],
  ] as const
  for (const [text, code] of cases) {
    const stream = streamChat(streaming(text).door, 'demo', { messages })
    await expect(stream.answer()).rejects.toMatchObject({ kind: 'answer_cut', code, partialText: 'Hel' })
    await expect(stream.answer()).rejects.toMatchObject({ code })
  }
})

test('a stream that falls silent is given up', async () => {
  vi.useFakeTimers()
  const { door } = streaming(chunk('Hel'), { isOpen: true })
  const answer = streamChat(door, 'demo', { messages }, { timeoutMs: 5_000 }).answer()
  const given = expect(answer).rejects.toMatchObject({
    kind: 'answer_cut',
    code: 'sdk_stream_silent',
    partialText: 'Hel',
  })
  await vi.advanceTimersByTimeAsync(4_999)
  expect(vi.getTimerCount()).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  await given
})

const refusal = (status: number, code: string, headers: Record<string, string> = {}): Answering => {
  return () => Response.json({ error: { message: 'No.', type: 'x', param: null, code } }, { status, headers })
}

test.each([
  [402, 'payment_cap_reached', 'cap_spent'],
  [402, 'payment_session_closed', 'session_over'],
  [402, 'payment_required', 'payment'],
  [401, 'peer_unauthenticated', 'not_allowed'],
  [403, 'peer_not_authorised', 'not_allowed'],
  [503, 'swarm_layers_missing', 'ring_gone'],
  [503, 'swarm_overloaded', 'busy'],
  [429, 'rate_limit_exceeded', 'busy'],
  [400, 'context_length_exceeded', 'refused'],
  [502, 'chain_reverted', 'chain'],
  [500, 'bug_unreachable_state', 'pool_fault'],
  [502, 'sdk_http_error', 'unreachable'],
])('%i %s is %s, in one piece and streamed', async (status, code, kind) => {
  const { door } = doorTo(refusal(status, code, { 'retry-after': '7' }))
  const expected = { name: 'PoolError', kind, code, httpStatus: status, retryAfterSeconds: 7, message: 'No.' }
  await expect(askChat(door, 'demo', { messages })).rejects.toMatchObject(expected)
  await expect(streamChat(door, 'demo', { messages }).answer()).rejects.toMatchObject(expected)
})

test('what does not answer is unreachable, what answers otherwise is not understood, and neither tells a token', async () => {
  const { fetch } = fakeFetch({})
  const door = { origin: fakeOrigin, fetch, headers: { authorization: 'Bearer secret' } }
  const lost = await askChat(door, 'demo', { messages }).catch(error => error)
  expect(lost).toMatchObject({ kind: 'unreachable', message: `${fakeOrigin} did not answer.` })
  expect(JSON.stringify({ ...lost, message: lost.message, remedy: lost.remedy })).not.toContain('secret')
  const strange = doorTo(() => new Response('<html>'))
  await expect(askChat(strange.door, 'demo', { messages })).rejects.toMatchObject({ kind: 'not_understood' })
})

test('an abort that was asked for rejects with its own reason', async () => {
  const hang = (asked: Asked) => new Response(pieces([], asked, true))
  const leave = new AbortController()
  const asking = askChat(doorTo(hang).door, 'demo', { messages }, { signal: leave.signal })
  leave.abort('enough')
  await expect(asking).rejects.toBe('enough')
})

/** Without end, in pieces of 64 KiB; tells how many bytes were taken. */
function endless(text: string, status: number) {
  const piece = new TextEncoder().encode(text.repeat(Math.ceil((64 << 10) / text.length)))
  const taken = { bytes: 0 }
  const body = new ReadableStream<Uint8Array>({
    pull: controller => {
      taken.bytes += piece.length
      controller.enqueue(piece)
    },
  })
  return { ...doorTo(() => new Response(body, { status })), taken }
}

test('a pool that never stops sending is left, whether it answers, refuses or makes one event of it', async () => {
  const refusing = endless('x', 500)
  await expect(askChat(refusing.door, 'demo', { messages })).rejects.toMatchObject({ code: 'sdk_http_error' })
  expect(refusing.taken.bytes).toBeLessThan(1 << 20)
  const oneEvent = endless('data: aaaaaaaaaaaaaaaaaaaaaaaaaaa\n', 200)
  await expect(streamChat(oneEvent.door, 'demo', { messages }).answer()).rejects.toMatchObject({ kind: 'answer_cut' })
  expect(oneEvent.taken.bytes).toBeLessThan(4 << 20)
  const silent = endless(`: ${'warm '.repeat(2000)}\n\n`, 200)
  await expect(streamChat(silent.door, 'demo', { messages }).answer()).rejects.toMatchObject({
    code: 'sdk_answer_too_long',
  })
})
