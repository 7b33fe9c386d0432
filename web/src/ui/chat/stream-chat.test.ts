import { expect, test } from 'vitest'
import { type ChatEvent, streamChat } from './stream-chat.ts'

const request = { model: 'demo', messages: [{ role: 'user', content: 'Hello' }] } as const
const never = new AbortController().signal

function chunk(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}
const word = (content: string) => chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })
const stopChunk = chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
const lastChunk = chunk({
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  computepool: { route: [], timeToFirstTokenMs: 120, tokensPerSecond: 40, directHops: 4 },
})

/** A server that sends `bytes` in pieces of `size`. */
function server(text: string, size = 7, init: ResponseInit = {}): typeof fetch {
  const bytes = new TextEncoder().encode(text)
  return async () => {
    let at = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close()
        controller.enqueue(bytes.slice(at, at + size))
        at += size
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' }, ...init })
  }
}

async function collect(fetchImpl: typeof fetch, signal = never): Promise<ChatEvent[]> {
  const events: ChatEvent[] = []
  for await (const event of streamChat(request, signal, fetchImpl)) events.push(event)
  return events
}
const textOf = (events: ChatEvent[]) => events.map(event => (event.type === 'text' ? event.text : '')).join('')

test.each([1, 2, 3, 64, 10_000])('text and figures survive pieces of %d bytes', async size => {
  const events = await collect(server(`${word('Grü')}${word('ße 🎈')}${stopChunk}${lastChunk}data: [DONE]\n\n`, size))
  expect(textOf(events)).toBe('Grüße 🎈')
  expect(events.at(-1)).toEqual({
    type: 'finished',
    figures: { tokens: 2, tokensPerSecond: 40, timeToFirstTokenMs: 120, directHops: 4, finishReason: 'stop' },
  })
})

test('what the orchestrator says that vouches for it goes with the answer; a word that nobody knows does not', async () => {
  const text = `${word('Hi')}${stopChunk}data: [DONE]\n\n`
  const finished = async (label: string) =>
    (await collect(server(text, 64, { headers: { 'x-computepool-attestation': label } }))).at(-1)
  expect(await finished('simulated')).toMatchObject({ figures: { attestation: 'simulated' } })
  expect(JSON.stringify(await finished('certainly'))).not.toContain('attestation')
})

test('text is handed on before the stream ends', async () => {
  let push: (text: string) => void = () => {}
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      push = text => controller.enqueue(new TextEncoder().encode(text))
    },
  })
  const events = streamChat(request, never, async () => new Response(body))
  const first = events.next()
  push(word('early'))
  expect((await first).value).toEqual({ type: 'text', text: 'early' })
})

test('a refusal keeps its code, its words and how long to wait', async () => {
  const body = {
    error: { message: 'Layers 4–5 are missing.', type: 'server_error', param: null, code: 'swarm_layers_missing' },
  }
  const refusing = server(JSON.stringify(body), 999, { status: 503, headers: { 'retry-after': '5' } })
  const error = { code: 'swarm_layers_missing', message: 'Layers 4–5 are missing.', retryAfterSeconds: 5 }
  expect(await collect(refusing)).toEqual([{ type: 'failed', error }])
})

test('an error page that is not ours is told by its status', async () => {
  const events = await collect(server('<h1>Bad gateway</h1>', 999, { status: 502 }))
  expect(events).toMatchObject([{ type: 'failed', error: { code: 'http_502' } }])
})

test('a failure after text arrived is the last event, after the text', async () => {
  const failure = chunk({ error: { message: 'A tab vanished.', type: 'server_error', code: 'swarm_coalition_lost' } })
  const events = await collect(server(word('Half an') + failure))
  expect(textOf(events)).toBe('Half an')
  expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'swarm_coalition_lost' } })
})

test('a stream that breaks off is not taken for an answer', async () => {
  const events = await collect(server(word('Half an')))
  expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'connection_lost' } })
})

test('a chunk of another shape is refused', async () => {
  const events = await collect(server(chunk({ choices: 'none' })))
  expect(events).toMatchObject([{ type: 'failed', error: { code: 'unreadable' } }])
})

test('a server that is not there is told in words; an abort is told by nobody', async () => {
  const absent: typeof fetch = async () => {
    throw new TypeError('fetch failed')
  }
  expect(await collect(absent)).toMatchObject([{ type: 'failed', error: { code: 'unreachable' } }])
  expect(await collect(absent, AbortSignal.abort())).toEqual([])
})

test('the request asks for a stream with usage and passes the sampling on', async () => {
  let sent: unknown
  const spy: typeof fetch = async (_url, init) => {
    sent = JSON.parse(String(init?.body))
    return new Response('data: [DONE]\n\n')
  }
  for await (const _ of streamChat({ ...request, temperature: 0, seed: 7 }, never, spy)) void _
  expect(sent).toEqual({ ...request, temperature: 0, seed: 7, stream: true, stream_options: { include_usage: true } })
})

test('the id under which it can be asked for comes first, the ring that served it last', async () => {
  const route = [{ peer: '0xa.1', layers: [0, 2], engine: 'wasm' }]
  const init = { headers: { 'x-request-id': 'abc' } }
  const served = chunk({ choices: [], computepool: { route } })
  const events = await collect(server(`${word('Hi')}${stopChunk}${served}data: [DONE]\n\n`, 64, init))
  expect(events[0]).toEqual({ type: 'taken', requestId: 'abc' })
  expect(events.at(-1)).toMatchObject({ type: 'finished', figures: { route: ['0xa.1'] } })
})

test('lost rings and kept caches are read, where there were any', async () => {
  const facts = {
    usage: { completion_tokens: 2, prompt_tokens_details: { cached_tokens: 9 } },
    computepool: { moves: 2 },
  }
  const events = await collect(server(`${word('Hi')}${stopChunk}${chunk({ choices: [], ...facts })}data: [DONE]\n\n`))
  expect(events.at(-1)).toMatchObject({ figures: { moves: 2, cachedTokens: 9 } })
})

test('what an answer cost, and that the cap ended it, are read', async () => {
  const payment = { sessionId: '0x1', costAtomic: '1234', spentAtomic: '5000', refundableAtomic: '0' }
  const paid = chunk({ choices: [], computepool: { stoppedBy: 'cap', payment } })
  const events = await collect(server(`${word('Hi')}${stopChunk}${paid}data: [DONE]\n\n`))
  expect(events.at(-1)).toMatchObject({ type: 'finished', figures: { stoppedBy: 'cap', costAtomic: '1234' } })
})
