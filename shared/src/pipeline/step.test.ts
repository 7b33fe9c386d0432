import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seatConfigOf, seatPeer } from '../../testing/seat-config-of.ts'
import { encodeControl, encodeTokens, type Frame } from '../wire/index.ts'
import { openPipelineState, type PipelineAct, type PipelineEvent, type PipelineState } from './pipeline-state.ts'
import { greedy } from './sampling-params.ts'
import { requestsWithinBudget } from './seat-config.ts'
import { step } from './step.ts'

function refuse(): never {
  throw new Error('A state that was given was changed.')
}

/** Freezing alone leaves a map's entries free. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    if (value instanceof Map) Object.assign(value, { set: refuse, delete: refuse, clear: refuse })
    Object.freeze(value)
    for (const inner of value instanceof Map ? value.values() : Object.values(value)) frozen(inner)
  }
  return value
}

const hidden = (requestId: string, seq: number, position: number, tokens: number): Frame => ({
  header: {
    request_id: requestId,
    kind: 'hidden',
    dtype: 'f32',
    shape: [tokens, 4],
    seq,
    position,
    epoch: 5,
    ...(seq === 0 ? { sampling: greedy } : {}),
    sample: true,
  },
  payload: new Uint8Array(tokens * 16),
})

const withDraft = ({ header, payload }: Frame, draft: number[]): Frame => ({ header: { ...header, draft }, payload })

/** Frames as a hostile or confused peer could send them: well formed, but of any kind, number, position and request. */
const anyFrame: fc.Arbitrary<Frame> = fc
  .record({
    request_id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    seq: fc.oneof(fc.nat(6), fc.constantFrom(63, 255, 256, 0xffff_ffff)),
    position: fc.oneof(fc.nat(12), fc.constantFrom(64, 1_048_576)),
    epoch: fc.constantFrom(5, 5, 5, 4, 6),
    what: fc.oneof(
      fc.record({
        kind: fc.constant('hidden' as const),
        tokens: fc.integer({ min: 1, max: 9 }),
        width: fc.constantFrom(4, 4, 3),
        guesses: fc.constantFrom(0, 0, 1, 4, 8),
        reuse: fc.option(fc.record({ requestId: fc.constantFrom('a', 'b', 'c'), positions: fc.nat(70) })),
      }),
      fc.record({ kind: fc.constant('token' as const), tokens: fc.array(fc.nat(300), { minLength: 1, maxLength: 4 }) }),
      fc.record({
        kind: fc.constant('control' as const),
        control: fc.oneof(
          fc.record({ type: fc.constant('end' as const), keep: fc.boolean() }),
          fc.record({ type: fc.constant('progress' as const), position: fc.nat(70) }),
          fc.record({
            type: fc.constant('failed' as const),
            code: fc.constantFrom('engine_failed', 'no_such_code'),
            message: fc.string(),
            remedy: fc.string(),
            seat: fc.nat(3),
          }),
        ),
      }),
    ),
  })
  .map(({ what, ...shared }): Frame => {
    if (what.kind === 'hidden') {
      const { tokens, width, guesses, reuse } = what
      const draft = guesses > 0 && guesses < tokens ? { sample: true, draft: new Array<number>(guesses).fill(9) } : {}
      const header = {
        ...shared,
        kind: 'hidden' as const,
        dtype: 'f32' as const,
        shape: [tokens, width],
        sampling: greedy,
        ...draft,
        ...(reuse === null ? {} : { reuse }),
      }
      return { header, payload: new Uint8Array(tokens * width * 4) }
    }
    if (what.kind === 'token')
      return {
        header: { ...shared, kind: 'token', dtype: 'int64', shape: [what.tokens.length] },
        payload: encodeTokens(what.tokens),
      }
    const { payload, ...described } = encodeControl(what.control)
    return { header: { ...shared, ...described }, payload }
  })

const anyEvent: fc.Arbitrary<PipelineEvent> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.nat(3), anyFrame)
      .map(([from, frame]): PipelineEvent => ({ type: 'frame-received', peer: seatPeer(from), frame, nowMs: 0 })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('a', 'b', 'f').map(
      (requestId): PipelineEvent => ({
        type: 'request-submitted',
        job: { requestId, promptTokens: [1, 2, 3, 4, 5, 6, 7], maxTokens: 4, stopTokens: [7], sampling: greedy },
        nowMs: 0,
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        requestId: fc.constantFrom('a', 'b', 'g'),
        generatedTokens: fc.array(fc.nat(9), { maxLength: 70 }),
        reuse: fc.record({ requestId: fc.constantFrom('a', 'b', 'c'), positions: fc.integer({ min: 1, max: 80 }) }),
        keepCache: fc.boolean(),
      })
      .map(
        (told): PipelineEvent => ({
          type: 'request-submitted',
          job: { ...told, promptTokens: [1, 2, 3], maxTokens: 4, stopTokens: [7], sampling: greedy },
          nowMs: 0,
        }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('a', 'b')
      .map((requestId): PipelineEvent => ({ type: 'request-cancelled', requestId, nowMs: 0 })),
  },
  { weight: 1, arbitrary: fc.nat(2).map((peer): PipelineEvent => ({ type: 'peer-opened', peer: seatPeer(peer) })) },
  { weight: 1, arbitrary: fc.nat(500_000).map((nowMs): PipelineEvent => ({ type: 'ticked', nowMs })) },
)

/** Answers the running step as an engine would, so that the seat gets on. */
function answerStep(state: PipelineState, seat: number): PipelineState {
  if (state.running === null) return state
  const outputs = state.running.map(task => {
    if (seat < 2) {
      const activation = {
        dtype: 'f32' as const,
        tokens: task.tokens,
        hidden: 4,
        data: new Uint8Array(task.tokens * 16),
      }
      return { kind: 'activation' as const, activation }
    }
    if (!task.isSampled) return { kind: 'none' as const }
    const sampled = { token: 9, logprob: null, topLogprobs: [] }
    if (task.guesses.length === 0) return { kind: 'token' as const, sampled }
    return { kind: 'tokens' as const, sampled: new Array(1 + task.guesses.length).fill(sampled) }
  })
  return step(frozen(state), { type: 'step-finished', outputs, computeMs: 1, nowMs: 0 })[0]
}

describe('step', () => {
  it.each([0, 1, 2])(
    'at seat %i takes anything in any order: it never throws, changes no old state, holds no more than its limit',
    seat => {
      fc.assert(
        fc.property(fc.array(fc.tuple(anyEvent, fc.boolean()), { maxLength: 60 }), events => {
          let state = openPipelineState(seatConfigOf(seat, { coalition: 'c' }))
          for (const [event, isAnswered] of events) {
            const [next, acts] = step(frozen(state), frozen(event))
            expect(acts.filter(act => act.type === 'run').length).toBeLessThanOrEqual(1)
            expect(next.requests.size).toBeLessThanOrEqual(3)
            expect(next.kept.length).toBeLessThanOrEqual(64)
            for (const request of next.requests.values()) {
              expect(request.inbox.held.size).toBeLessThanOrEqual(256)
              // A context of 64 positions of four floats.
              const held = [...request.inbox.held.values()].reduce((sum, { payload }) => sum + payload.byteLength, 0)
              if (seat > 0) expect(held).toBeLessThanOrEqual(1024)
            }
            state = isAnswered ? answerStep(next, seat) : next
          }
        }),
        { numRuns: 1000, seed: 20261121 },
      )
    },
  )

  it('cuts a neighbour’s long frame to its own engine’s rows', () => {
    const [state, acts] = step(openPipelineState(seatConfigOf(1)), {
      type: 'frame-received',
      peer: seatPeer(0),
      frame: hidden('a', 0, 0, 8),
      nowMs: 0,
    })
    expect(acts).toMatchObject([
      { type: 'run', rows: [{ position: 0, input: { activation: { tokens: 3 } }, sample: null }] },
    ])
    expect(state.requests.get('a')?.pending.map(row => [row.position, row.tokens, row.isSampled])).toEqual([
      [3, 3, false],
      [6, 2, true],
    ])
  })

  it('drops guesses that its engine’s row has no room for, from the end', () => {
    const frame = hidden('a', 0, 0, 7)
    let [state] = step(openPipelineState(seatConfigOf(2)), {
      type: 'frame-received',
      peer: seatPeer(1),
      frame: { ...frame, header: { ...frame.header, draft: [5, 6] } },
      nowMs: 0,
    })
    // Five certain rows are three and two: beside those two there is room for one guess.
    state = answerStep(state, 2)
    expect(state.running).toMatchObject([{ position: 3, tokens: 3, isSampled: true, guesses: [5] }])
    const [, answered] = step(state, {
      type: 'step-finished',
      outputs: [{ kind: 'tokens', sampled: [5, 8].map(token => ({ token, logprob: null, topLogprobs: [] })) }],
      computeMs: 1,
      nowMs: 0,
    })
    expect(answered).toMatchObject([{ type: 'send', header: { kind: 'token', shape: [2], position: 5 } }])
  })

  it('lets a short request in between the rows of a long one', () => {
    let state = openPipelineState(seatConfigOf(1))
    for (const frame of [hidden('long', 0, 0, 9), hidden('short', 0, 0, 2)])
      [state] = step(state, { type: 'frame-received', peer: seatPeer(0), frame, nowMs: 0 })
    const order: string[] = []
    for (; state.running !== null; state = answerStep(state, 1)) order.push(state.running[0]!.requestId)
    // The long one was back in line before the short one came; after that turn it is the short one’s.
    expect(order).toEqual(['long', 'long', 'short', 'long'])
  })

  it('holds as many requests as have a small cache within the budget, and at least one', () => {
    const slice = {
      layers: { start: 2, end: 4 },
      dimensions: { kvHeads: 2, headDim: 16 },
      maxContext: 1024,
      elementBytes: 2,
    }
    // 2 layers of keys and values, 2 heads of 16, 64 positions, 2 bytes each.
    const smallest = 2 * 2 * 2 * 16 * 64 * 2
    expect(requestsWithinBudget({ ...slice, kvBudgetBytes: 3.5 * smallest })).toBe(3)
    expect(requestsWithinBudget({ ...slice, kvBudgetBytes: 10 })).toBe(1)
    expect(requestsWithinBudget({ ...slice, kvBudgetBytes: 1e12 })).toBe(64)
  })

  it('holds early frames up to a whole context, and fails the request beyond', () => {
    const receive = (before: PipelineState, seq: number) =>
      step(before, { type: 'frame-received', peer: seatPeer(0), frame: hidden('a', seq, 0, 8), nowMs: 0 })
    let state = openPipelineState(seatConfigOf(1))
    for (let seq = 1; seq <= 8; seq += 1) [state] = receive(state, seq)
    expect(state.requests.get('a')?.inbox.held.size).toBe(8)
    const [broken, acts] = receive(state, 9)
    expect(broken.requests.size).toBe(0)
    const words = acts.flatMap(act => (act.type === 'send' ? [new TextDecoder().decode(act.payload)] : []))
    expect(words.join()).toContain('peer_frame_invalid')
  })

  it('rewinds where a frame starts before what it holds, and refuses a gap', () => {
    const receive = (state: PipelineState, frame: Frame) =>
      step(state, { type: 'frame-received', peer: seatPeer(0), frame, nowMs: 0 })
    const [first] = receive(openPipelineState(seatConfigOf(1)), withDraft(hidden('a', 0, 0, 3), [8, 9]))
    const [rewound, acts] = receive(answerStep(first, 1), hidden('a', 1, 1, 1))
    expect(acts).toMatchObject([{ type: 'run', rows: [{ position: 1 }] }])
    const [broken, failed] = receive(answerStep(rewound, 1), hidden('a', 2, 3, 1))
    expect(broken.requests.size).toBe(0)
    expect(failed.map(act => act.type)).toContain('forget')
    const words = failed.flatMap(act => (act.type === 'send' ? [new TextDecoder().decode(act.payload)] : []))
    expect(words.join()).toContain('peer_frame_invalid')
  })

  describe('behind a prompt of three and a token with two guesses', () => {
    const receive = (state: PipelineState, frame: Frame) =>
      step(state, { type: 'frame-received', peer: seatPeer(0), frame, nowMs: 0 })
    const [prompt] = receive(openPipelineState(seatConfigOf(1)), hidden('a', 0, 0, 3))
    const drawing = answerStep(receive(answerStep(prompt, 1), withDraft(hidden('a', 1, 3, 3), [8, 9]))[0], 1)

    it.each([4, 5, 6])('goes on at %i, as many guesses as came true', position => {
      expect(receive(drawing, hidden('a', 2, position, 1))[1]).toMatchObject([{ type: 'run', rows: [{ position }] }])
    })

    const unsampled = hidden('a', 2, 6, 1)
    it.each([
      ['goes back into the prompt', hidden('a', 2, 2, 1)],
      ['goes back to a token that was drawn', hidden('a', 2, 3, 1)],
      ['brings two tokens where one was drawn', hidden('a', 2, 4, 2)],
      ['has no token drawn any more', { ...unsampled, header: { ...unsampled.header, sample: false } }],
    ])('takes nothing more from a peer whose frame %s', (_, frame) => {
      const [refused, acts] = receive(drawing, frame)
      expect(acts.map(act => act.type)).not.toContain('run')
      const error = expect.objectContaining({ code: 'peer_frame_invalid' })
      expect(acts).toContainEqual({ type: 'drop-peer', peer: seatPeer(0), error })
      expect(refused.requests.size).toBe(0)
      expect(receive(refused, hidden('b', 0, 0, 1))[1]).toEqual([])
    })
  })

  describe('at the exit, which drew otherwise than the first of two guesses', () => {
    const receive = (state: PipelineState, frame: Frame) =>
      step(state, { type: 'frame-received', peer: seatPeer(1), frame, nowMs: 0 })
    const drawn = (state: PipelineState, ...tokens: number[]) => {
      const sampled = tokens.map(token => ({ token, logprob: null, topLogprobs: [] }))
      return step(state, { type: 'step-finished', outputs: [{ kind: 'tokens', sampled }], computeMs: 1, nowMs: 0 })[0]
    }
    const [prompt] = receive(openPipelineState(seatConfigOf(2)), hidden('a', 0, 0, 3))
    const [asked] = receive(drawn(prompt, 7), withDraft(hidden('a', 1, 3, 3), [8, 9]))
    const answered = drawn(asked, 5)

    it('the token that it drew comes next', () => {
      expect(receive(answered, hidden('a', 2, 4, 1))[1]).toMatchObject([{ type: 'run', rows: [{ position: 4 }] }])
    })

    it.each([
      ['a guess that failed', answered, 5],
      ['what comes before its answer', asked, 4],
    ])('%s ends the request, and nobody is dropped for it', (_, state, position) => {
      const [refused, acts] = receive(state, hidden('a', 2, position, 1))
      const words = acts.flatMap(act => (act.type === 'send' ? [new TextDecoder().decode(act.payload)] : []))
      expect(words.join()).toMatch(/peer_frame_invalid.*the last token drawn is/)
      expect(acts.map(act => act.type)).not.toContain('drop-peer')
      expect(refused.requests.size).toBe(0)
    })
  })

  describe('with a kept cache', () => {
    const receive = (state: PipelineState, frame: Frame) =>
      step(state, { type: 'frame-received', peer: seatPeer(0), frame, nowMs: 0 })
    const control = (requestId: string, keep: boolean): Frame => {
      const { payload, ...described } = encodeControl(keep ? { type: 'end', keep } : { type: 'end' })
      return { header: { ...described, request_id: requestId, seq: 1, position: 0, epoch: 5 }, payload }
    }
    const beginning = (position: number, reuse: { requestId: string; positions: number }, seq = 0): Frame => {
      const { header, payload } = hidden('b', seq, position, 2)
      return { header: { ...header, reuse }, payload }
    }
    const codeIn = (acts: readonly PipelineAct[]) =>
      acts.flatMap(act =>
        act.type === 'send' && act.header.kind === 'control'
          ? [JSON.parse(new TextDecoder().decode(act.payload)).code]
          : [],
      )

    /** Seat 1, whose request `a` of three positions is over. */
    function afterFirst(): PipelineState {
      const [first] = receive(openPipelineState(seatConfigOf(1)), hidden('a', 0, 0, 3))
      const [kept, acts] = receive(answerStep(first, 1), control('a', true))
      expect(acts).toMatchObject([
        { type: 'keep', requestId: 'a' },
        { type: 'send', header: { kind: 'control' } },
      ])
      const passedOn = acts.flatMap(act => (act.type === 'send' ? [new TextDecoder().decode(act.payload)] : []))
      expect(passedOn).toEqual(['{"type":"end","keep":true}'])
      return kept
    }

    it('begins a request at the position that its first frame names', () => {
      const reuse = { requestId: 'a', positions: 2 }
      const [state, acts] = receive(afterFirst(), beginning(2, reuse))
      expect(acts).toMatchObject([{ type: 'run', rows: [{ requestId: 'b', position: 2, reuse }] }])
      const outputs = [
        {
          kind: 'activation' as const,
          activation: { dtype: 'f32' as const, tokens: 2, hidden: 4, data: new Uint8Array(32) },
        },
      ]
      const [, passed] = step(state, { type: 'step-finished', outputs, computeMs: 1, nowMs: 0 })
      expect(passed).toMatchObject([{ type: 'send', header: { position: 2, reuse } }])
    })

    it.each([
      ['at another position', beginning(1, { requestId: 'a', positions: 2 }), 'peer_frame_invalid'],
      ['beyond the context', beginning(63, { requestId: 'a', positions: 63 }), 'input_context_too_long'],
      ['of nobody', beginning(2, { requestId: 'z', positions: 2 }), 'engine_prefix_missing'],
      ['of itself', beginning(2, { requestId: 'b', positions: 2 }), 'engine_prefix_missing'],
    ])('%s fails the request, and no row of it runs', (_, frame, code) => {
      const [state, acts] = receive(afterFirst(), frame)
      expect(codeIn(acts)).toContain(code)
      expect(acts.map(act => act.type)).not.toContain('run')
      expect(state.requests.size).toBe(0)
    })

    it('is begun with by the first frame alone', () => {
      const [first] = receive(afterFirst(), hidden('b', 0, 0, 3))
      const [, acts] = receive(answerStep(first, 1), beginning(3, { requestId: 'a', positions: 3 }, 1))
      expect(codeIn(acts)).toContain('peer_frame_invalid')
    })

    it('of a request that still computes is forgotten when its step is over', () => {
      const [first] = receive(openPipelineState(seatConfigOf(1)), hidden('a', 0, 0, 3))
      const [ended, acts] = receive(first, control('a', true))
      expect(acts.map(act => act.type)).toEqual(['send'])
      const [after, late] = step(ended, { type: 'step-finished', outputs: [{ kind: 'none' }], computeMs: 1, nowMs: 0 })
      expect(late).toEqual([{ type: 'forget', requestId: 'a' }])
      expect(after.kept).toEqual([])
    })

    it('is forgotten when the seat is given up', () => {
      const error = { code: 'swarm_coalition_lost' as const, message: 'Over.', remedy: 'None.', context: {} }
      const [closed, acts] = step(afterFirst(), { type: 'seat-closed', error, nowMs: 0 })
      expect(acts).toEqual([{ type: 'forget', requestId: 'a' }])
      expect(closed.kept).toEqual([])
    })
  })
})
