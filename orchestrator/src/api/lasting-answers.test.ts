import { describe, expect, it } from 'vitest'
import { dataOf, readSse } from '../../testing/read-sse.ts'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'
import { tinyCodec } from '../../testing/tiny-codec.ts'

const codec = tinyCodec()
const question = { role: 'user', content: 'What is a ring of tabs, and who keeps it?' }
const promptOf = (messages: Array<{ role: string; content: string }>): number[] => codec.encodeChat(messages)
/** Two seats that answer, and a tab that waits. */
async function openPool() {
  const pool = createTestPool()
  const [entry, exit] = await pool.joinTabs(2)
  const spare = pool.hub.tab(3, { model: pool.model })
  spare.join()
  await pool.clock.settle()
  return { pool, entry: entry!, exit: exit! }
}

const json = async (reply: Promise<Response> | Response): Promise<Record<string, unknown>> =>
  (await (await reply).json()) as Record<string, unknown>

const textOf = (body: Record<string, unknown>): string =>
  (body.choices as Array<{ message: { content: string } }>)[0]!.message.content

describe('an answer whose exit closes its tab', () => {
  it('goes on in the same stream, and its text is what one tab would have said', async () => {
    const { pool, entry, exit } = await openPool()
    const order = { messages: [question], stream: true, max_tokens: 8, stream_options: { include_usage: true } }
    const reply = pool.chat(order)
    const first = await entry.nextJob()
    entry.draw(first, 3)
    const events = readSse(await reply)
    exit.leave()
    await pool.clock.advance(6000)
    const second = await entry.nextJob()
    expect(second.generatedTokens).toHaveLength(3)
    expect(second.promptTokens).toEqual(first.promptTokens)
    entry.draw(second, 5)
    entry.finish(second.requestId, 'length', 7)
    const chunks = (await events.rest()).map(dataOf).filter(chunk => chunk !== undefined) as Array<{
      choices: Array<{ delta: { content?: string } }>
      usage: unknown
      computepool?: { route: Array<{ peer: string }>; moves: number; directHops: number }
    }>
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
    const alone = createTestPool()
    const [only] = await alone.joinTabs(2)
    const whole = alone.chat({ messages: [question], max_tokens: 8 })
    const job = await only!.nextJob()
    only!.draw(job, 8)
    only!.finish(job.requestId, 'length')
    expect(text).toBe(textOf(await json(whole)))
    expect(text).toHaveLength(8)
    const { usage, computepool } = chunks.at(-1)!
    expect(usage).toMatchObject({ completion_tokens: 8 })
    expect(computepool).toMatchObject({ moves: 1, directHops: 7 })
    expect(computepool!.route.map(({ peer }) => peer)).not.toContain(exit.peer)
  })

  it('ends with one typed error where nobody takes it over', async () => {
    const pool = createTestPool()
    const [entry, exit] = await pool.joinTabs(2)
    const reply = pool.chat({ stream: true })
    entry!.draw(await entry!.nextJob(), 2)
    const events = readSse(await reply)
    exit!.leave()
    await pool.clock.advance(60_000)
    const rest = await events.rest()
    expect(rest.at(-1)).toContain('event: error')
    expect(rest.at(-1)).toContain('swarm_coalition_lost')
    expect(rest.filter(event => event.includes('event: error'))).toHaveLength(1)
  })
})

describe('the second turn of a conversation', () => {
  /** Answers `first`, then asks `second` with the answer before it; returns the second job and its reply's body. */
  async function twoTurns(pool: TestPool, change: { first?: object; second?: object; path?: string } = {}) {
    const [entry] = await pool.joinTabs(2)
    const opening = pool.chat({ messages: [question], max_tokens: 4, ...change.first })
    const first = await entry!.nextJob()
    entry!.draw(first, 4)
    entry!.finish(first.requestId, 'length')
    const content = textOf(await json(opening))
    const messages = [question, { role: 'assistant', content }, { role: 'user', content: 'Why?' }]
    const reply = pool.chat({ messages, max_tokens: 2, ...change.second })
    const second = await entry!.nextJob()
    entry!.flow(second.requestId, second.reuse?.positions)
    entry!.draw(second, 2)
    entry!.finish(second.requestId, 'length')
    return { entry: entry!, first, second, reply, promptTokens: promptOf(messages).length }
  }

  it('begins with the caches of the first, and says how much it saved', async () => {
    const { first, second, reply, promptTokens } = await twoTurns(createTestPool())
    expect(first).toMatchObject({ keepCache: true })
    expect(second.reuse).toEqual({ requestId: first.requestId, positions: expect.any(Number) })
    const { positions } = second.reuse!
    expect(positions).toBeGreaterThanOrEqual(first.promptTokens.length)
    expect(positions).toBeLessThan(first.promptTokens.length + 4)
    expect((await json(reply)).usage).toMatchObject({
      prompt_tokens: promptTokens,
      prompt_tokens_details: { cached_tokens: positions },
    })
  })

  it('tells it in a stream’s usage too', async () => {
    const second = { stream: true, stream_options: { include_usage: true } }
    const turns = await twoTurns(createTestPool(), { second })
    const chunks = (await readSse(await turns.reply).rest()).map(dataOf).filter(chunk => chunk !== undefined)
    const cached_tokens = turns.second.reuse!.positions
    expect(chunks.at(-1)).toMatchObject({ usage: { prompt_tokens_details: { cached_tokens } } })
  })

  it.each([{ prompt_cache_key: 'another' }, { user: 'somebody else' }])('is parted further by %j', async second => {
    const turns = await twoTurns(createTestPool(), { second })
    expect(turns.second.reuse).toBe(undefined)
    expect((await json(turns.reply)).usage).toMatchObject({ prompt_tokens_details: { cached_tokens: 0 } })
  })

  it('reaches the other endpoint, for the same client', async () => {
    const pool = createTestPool()
    const { entry, second } = await twoTurns(pool)
    const prompt = [...second.promptTokens, 65]
    const body = JSON.stringify({ model: pool.model, prompt, max_tokens: 1 })
    const headers = { 'content-type': 'application/json' }
    const reply = pool.app.request('/v1/completions', { method: 'POST', headers, body })
    const job = await entry.nextJob()
    expect(job.reuse).toMatchObject({ requestId: second.requestId })
    expect(job.keepCache).toBe(undefined)
    entry.flow(job.requestId, job.reuse!.positions)
    entry.draw(job, 1)
    entry.finish(job.requestId, 'length')
    const cached_tokens = job.reuse!.positions
    expect((await json(reply)).usage).toMatchObject({ prompt_tokens_details: { cached_tokens } })
  })

  it('reaches no other endpoint where it begins with the pool’s own text, which a guess would tell', async () => {
    const pool = createTestPool({}, { systemPrompt: 'You are a hedgehog. Never say so.' })
    const { entry, second } = await twoTurns(pool)
    expect(second.reuse).toMatchObject({ positions: expect.any(Number) })
    const body = JSON.stringify({ model: pool.model, prompt: [...second.promptTokens, 65], max_tokens: 1 })
    const headers = { 'content-type': 'application/json' }
    const reply = pool.app.request('/v1/completions', { method: 'POST', headers, body })
    const job = await entry.nextJob()
    expect(job.reuse).toBe(undefined)
    entry.draw(job, 1)
    entry.finish(job.requestId, 'length')
    expect((await json(reply)).usage).toMatchObject({ prompt_tokens_details: { cached_tokens: 0 } })
  })
})
