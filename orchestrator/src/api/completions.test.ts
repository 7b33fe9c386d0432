import { describe, expect, it } from 'vitest'
import { dataOf, readSse } from '../../testing/read-sse.ts'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'
import { tinyCodec } from '../../testing/tiny-codec.ts'

const codec = tinyCodec()

const complete = async (pool: TestPool, body: object): Promise<Response> =>
  pool.app.request('/v1/completions', {
    method: 'POST',
    body: JSON.stringify({ model: pool.model, prompt: 'Hi', ...body }),
  })

describe('POST /v1/completions', () => {
  it('continues a text, 16 tokens by default', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    const reply = complete(pool, {})
    const { requestId, promptTokens, maxTokens } = await entry!.nextJob()
    expect([promptTokens, maxTokens]).toEqual([codec.encode('Hi'), 16])
    entry!.tokens(requestId, codec.encode(' there'))
    entry!.finish(requestId, 'length')
    const body = await (await reply).json()
    expect(body).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: ' there', logprobs: null, finish_reason: 'length' }],
    })
  })

  it('takes tokens as they are', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    void complete(pool, { prompt: [1, 2, 287] })
    expect((await entry!.nextJob()).promptTokens).toEqual([1, 2, 287])
    const stranger = await complete(pool, { prompt: [1, 288] })
    expect([stranger.status, (await stranger.json()).error.message]).toEqual([
      400,
      'The prompt has token 288; the vocabulary has 288. Send at least one token of this model.',
    ])
  })

  it('has tokens guessed ahead unless the body says otherwise', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    void complete(pool, {})
    expect((await entry!.nextJob()).speculate).toBeUndefined()
    void complete(pool, { computepool: { speculate: false } })
    expect((await entry!.nextJob()).speculate).toBe(false)
    void pool.app.request('/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({
        model: pool.model,
        messages: [{ role: 'user', content: 'Hi' }],
        computepool: { speculate: false },
      }),
    })
    expect((await entry!.nextJob()).speculate).toBe(false)
    const refused = await complete(pool, { computepool: { speculate: 'no' } })
    expect(refused.status).toBe(400)
  })

  it('streams, with log-probabilities by the old shape', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    const reply = complete(pool, { stream: true, logprobs: 1 })
    const { requestId } = await entry!.nextJob()
    const [x, y] = codec.encode('xy')
    for (const [index, token] of [x!, y!].entries()) {
      entry!.token(requestId, index, token, { sampled: { token, logprob: -1, topLogprobs: [[token, -1]] } })
    }
    entry!.finish(requestId, 'stop')
    const chunks = (await readSse(await reply).rest()).map(dataOf).filter(chunk => chunk !== undefined)
    expect(chunks.flatMap(chunk => (chunk as { choices: unknown[] }).choices)).toEqual([
      {
        index: 0,
        text: 'x',
        finish_reason: null,
        logprobs: { tokens: ['x'], token_logprobs: [-1], top_logprobs: [{ x: -1 }], text_offset: [0] },
      },
      {
        index: 0,
        text: 'y',
        finish_reason: null,
        logprobs: { tokens: ['y'], token_logprobs: [-1], top_logprobs: [{ y: -1 }], text_offset: [1] },
      },
      { index: 0, text: '', finish_reason: 'stop', logprobs: null },
    ])
  })

  it.each([
    ['echo', { echo: true }],
    ['suffix', { suffix: 'x' }],
    ['best_of', { best_of: 3 }],
    ['prompt', { prompt: ['a', 'b'] }],
  ])('refuses %s by name', async (param, body) => {
    const pool = createTestPool()
    await pool.joinTabs(2)
    const response = await complete(pool, body)
    expect([response.status, (await response.json()).error]).toMatchObject([
      400,
      { param, code: 'unsupported_parameter' },
    ])
  })
})
