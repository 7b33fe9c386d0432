import { describe, expect, it } from 'vitest'
import { dataOf, readSse } from '../../testing/read-sse.ts'
import { createTestPool } from '../../testing/test-pool.ts'
import { tinyCodec } from '../../testing/tiny-codec.ts'

const codec = tinyCodec()
const imEnd = 286
/** Tokens of a text, one a byte or a merge. */
const tokensOf = (text: string): number[] => codec.encode(text)

async function servedPool(settings = {}) {
  const pool = createTestPool(settings)
  const [entry, exit] = await pool.joinTabs(2)
  return { pool, entry: entry!, exit: exit! }
}

describe('POST /v1/chat/completions, streaming', () => {
  it('sends the chunks that OpenAI clients read', async () => {
    const { pool, entry } = await servedPool()
    const reply = pool.chat({ stream: true })
    const { requestId, promptTokens } = await entry.nextJob()
    expect(promptTokens).toEqual(codec.encodeChat([{ role: 'user', content: 'Hi' }]))
    entry.token(requestId, 0, tokensOf('S')[0]!)
    await pool.clock.advance(10)
    entry.token(requestId, 1, imEnd)
    entry.finish(requestId, 'stop', 2)
    const response = await reply
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect((await readSse(response).rest()).join('\n')).toMatchInlineSnapshot(`
      "data: {"id":"chatcmpl-15161718191a1b1c1d1e1f20","created":1767225600,"model":"tiny","system_fingerprint":"fp_abababababab","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
      data: {"id":"chatcmpl-15161718191a1b1c1d1e1f20","created":1767225600,"model":"tiny","system_fingerprint":"fp_abababababab","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"S"},"logprobs":null,"finish_reason":null}]}
      data: {"id":"chatcmpl-15161718191a1b1c1d1e1f20","created":1767225600,"model":"tiny","system_fingerprint":"fp_abababababab","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"computepool":{"route":[{"peer":"0x0000000000000000000000000000000000000001.00000001","layers":[0,2],"engine":"wasm"},{"peer":"0x0000000000000000000000000000000000000002.00000002","layers":[2,4],"engine":"wasm"}],"moves":0,"timeToFirstTokenMs":0,"tokensPerSecond":100,"directHops":2,"stoppedBy":null,"lap":{"lapMs":10,"computeMs":7,"queueMs":1,"wireMs":2}}}
      data: [DONE]"
    `)
  })

  it('sends the first chunk before the last token exists', async () => {
    const { pool, entry } = await servedPool()
    const reply = pool.chat({ stream: true })
    const { requestId } = await entry.nextJob()
    const [first, second] = tokensOf('xy')
    entry.token(requestId, 0, first!)
    const events = readSse(await reply)
    await events.next()
    expect(dataOf(await events.next())).toMatchObject({ choices: [{ delta: { content: 'x' } }] })
    entry.token(requestId, 1, second!)
    expect(dataOf(await events.next())).toMatchObject({ choices: [{ delta: { content: 'y' } }] })
    entry.finish(requestId, 'length', 4)
    expect(dataOf(await events.next())).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      computepool: { directHops: 4 },
    })
  })

  it('sends usage in a chunk of its own where it was asked for', async () => {
    const { pool, entry } = await servedPool()
    const reply = pool.chat({ stream: true, stream_options: { include_usage: true } })
    const { requestId, promptTokens } = await entry.nextJob()
    entry.token(requestId, 0, tokensOf('a')[0]!)
    entry.finish(requestId, 'length')
    const chunks = (await readSse(await reply).rest()).map(dataOf).filter(chunk => chunk !== undefined)
    const prompt = promptTokens.length
    expect(chunks.map(chunk => (chunk as { usage: unknown }).usage)).toEqual([
      null,
      null,
      null,
      {
        prompt_tokens: prompt,
        completion_tokens: 1,
        total_tokens: prompt + 1,
        prompt_tokens_details: { cached_tokens: 0 },
      },
    ])
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      computepool: { route: [{ layers: [0, 2] }, { layers: [2, 4] }] },
    })
  })

  it('tells the tabs at once when the client goes away', async () => {
    const { pool, entry } = await servedPool()
    const abort = new AbortController()
    const reply = pool.chat({ stream: true }, abort.signal)
    const { requestId } = await entry.nextJob()
    entry.token(requestId, 0, tokensOf('a')[0]!)
    await reply
    abort.abort()
    expect(entry.cancelled).toEqual([requestId])
    expect(pool.desk.snapshot().activeRequests).toBe(0)
  })

  it('tells the tabs at once when the stream is no longer read', async () => {
    const { pool, entry } = await servedPool()
    const reply = pool.chat({ stream: true })
    const { requestId } = await entry.nextJob()
    entry.token(requestId, 0, tokensOf('a')[0]!)
    const events = readSse(await reply)
    await events.next()
    await events.cancel()
    expect(entry.cancelled).toEqual([requestId])
  })

  it('ends with a typed error where the ring breaks after the headers', async () => {
    const { pool, entry, exit } = await servedPool()
    const reply = pool.chat({ stream: true })
    const { requestId } = await entry.nextJob()
    entry.token(requestId, 0, tokensOf('a')[0]!)
    const events = readSse(await reply)
    await events.next()
    await events.next()
    exit.leave()
    expect(await events.rest()).toMatchInlineSnapshot(`
      [
        "event: error
      data: {"error":{"message":"The answer was cut short: tab 0x0000…00000002, which held layers 2 to 3, was lost: left. Send the request again; the remaining tabs are being re-planned.","type":"server_error","param":null,"code":"swarm_coalition_lost"}}",
      ]
    `)
  })
})

describe('POST /v1/chat/completions, in one piece', () => {
  it('answers with the body that OpenAI clients read', async () => {
    const { pool, entry } = await servedPool()
    const reply = pool.chat({ max_tokens: 5, unknown_field: true })
    const { requestId, maxTokens } = await entry.nextJob()
    expect(maxTokens).toBe(5)
    entry.tokens(requestId, tokensOf('Sch'))
    entry.finish(requestId, 'length', 6)
    expect(await (await reply).json()).toMatchInlineSnapshot(`
      {
        "choices": [
          {
            "finish_reason": "length",
            "index": 0,
            "logprobs": null,
            "message": {
              "content": "Sch",
              "refusal": null,
              "role": "assistant",
            },
          },
        ],
        "computepool": {
          "directHops": 6,
          "lap": {
            "computeMs": 7,
            "lapMs": 10,
            "queueMs": 1,
            "wireMs": 2,
          },
          "moves": 0,
          "route": [
            {
              "engine": "wasm",
              "layers": [
                0,
                2,
              ],
              "peer": "0x0000000000000000000000000000000000000001.00000001",
            },
            {
              "engine": "wasm",
              "layers": [
                2,
                4,
              ],
              "peer": "0x0000000000000000000000000000000000000002.00000002",
            },
          ],
          "stoppedBy": null,
          "timeToFirstTokenMs": 0,
          "tokensPerSecond": null,
        },
        "created": 1767225600,
        "id": "chatcmpl-15161718191a1b1c1d1e1f20",
        "model": "tiny",
        "object": "chat.completion",
        "system_fingerprint": "fp_abababababab",
        "usage": {
          "completion_tokens": 3,
          "prompt_tokens": 19,
          "prompt_tokens_details": {
            "cached_tokens": 0,
          },
          "total_tokens": 22,
        },
      }
    `)
  })

  it('cuts at a stop string that spans tokens, and stops the tabs', async () => {
    const { pool, entry } = await servedPool()
    const reply = pool.chat({ stop: ['END'], logprobs: true })
    const { requestId } = await entry.nextJob()
    entry.tokens(requestId, tokensOf('xyEND'))
    const body = await (await reply).json()
    expect(body.choices[0]).toMatchObject({ message: { content: 'xy' }, finish_reason: 'stop' })
    expect(body.choices[0].logprobs.content.map((entry: { token: string }) => entry.token)).toEqual(['x', 'y'])
    expect(entry.cancelled).toEqual([requestId])
  })

  it('reports log-probabilities with their bytes', async () => {
    const { pool, entry } = await servedPool()
    const reply = pool.chat({ logprobs: true, top_logprobs: 2 })
    const { requestId, sampling } = await entry.nextJob()
    expect(sampling.logprobs).toBe(2)
    const [lead, trail] = tokensOf('é')
    const sampled = (token: number) => ({
      sampled: {
        token,
        logprob: -0.5,
        topLogprobs: [
          [token, -0.5],
          [imEnd, -2],
        ] as [number, number][],
      },
    })
    entry.token(requestId, 0, lead!, sampled(lead!))
    entry.token(requestId, 1, trail!, sampled(trail!))
    entry.finish(requestId, 'length')
    const { choices } = await (await reply).json()
    expect(choices[0].message.content).toBe('é')
    expect(choices[0].logprobs).toMatchInlineSnapshot(`
      {
        "content": [
          {
            "bytes": [
              195,
            ],
            "logprob": -0.5,
            "token": "�",
            "top_logprobs": [
              {
                "bytes": [
                  195,
                ],
                "logprob": -0.5,
                "token": "�",
              },
              {
                "bytes": [
                  60,
                  124,
                  105,
                  109,
                  95,
                  101,
                  110,
                  100,
                  124,
                  62,
                ],
                "logprob": -2,
                "token": "<|im_end|>",
              },
            ],
          },
          {
            "bytes": [
              169,
            ],
            "logprob": -0.5,
            "token": "�",
            "top_logprobs": [
              {
                "bytes": [
                  169,
                ],
                "logprob": -0.5,
                "token": "�",
              },
              {
                "bytes": [
                  60,
                  124,
                  105,
                  109,
                  95,
                  101,
                  110,
                  100,
                  124,
                  62,
                ],
                "logprob": -2,
                "token": "<|im_end|>",
              },
            ],
          },
        ],
        "refusal": null,
      }
    `)
  })

  it('passes sampling on', async () => {
    const { pool, entry } = await servedPool()
    void pool.chat({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 7,
      min_p: 0.1,
      presence_penalty: 1,
      frequency_penalty: -1,
      repetition_penalty: 1.2,
      logit_bias: { 12: -100 },
      seed: -1,
    })
    expect((await entry.nextJob()).sampling).toEqual({
      temperature: 0.5,
      topP: 0.9,
      topK: 7,
      minP: 0.1,
      presencePenalty: 1,
      frequencyPenalty: -1,
      repetitionPenalty: 1.2,
      logitBias: [[12, -100]],
      seed: 4294967295,
      logprobs: null,
    })
  })

  it('joins text parts, and takes "developer" for "system"', async () => {
    const { pool, entry } = await servedPool()
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hi ' },
          { type: 'text', text: 'you' },
        ],
      },
    ]
    void pool.chat({ messages })
    const plain = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi you' },
    ]
    expect((await entry.nextJob()).promptTokens).toEqual(codec.encodeChat(plain))
  })

  it('lets an answer without max_tokens fill the context', async () => {
    const { pool, entry } = await servedPool()
    void pool.chat({})
    const { promptTokens, maxTokens } = await entry.nextJob()
    expect(promptTokens.length + maxTokens).toBe(256)
  })
})
