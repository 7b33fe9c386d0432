import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FakeTab } from '../testing/fake-tab.ts'
import { openSocketRing } from '../testing/open-socket-ring.ts'
import { openSocketTab } from '../testing/socket-tab.ts'
import { tinyModel, writeTinyPack } from '../testing/tiny-pack.ts'
import { createSimulatedProvider } from './attestation/simulated-provider.ts'
import { type RunningOrchestrator, startOrchestrator } from './serve.ts'

const question = { model: 'random', messages: [{ role: 'user' as const, content: 'Hi' }] }
/** The byte tokenizer of random packs: a token is a byte. */
const tokensOf = (text: string): number[] => [...Buffer.from(text)]

let folder = ''
let running: RunningOrchestrator
let client: OpenAI
let entry: FakeTab

async function start(): Promise<RunningOrchestrator> {
  // Signed, so that whatever a client of OpenAI's does is done to a body whose bytes are hashed as they pass.
  const attestation = createSimulatedProvider(`0x${'33'.repeat(32)}`)
  return startOrchestrator({ port: 0, packDir: folder, pageFolder: null, minSeats: 2, attestation })
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-serve-'))
  await writeTinyPack(folder)
  running = await start()
  client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'none', maxRetries: 0 })
})
afterAll(async () => {
  await running.close()
  await rm(folder, { recursive: true })
})

describe('the unmodified OpenAI client', () => {
  it('raises its own error class while no tab is there', async () => {
    await expect(client.chat.completions.create(question)).rejects.toMatchObject({
      constructor: OpenAI.InternalServerError,
      status: 503,
      code: 'swarm_layers_missing',
    })
    entry = (await openSocketRing(running, tinyModel)).entry
  })

  it('lists models', async () => {
    const models = []
    for await (const model of client.models.list()) models.push(model.id)
    expect(models).toEqual(['random'])
    expect(await client.models.retrieve('random')).toMatchObject({ object: 'model', context_window: 256 })
  })

  it('streams: each chunk arrives before the next token exists', async () => {
    const text = 'Schön 🦊'
    const stream = client.chat.completions.create({
      ...question,
      stream: true,
      stream_options: { include_usage: true },
    })
    const { requestId } = await entry.nextJob()
    const tokens = tokensOf(text)
    let said = 0
    const say = (): void => {
      if (said < tokens.length) entry.token(requestId, said, tokens[said++]!)
      else entry.finish(requestId, 'length', 2 * said)
    }
    const saidWhenSeen: number[] = []
    let got = ''
    let usage: unknown = null
    // A character of several bytes needs all of them before a chunk can come.
    const sayUntilWhole = (): void => {
      say()
      while (said < tokens.length && (tokens[said]! & 0xc0) === 0x80) say()
    }
    sayUntilWhole()
    for await (const chunk of await stream) {
      usage = chunk.usage ?? usage
      const content = chunk.choices[0]?.delta.content
      if (content === undefined || content === null || content === '') continue
      got += content
      saidWhenSeen.push(said)
      sayUntilWhole()
    }
    expect(got).toBe(text)
    expect(saidWhenSeen).toEqual([1, 2, 3, 5, 6, 7, 11])
    expect(usage).toMatchObject({ completion_tokens: tokens.length })
  })

  it('has the answer’s receipts, signed by keys that the tabs’ wallets vouched for', async () => {
    const settled = async (): Promise<string[]> => {
      const text = await (await fetch(`${running.url}/metrics`)).text()
      return text.split('\n').filter(line => line.startsWith('computepool_receipts_total'))
    }
    // They came after the answer, over their own sockets.
    let verdicts = await settled()
    while (verdicts.length === 0) verdicts = await settled()
    expect(verdicts).toEqual(['computepool_receipts_total{verdict="whole"} 1'])
  })

  it('aborts a stream, and the tabs hear of it', async () => {
    const stream = client.chat.completions.create({ ...question, stream: true })
    const { requestId } = await entry.nextJob()
    entry.token(requestId, 0, 65)
    for await (const chunk of await stream) {
      if (chunk.choices[0]?.delta.content === 'A') (await stream).controller.abort()
    }
    await entry.cancelOf(requestId)
    expect(running.desk.snapshot().activeRequests).toBe(0)
  })

  it('aborts before the first token, and the tabs hear of it', async () => {
    const abort = new AbortController()
    const reply = client.chat.completions.create(question, { signal: abort.signal })
    const { requestId } = await entry.nextJob()
    abort.abort()
    await expect(reply).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await entry.cancelOf(requestId)
  })

  it('answers in one piece', async () => {
    const reply = client.chat.completions.create(question)
    const { requestId } = await entry.nextJob()
    entry.tokens(requestId, tokensOf('Hello'))
    entry.finish(requestId, 'stop', 8)
    expect(await reply).toMatchObject({
      choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }],
      computepool: { directHops: 8, route: [{ engine: 'wasm' }, { engine: 'wasm' }] },
    })
  })

  it('raises its own error classes', async () => {
    const wrong = [
      client.chat.completions.create({ ...question, temperature: 9 }),
      client.chat.completions.create({ ...question, model: 'other' }),
      client.completions.create({ model: 'random', prompt: 'x'.repeat(300), max_tokens: 5 }),
    ].map(call => call.catch((error: unknown) => error))
    expect(await Promise.all(wrong)).toMatchObject([
      { constructor: OpenAI.BadRequestError, param: 'temperature' },
      { constructor: OpenAI.NotFoundError, code: 'model_not_found' },
      { constructor: OpenAI.BadRequestError, code: 'context_length_exceeded' },
    ])
  })

  it('raises an error of a stream that broke', async () => {
    const stream = client.chat.completions.create({ ...question, stream: true })
    const { requestId } = await entry.nextJob()
    entry.token(requestId, 0, 65)
    const read = async (): Promise<void> => {
      for await (const chunk of await stream) {
        if (chunk.choices[0]?.delta.content === 'A') entry.leave()
      }
    }
    await expect(read()).rejects.toMatchObject({ constructor: OpenAI.APIError, code: 'swarm_coalition_lost' })
  })
})

describe('startOrchestrator', () => {
  it('serves the pack by ranges, with digests as ETags', async () => {
    const tab = await openSocketTab(running.url, { model: 'random' })
    const offer = (await tab.commandOf('model-offered')).packUrl
    const url = `${running.url}${offer}parts/layer-0.bin`
    const whole = await fetch(url)
    const bytes = new Uint8Array(await whole.arrayBuffer())
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-range')).toBe(`bytes 10-19/${bytes.length}`)
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.slice(10, 20))
    expect(whole.headers.get('cache-control')).toContain('immutable')
    const etag = whole.headers.get('etag')!
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await fetch(url, { headers: { range: `bytes=${bytes.length}-` } })).status).toBe(416)
    expect((await fetch(`${running.url}${offer}..%2f..%2fpackage.json`)).status).toBe(404)
    expect((await fetch(`${running.url}${offer}%2e%2e%2fpackage.json`)).status).toBe(404)
    tab.leave()
  })

  it('keeps an idle connection for longer than a caller that asks now and then', async () => {
    const response = await fetch(`${running.url}/v1/models`)
    await response.arrayBuffer()
    expect(response.headers.get('keep-alive')).toBe('timeout=75')
  })

  it('says in words that a port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    await expect(startOrchestrator({ port, packDir: folder, pageFolder: null })).rejects.toMatchObject({
      code: 'input_invalid',
      message: `Port ${port} on 127.0.0.1 is taken by another program.`,
    })
    other.close()
  })

  it('takes the limits of its queue one by one, a client’s share of it too', async () => {
    const requests = { maxRunning: 1, maxQueuedPerClient: 2 }
    const own = await startOrchestrator({ port: 0, packDir: folder, pageFolder: null, minSeats: 2, requests })
    const tab = (await openSocketRing(own, tinyModel)).entry
    const other = new OpenAI({ baseURL: `${own.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const replies = [1, 2, 3, 4].map(() => other.chat.completions.create(question).catch((error: unknown) => error))
    await tab.nextJob()
    expect(await Promise.race(replies)).toMatchObject({
      status: 429,
      message: expect.stringContaining('2 of your requests wait already'),
    })
    expect(own.desk.snapshot()).toMatchObject({ activeRequests: 1, queuedRequests: 2 })
    await own.close()
    await Promise.all(replies)
  })

  it('closes twice, and ends live answers with an error', async () => {
    const second = await start()
    const tab = (await openSocketRing(second, tinyModel)).entry
    const other = new OpenAI({ baseURL: `${second.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const stream = other.chat.completions.create({ ...question, stream: true })
    const { requestId } = await tab.nextJob()
    tab.token(requestId, 0, 65)
    const read = async (): Promise<void> => {
      for await (const chunk of await stream) {
        if (chunk.choices[0]?.delta.content === 'A') void second.close()
      }
    }
    await expect(read()).rejects.toMatchObject({ message: expect.stringContaining('shutting down') })
    await second.close()
    await expect(fetch(second.url)).rejects.toThrow()
  })
})
