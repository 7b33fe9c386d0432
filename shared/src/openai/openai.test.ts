import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ComputePoolError } from '../errors/index.ts'
import { greedy, samplingParamsSchema } from '../pipeline/index.ts'
import { openAiErrorOf } from './error-body.ts'
import { parseChatCompletion, parseCompletion } from './parse-request.ts'
import { samplingOf, stopStringsOf } from './sampling-of.ts'

const chat = (change: object) =>
  parseChatCompletion({ model: 'm', messages: [{ role: 'user', content: 'x' }], ...change })
const context = { vocab: 100, randomSeed: 7, logprobs: null }

describe('an OpenAI body', () => {
  it('may have fields that we do not know, and null for absent', () => {
    expect(chat({ metadata: { a: 1 }, store: false, temperature: null, stop: null })).toMatchObject({ store: false })
  })

  it('never brings the door down: a body is parsed or refused by name', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(parseChatCompletion, parseCompletion), (body, parse) => {
        try {
          parse(body)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^input_(invalid|unsupported)$/) })
        }
      }),
    )
  })

  it('becomes parameters that the wire accepts', () => {
    expect(samplingOf(chat({}), context)).toEqual({ ...greedy, temperature: 1, seed: 7 })
    const odd = samplingOf(chat({ top_k: -1, seed: 2 ** 40 + 3, logit_bias: { 99: 1 } }), context)
    expect(samplingParamsSchema.parse(odd)).toMatchObject({ topK: 0, seed: 3, logitBias: [[99, 1]] })
  })

  it('takes top_p 0 for greedy, as OpenAI does', () => {
    expect(samplingOf(chat({ top_p: 0, temperature: 1 }), context)).toMatchObject({ temperature: 0, topP: 1 })
  })

  it('has stop strings as one or as several', () => {
    expect([{}, { stop: 'a' }, { stop: ['a', 'b'] }].map(change => stopStringsOf(chat(change)))).toEqual([
      [],
      ['a'],
      ['a', 'b'],
    ])
  })
})

describe('openAiErrorOf', () => {
  it('keeps a fault of ours to itself', () => {
    const { status, body } = openAiErrorOf(new TypeError('secret of /home/me'))
    expect(status).toBe(500)
    expect(JSON.stringify(body)).not.toContain('secret')
  })

  it('tells how long to wait where waiting helps', () => {
    const busy = new ComputePoolError('swarm_busy', 'Full.', { context: { retryAfterSeconds: 1.2 } })
    const wrong = new ComputePoolError('input_invalid', 'Wrong.')
    expect([busy, wrong].map(error => openAiErrorOf(error).retryAfterSeconds)).toEqual([2, null])
    const full = new ComputePoolError('swarm_overloaded', 'Full.', { context: { retryAfterSeconds: 40 } })
    expect([busy, full].map(error => openAiErrorOf(error).status)).toEqual([429, 503])
    expect(openAiErrorOf(full).retryAfterSeconds).toBe(40)
  })
})
