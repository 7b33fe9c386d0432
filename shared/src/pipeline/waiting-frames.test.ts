import { describe, expect, it } from 'vitest'
import { seatConfigOf, seatPeer } from '../../testing/seat-config-of.ts'
import { encodeTokens, type Frame, type FrameHeader } from '../wire/index.ts'
import { openPipelineState, type PipelineAct, type PipelineState } from './pipeline-state.ts'
import { greedy } from './sampling-params.ts'
import { step } from './step.ts'

const configOf = (seat: number) => seatConfigOf(seat, { hidden: 4096, maxChunk: 16, maxRequests: 64 })

const hidden = (requestId: string, seq: number, tokens: number, fields: Partial<FrameHeader> = {}): Frame => ({
  header: {
    request_id: requestId,
    kind: 'hidden',
    dtype: 'f32',
    shape: [tokens, 4096],
    seq,
    position: 0,
    epoch: 5,
    ...(seq === 0 ? { sampling: greedy } : {}),
    ...fields,
  },
  payload: new Uint8Array(tokens * 4096 * 4),
})

const receive = (state: PipelineState, from: number, frame: Frame) =>
  step(state, { type: 'frame-received', peer: seatPeer(from), frame, nowMs: 0 })

const codesIn = (acts: readonly PipelineAct[]) =>
  acts.flatMap(act => {
    if (act.type === 'send' && act.header.kind === 'control')
      return [JSON.parse(new TextDecoder().decode(act.payload)).code]
    return act.type === 'report' && act.message.type === 'request-failed' ? [act.message.error.code] : []
  })

describe('frames that come early', () => {
  const prompt = new Array<number>(64).fill(7)
  it.each([
    ['a text', hidden('a', 3, 1, { prompt_tokens: prompt })],
    ['an earlier answer', hidden('a', 3, 1, { generated_tokens: prompt })],
    ['sampling', hidden('a', 3, 1, { sampling: greedy })],
    ['a kept cache', hidden('a', 3, 1, { reuse: { requestId: 'z', positions: 1 } })],
    ['another width', hidden('a', 3, 1, { shape: [4, 1024] })],
    ['another type', hidden('a', 3, 1, { dtype: 'int64' })],
    ['too long a trace', hidden('a', 3, 1, { trace: [0, 1].map(seat => ({ seat, computeMs: 1, queueMs: 0 })) })],
  ])('are not held with %s', (_, frame) => {
    const [state, acts] = receive(openPipelineState(configOf(1)), 0, frame)
    expect(codesIn(acts)).toContain('peer_frame_invalid')
    expect(state.requests.size).toBe(0)
  })

  it('of all requests together take no more than two contexts', () => {
    let state = openPipelineState(configOf(1))
    let heldBytes = 0
    for (let i = 0; i < 60; i += 1) {
      ;[state] = receive(state, 0, hidden(`r${i}`, 1, 60))
      const held = [...state.requests.values()].flatMap(({ inbox }) => [...inbox.held.values()])
      heldBytes = held.reduce((sum, { payload }) => sum + payload.byteLength, 0)
    }
    const contextBytes = 64 * 4096 * 4
    expect(heldBytes).toBeGreaterThanOrEqual(2 * 60 * 4096 * 4)
    expect(heldBytes).toBeLessThanOrEqual(2 * contextBytes + (2 << 20))
  })

  it('hold up a request of few and short ones not at all', () => {
    let state = openPipelineState(configOf(1))
    const rest = Array.from({ length: 60 }, (_, i) => hidden('a', i + 1, 1, { position: i + 1 }))
    for (const frame of rest) [state] = receive(state, 0, frame)
    const [after, acts] = receive(state, 0, hidden('a', 0, 1))
    expect(codesIn(acts)).toEqual([])
    expect(after.requests.get('a')?.length).toBe(61)
  })

  it('from the exit take a bounded part of the entry’s memory', () => {
    let state = openPipelineState(configOf(0))
    const job = { promptTokens: [1, 2, 3], maxTokens: 9, stopTokens: [], sampling: greedy }
    for (let i = 0; i < 20; i += 1)
      [state] = step(state, { type: 'request-submitted', job: { ...job, requestId: `r${i}` }, nowMs: 0 })
    const alternatives = Array.from({ length: 20 }, (_, token): [number, number] => [token, -1])
    const sampled_list = Array.from({ length: 33 }, (_, token) => ({ token, logprob: -1, topLogprobs: alternatives }))
    const payload = encodeTokens(sampled_list.map(({ token }) => token))
    for (let i = 0; i < 20; i += 1)
      for (let seq = 1; seq < 40; seq += 1) {
        const words = { request_id: `r${i}`, shape: [33], seq, position: 3, epoch: 5, sampled_list }
        ;[state] = receive(state, 2, { header: { ...words, kind: 'token', dtype: 'int64' }, payload })
      }
    const frames = [...state.requests.values()].reduce((sum, { inbox }) => sum + inbox.held.size, 0)
    expect(frames).toBeGreaterThan(100)
    expect(frames).toBeLessThan(400)
  })
})

describe('rows that wait for the engine', () => {
  it('are never more than a context and a draft', () => {
    let state = openPipelineState(configOf(1))
    const codes: string[] = []
    let most = 0
    for (let seq = 0; seq < 8; seq += 1) {
      // Guesses that fail, one lap behind the other, and nobody waited for the answers.
      const frame = hidden('a', seq, 16, { position: seq, sample: true, draft: new Array<number>(15).fill(9) })
      const [after, acts] = receive(state, 0, frame)
      state = after
      codes.push(...codesIn(acts))
      const pending = state.requests.get('a')?.pending ?? []
      most = Math.max(
        most,
        pending.reduce((sum, { tokens }) => sum + tokens, 0),
      )
    }
    expect(codes[0]).toBe('peer_frame_invalid')
    expect(most).toBeLessThanOrEqual(64 + 32)
    expect(state.requests.size).toBe(0)
  })

  it('keep their order where one frame brings many', () => {
    const [state] = receive(openPipelineState(configOf(1)), 0, hidden('a', 0, 64))
    expect(state.running?.map(({ position }) => position)).toEqual([0])
    expect(state.requests.get('a')?.pending.map(({ position }) => position)).toEqual([16, 32, 48])
  })
})

it('fails a request whose activations are no numbers, and keeps the link', () => {
  const frame = hidden('a', 0, 2)
  new DataView(frame.payload.buffer).setFloat32(4096 * 4, Number.NaN, true)
  const [state, acts] = receive(openPipelineState(configOf(1)), 0, frame)
  expect(codesIn(acts)).toContain('peer_frame_invalid')
  expect(acts.map(act => act.type)).not.toContain('run')
  expect(acts.map(act => act.type)).not.toContain('drop-peer')
  expect(state.requests.size).toBe(0)
})
