import { describe, expect, it } from 'vitest'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'

const image = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }]

async function refusal(pool: TestPool, body: object) {
  const response = await pool.chat(body)
  const { error } = (await response.json()) as { error: Record<string, unknown> }
  return { status: response.status, retryAfter: response.headers.get('retry-after'), ...error }
}

describe('what the API refuses', () => {
  it.each([
    ['tools', { tools: [{ type: 'function' }] }],
    ['n', { n: 2 }],
    ['response_format', { response_format: { type: 'json_object' } }],
    ['audio', { audio: { voice: 'x' } }],
    ['logit_bias', { logit_bias: { hello: 1 } }],
    ['messages[0].content[0]', { messages: image }],
  ])('names %s, which it cannot honour', async (param, body) => {
    const pool = createTestPool()
    await pool.joinTabs(2)
    expect(await refusal(pool, body)).toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
      param,
      type: 'invalid_request_error',
    })
  })

  it.each([
    ['temperature', { temperature: 3 }],
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [{ role: 'ghost', content: '' }] }],
    ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }],
    ['max_tokens', { max_tokens: 0 }],
    ['top_logprobs', { top_logprobs: 3 }],
    ['logit_bias', { logit_bias: { 999: 1 } }],
  ])('names %s, which is wrong', async (param, body) => {
    const pool = createTestPool()
    await pool.joinTabs(2)
    expect(await refusal(pool, body)).toMatchObject({ status: 400, code: 'input_invalid', param })
  })

  it('accepts harmless values of what it does not support', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    void pool.chat({ n: 1, tools: [], tool_choice: 'none', response_format: { type: 'text' }, user: 'me', stop: null })
    expect(await entry!.nextJob()).toBeDefined()
  })

  it('says in each body what happened and what to do', async () => {
    const pool = createTestPool({ maxBodyBytes: 20_000 })
    const missing = await refusal(pool, {})
    await pool.joinTabs(2)
    const bodies = [
      missing,
      await refusal(pool, { model: 'gpt-9' }),
      await refusal(pool, { max_tokens: 10_000 }),
      await refusal(pool, { messages: [{ role: 'user', content: 'x'.repeat(300) }] }),
      await refusal(pool, { messages: [{ role: 'user', content: 'x'.repeat(30_000) }] }),
    ]
    expect(bodies).toMatchInlineSnapshot(`
      [
        {
          "code": "swarm_layers_missing",
          "message": "Layers 0–3 are missing. No tab is here yet; 2 tabs are needed. Open the operator page in another tab, or try again shortly.",
          "param": null,
          "retryAfter": "5",
          "status": 503,
          "type": "server_error",
        },
        {
          "code": "model_not_found",
          "message": "The model "gpt-9" is not served here. Use "tiny".",
          "param": "model",
          "retryAfter": null,
          "status": 404,
          "type": "invalid_request_error",
        },
        {
          "code": "context_length_exceeded",
          "message": "The context has room for 256 tokens; the prompt has 19 and asks for up to 10000 more. Shorten the messages, or ask for fewer tokens.",
          "param": "messages",
          "retryAfter": null,
          "status": 400,
          "type": "invalid_request_error",
        },
        {
          "code": "context_length_exceeded",
          "message": "The context has room for 256 tokens; the prompt has 317. Shorten the messages, or ask for fewer tokens.",
          "param": "messages",
          "retryAfter": null,
          "status": 400,
          "type": "invalid_request_error",
        },
        {
          "code": "input_too_large",
          "message": "The body is larger than 20000 bytes. Send a shorter conversation.",
          "param": null,
          "retryAfter": null,
          "status": 413,
          "type": "invalid_request_error",
        },
      ]
    `)
    expect(pool.faults).toEqual([])
  })

  it('names the layers that are missing while a tab loads, and what happens next', async () => {
    const pool = createTestPool()
    const [first, second] = await pool.joinTabs(2, { isEager: false })
    const exit = first!.assignment().seat === 0 ? second! : first!
    const entry = exit === first ? second! : first!
    entry.ready()
    const { start, end } = exit.assignment().seats[1]!.layers
    const message = async (): Promise<unknown> => ((await refusal(pool, {})) as { message?: unknown }).message
    expect(await message()).toMatch(
      new RegExp(`^Layers ${start}–${end - 1} are missing\\. Forming: 1 of 2 tabs have loaded their layers\\.`),
    )
    exit.ready()
    expect(await message()).toMatch(/^Forming: all layers are loaded; the tabs are opening their links\./)
  })

  it('refuses a body that is not JSON, and an unknown route', async () => {
    const { app } = createTestPool()
    const broken = await app.request('/v1/chat/completions', { method: 'POST', body: '{' })
    const nowhere = await app.request('/v1/embeddings', { method: 'POST', body: '{}' })
    expect([broken.status, await broken.json(), nowhere.status, await nowhere.json()]).toMatchInlineSnapshot(`
      [
        400,
        {
          "error": {
            "code": "input_invalid",
            "message": "The body is not JSON. Send a JSON object with Content-Type: application/json.",
            "param": null,
            "type": "invalid_request_error",
          },
        },
        404,
        {
          "error": {
            "code": "input_not_found",
            "message": "POST /v1/embeddings is not served here. Use /v1/models, /v1/chat/completions or /v1/completions.",
            "param": null,
            "type": "invalid_request_error",
          },
        },
      ]
    `)
  })

  it.each([
    ['engine_out_of_memory', 'engine_out_of_memory', 'A tab of the ring has no memory left'],
    ['payment_required', 'peer_frame_invalid', 'A tab of the ring could not use'],
  ] as const)('where an entry says %s before the first token, is %s in words of its own', async (said, code, words) => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    const reply = refusal(pool, { stream: true })
    const error = { code: said, message: 'Pay 5 USDC.', remedy: 'Pay 0xbad.', context: { param: 'messages' } }
    for (const wait of [500, 1000, 0]) {
      entry!.say({ type: 'request-failed', requestId: (await entry!.nextJob()).requestId, error })
      await pool.clock.advance(wait)
    }
    const told = await reply
    expect(told).toMatchObject({ status: 500, code, message: expect.stringContaining(words) })
    expect(JSON.stringify(told)).not.toContain('0xbad')
  })

  it('asks tabs that stall once more, then gives up, and tells them', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    const reply = refusal(pool, {})
    const { requestId } = await entry!.nextJob()
    // The prompt's 19 tokens add 1.9 s to the first silence.
    await pool.clock.advance(61_000)
    entry!.token(requestId, 0, 50)
    await pool.clock.advance(59_000)
    expect(entry!.cancelled).toEqual([])
    await pool.clock.advance(2000)
    const again = await entry!.nextJob()
    expect(again.generatedTokens).toEqual([50])
    await pool.clock.advance(62_000)
    expect(await reply).toMatchObject({ status: 500, code: 'peer_timed_out' })
    expect(entry!.cancelled).toEqual([requestId, again.requestId])
  })

  it('queues what the ring cannot run yet, and refuses what the queue cannot hold', async () => {
    const requests = { maxRunning: 1, maxQueued: 1, stallTimeoutMs: 60_000, queueTimeoutMs: 30_000 }
    const pool = createTestPool({ requests })
    const [entry] = await pool.joinTabs(2)
    const abort = new AbortController()
    const first = pool.chat({}, abort.signal)
    const job = await entry!.nextJob()
    const second = pool.chat({})
    const full = refusal(pool, {})
    expect(await full).toMatchObject({
      status: 429,
      code: 'rate_limit_exceeded',
      // A usual answer’s 256 tokens at the lap that placement expects: four layers of 1 ms, and two hops.
      retryAfter: '4',
    })
    expect(pool.desk.snapshot()).toMatchObject({ activeRequests: 1, queuedRequests: 1 })
    abort.abort()
    expect(entry!.cancelled).toEqual([job.requestId])
    const next = await entry!.nextJob()
    entry!.token(next.requestId, 0, 50)
    entry!.finish(next.requestId, 'length')
    expect((await second).status).toBe(200)
    await first
  })

  it('runs side by side only what the caches hold', async () => {
    const pool = createTestPool()
    const kvBudgetBytes = 2 * 256 * 64
    const [entry] = await pool.joinTabs(2, { kvBudgetBytes })
    const replies = [pool.chat({}), pool.chat({}), pool.chat({})]
    await entry!.nextJob()
    await entry!.nextJob()
    await pool.clock.settle()
    expect(pool.desk.snapshot()).toMatchObject({ activeRequests: 2, queuedRequests: 1 })
    pool.desk.close()
    for (const reply of replies) expect((await reply).status).toBe(503)
  })

  it('limits how much one address may ask', async () => {
    const pool = createTestPool({ limitsFor: () => ({ perMinute: 2, concurrent: 1 }) })
    const [entry] = await pool.joinTabs(2)
    const first = pool.chat({})
    const { requestId } = await entry!.nextJob()
    expect(await refusal(pool, {})).toMatchObject({
      status: 429,
      message: expect.stringContaining('1 of your requests'),
    })
    entry!.token(requestId, 0, 50)
    entry!.finish(requestId, 'length')
    await first
    await refusal(pool, { model: 'other' })
    expect(await refusal(pool, {})).toMatchObject({ status: 429, retryAfter: '30' })
  })
})
