import { describe, expect, test } from 'vitest'
import { withOutputs } from '../../testing/cheats/wrap-engine.ts'
import { openFakeEngine } from '../../testing/fake-engine.ts'
import { fakeManifest } from '../../testing/fake-manifest.ts'
import { activationFromValues, activationRows, activationValues, joinActivations } from '../engine/index.ts'
import { greedy, type SamplingParams } from '../pipeline/index.ts'
import type { Activation, Engine } from '../ports/index.ts'
import { type Claim, type DrawRun, finalRows, maxReplayBytes, type ReplayFrame, recompute } from './index.ts'
import { redraw } from './redraw.ts'

const manifest = fakeManifest()
const { layers, vocab, hidden } = manifest.dimensions
const tolerance = { relative: 1e-6, logit: 1e-3 }
const open = (start: number, end: number, maxChunk = 32) =>
  openFakeEngine({ manifest, layers: { start, end } }, { maxChunk })
const text = Array.from({ length: 40 }, (_, i) => (i * 37 + 5) % vocab)

/** Runs `frames` through `engine` as they came, and keeps what it sent. */
async function serve(engine: Engine, frames: readonly ReplayFrame[], requestId = 'served'): Promise<Activation[]> {
  const outputs: Activation[] = []
  for (const { position, input } of frames) {
    const [output] = await engine.run([{ requestId, position, input, sample: null }])
    if (output?.kind !== 'activation') throw new Error(`${output?.kind}`)
    outputs.push(output.activation)
  }
  return outputs
}

/** The text in frames of these sizes, as an entry gets it. */
function textFrames(sizes: readonly number[]) {
  let position = 0
  return sizes.map(rows => {
    const frame = { position, rows, input: { tokens: text.slice(position, position + rows) } }
    position += rows
    return frame
  })
}

/** What a middle seat received where the entry got the text in these frames. */
async function middleFrames(sizes: readonly number[]): Promise<ReplayFrame[]> {
  const frames = textFrames(sizes)
  const sent = await serve(open(0, 2), frames)
  return frames.map(({ position, rows }, i) => ({ position, rows, input: { activation: sent[i]! } }))
}

describe('a seat between two others', () => {
  const sizes = [13, 9, 1, 1, 4, 1, 1]

  test('is found honest by chunks of any size', async () => {
    const frames = await middleFrames(sizes)
    const outputs = await serve(open(2, 4), frames)
    for (const chunk of [1, 3, 16, 32]) {
      const engine = open(2, 4)
      const report = await recompute({ engine, frames, claimed: { outputs }, tolerance, chunk })
      expect(report).toMatchObject({
        isHonest: true,
        positions: 30,
        overwritten: 0,
        worst: 0,
        over: 0,
        firstOver: null,
      })
      expect(engine.memory()).toMatchObject({ requests: 0, kvBytes: 0 })
    }
  })

  test('is told the row that is wrong, up to where the check ends', async () => {
    const frames = await middleFrames(sizes)
    const outputs = await serve(open(2, 4), frames)
    const values = activationValues(outputs[4]!).slice()
    values[2 * hidden + 3]! *= 1.5
    outputs[4] = activationFromValues(values, hidden, 'f32')
    const claimed = { outputs }
    // Frame 4 begins at 24: its third row is position 26.
    const found = await recompute({ engine: open(2, 4), frames, claimed, tolerance })
    expect(found).toMatchObject({ isHonest: false, over: 1, firstOver: 26, worstPosition: 26 })
    const before = await recompute({ engine: open(2, 4), frames, claimed, tolerance, endPosition: 26 })
    expect(before).toMatchObject({ isHonest: true, positions: 26 })
    const after = await recompute({ engine: open(2, 4), frames, claimed, tolerance, endPosition: 27 })
    expect(after.isHonest).toBe(false)
  })

  test('whose neighbour guessed wrong is compared on what stood at the end', async () => {
    const all = await middleFrames([10, 4, 1, 1])
    const entry = open(0, 2)
    await serve(entry, textFrames([10]))
    // Three guesses came with position 10, and the last two failed: the text goes on at 12.
    const guessed = [text[10]!, text[11]!, 400, 401]
    const [first] = await serve(entry, [{ position: 10, rows: 4, input: { tokens: guessed } }])
    const rest = await serve(entry, [
      { position: 12, rows: 1, input: { tokens: [text[12]!] } },
      { position: 13, rows: 3, input: { tokens: text.slice(13, 16) } },
    ])
    const frames: ReplayFrame[] = [
      all[0]!,
      { position: 10, rows: 4, input: { activation: first! } },
      { position: 12, rows: 1, input: { activation: rest[0]! } },
      { position: 13, rows: 3, input: { activation: rest[1]! } },
    ]
    const outputs = await serve(open(2, 4), frames)
    const report = await recompute({ engine: open(2, 4), frames, claimed: { outputs }, tolerance })
    expect(report).toMatchObject({ isHonest: true, positions: 16, overwritten: 2 })
    const early = await recompute({
      engine: open(2, 4),
      frames,
      claimed: { outputs },
      tolerance,
      endPosition: 11,
    })
    expect(early).toMatchObject({ isHonest: true, positions: 11, overwritten: 0 })
  })

  test('a skipped layer, a swapped one and one too many are told', async () => {
    const frames = await middleFrames(sizes)
    for (const [start, end] of [
      [2, 3],
      [3, 4],
      [2, 5],
    ]) {
      const outputs = await serve(open(start!, end!), frames)
      const report = await recompute({
        engine: open(2, 4),
        frames,
        claimed: { outputs },
        tolerance,
      })
      expect(report.isHonest).toBe(false)
    }
  })
})

describe('an entry', () => {
  test('is checked by the tokens that it was sent', async () => {
    const frames = textFrames([20, 1, 1])
    const outputs = await serve(open(0, 3), frames)
    const claimed = { outputs }
    expect(await recompute({ engine: open(0, 3), frames, claimed, tolerance, chunk: 7 })).toMatchObject({
      isHonest: true,
      positions: 22,
    })
    const swapped = frames.map(frame => ({ ...frame, input: { tokens: [...frame.input.tokens].reverse() } }))
    const lied = await recompute({ engine: open(0, 3), frames: swapped, claimed, tolerance })
    expect(lied.isHonest).toBe(false)
  })
})

/** An answer of `count` tokens drawn one by one at the exit [2, layers), with what it received and the rows that it drew from. */
async function answer(params: SamplingParams, count: number) {
  const entry = open(0, 2)
  const exit = open(2, layers)
  const promptTokens = text.slice(0, 21)
  const frames: ReplayFrame[] = []
  const outputs: Activation[] = []
  const tokens: number[] = []
  let next = promptTokens
  let position = 0
  while (tokens.length < count) {
    const [activation] = await serve(entry, [{ position, rows: next.length, input: { tokens: next } }])
    const input = { activation: activation! }
    frames.push({ position, rows: next.length, input })
    const sample = { params, generated: [...tokens], prompt: promptTokens }
    const [output] = await exit.run([{ requestId: 'served', position, input, sample, keepRows: true }])
    if (output?.kind !== 'token') throw new Error(`${output?.kind}`)
    outputs.push(output.rows!)
    tokens.push(output.sampled.token)
    position += next.length
    next = [output.sampled.token]
  }
  const all = joinActivations(outputs)
  const firstPosition = promptTokens.length
  const claimOf = (drawn: readonly number[], { from, until }: DrawRun): Claim => ({
    outputs,
    draws: {
      ...{ firstPosition, tokens: drawn, params, generated: [], prompt: promptTokens, vocab },
      run: { from, until },
      rows: activationRows(all, from - 1, until - 1),
    },
  })
  return { frames, tokens, claimOf, run: { from: firstPosition, until: firstPosition + count } }
}

const manners: [string, SamplingParams][] = [
  ['greedy', greedy],
  ['sampled', { ...greedy, temperature: 0.9, topP: 0.9, seed: 5 }],
  ['penalised', { ...greedy, temperature: 1.2, repetitionPenalty: 1.3, presencePenalty: 0.4, seed: 6 }],
]

describe.each(manners)('an exit that draws %s', (_, params) => {
  test('is found honest by chunks of any size, and its draws wherever the rows end', async () => {
    const { frames, tokens, claimOf, run } = await answer(params, 12)
    for (const chunk of [1, 5, 32]) {
      const report = await recompute({
        engine: open(2, layers),
        frames,
        claimed: claimOf(tokens, run),
        tolerance,
        chunk,
      })
      const draws = { same: 12, nearTies: 0, different: 0 }
      expect(report).toMatchObject({ isHonest: true, positions: 32, compared: 32, draws })
    }
    const claimed = claimOf(tokens, { from: run.from + 3, until: run.from + 8 })
    const early = await recompute({ engine: open(2, layers), frames, claimed, tolerance, endPosition: 9 })
    expect(early).toMatchObject({ isHonest: true, positions: 9, compared: 9, draws: { same: 5 } })
  })

  test('is told by one token that it did not draw, and where it drew them all from somewhere else', async () => {
    const { frames, tokens, claimOf, run } = await answer(params, 12)
    const engine = open(2, layers)
    // The last one: everything before it is as it was.
    const one = claimOf(tokens.with(11, (tokens[11]! + 1) % vocab), run)
    const last = await recompute({ engine, frames, claimed: one, tolerance })
    expect(last).toMatchObject({ over: 0, draws: { same: 11 } })
    expect(last).toMatchObject({ isHonest: false, draws: { different: 1 } })
    expect(last.draws!.verdicts.at(-1)).toBe('different')
    const moved = tokens.map(token => (token + 7) % vocab)
    const all = await recompute({ engine, frames, claimed: claimOf(moved, run), tolerance })
    expect(all).toMatchObject({ isHonest: false, over: 0 })
    expect(all.draws!.different).toBeLessThanOrEqual(4)
  })

  test('is told by its rows where a layer is missing, though its tokens are right', async () => {
    const { frames, tokens, claimOf, run } = await answer(params, 12)
    const short = { engine: open(3, layers), frames, claimed: claimOf(tokens, run), tolerance }
    expect(await recompute(short)).toMatchObject({ isHonest: false, over: 32, draws: null })
    const loose = await recompute({ ...short, isLoose: true })
    expect(loose).toMatchObject({ isHonest: false, over: 32, draws: { different: 0 } })
  })
})

describe.each(manners)('an exit that draws %s and signs rows that are no numbers', (_, params) => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e38])('is told by them: %s', async value => {
    const { frames, tokens, claimOf, run } = await answer(params, 12)
    const { outputs, draws } = claimOf(tokens, run)
    const engine = open(2, layers)
    const filled = (rows: Activation) =>
      activationFromValues(
        activationValues(rows).map(() => value),
        hidden,
        'f32',
      )
    const odd = { outputs: outputs.map(filled), draws: { ...draws!, rows: filled(draws!.rows) } }
    const all = await recompute({ engine, frames, claimed: odd, tolerance })
    expect(all).toMatchObject({ isHonest: false, over: 32, draws: null })
    const drawn = await recompute({ engine, frames, claimed: { outputs, draws: odd.draws }, tolerance })
    expect(drawn).toMatchObject({ isHonest: false, over: 0, draws: { same: 0, different: 4 } })
    const one = joinActivations([
      activationRows(draws!.rows, 0, 5),
      activationRows(odd.draws.rows, 5, 6),
      activationRows(draws!.rows, 6, 12),
    ])
    const claimed = { outputs, draws: { ...draws!, rows: one } }
    const report = await recompute({ engine, frames, claimed, tolerance })
    expect(report).toMatchObject({ isHonest: false, draws: { same: 11, different: 1 } })
    expect(report.draws!.verdicts[5]).toBe('different')
  })
})

describe('a row that 16 bits do not hold', () => {
  const within = { relative: 0.01, logit: 1e-3 }
  const overflown = async (position: number) => {
    const frames = await middleFrames([8, 12])
    const outputs = (await serve(open(2, 4), frames)).map((rows, frame) => {
      const values = activationValues(rows).slice()
      const row = position - frames[frame]!.position
      if (row >= 0 && row < rows.tokens) values[row * hidden + 2] = Number.POSITIVE_INFINITY
      return activationFromValues(values, hidden, 'f16')
    })
    return recompute({ engine: open(2, 4), frames, claimed: { outputs }, tolerance: within })
  }

  test('does not tell of a seat at the first position, and does at any other', async () => {
    expect(await overflown(0)).toMatchObject({ isHonest: true, over: 0, compared: 19 })
    expect(await overflown(1)).toMatchObject({ isHonest: false, over: 1, firstOver: 1 })
  })

  test('is not held against who drew from it there', async () => {
    const engine = open(2, layers)
    const values = new Float32Array(2 * hidden).fill(Number.POSITIVE_INFINITY)
    const drawn = (rows: Activation) =>
      redraw({
        engine,
        logitTolerance: 1e-3,
        claimed: {
          ...{ firstPosition: 1, tokens: [7, 8], params: greedy, generated: [], prompt: [], vocab },
          ...{ run: { from: 1, until: 3 }, rows },
        },
      })
    expect((await drawn(activationFromValues(values, hidden, 'f16'))).verdicts).toEqual(['unjudged', 'different'])
    expect((await drawn(activationFromValues(values, hidden, 'f32'))).verdicts).toEqual(['different', 'different'])
  })

  test('is no draw’s even where the likeliest of its scores is what was claimed', async () => {
    const engine = open(2, layers)
    const rows = activationFromValues(new Float32Array(hidden).fill(Number.NaN), hidden, 'f32')
    const sample = { params: greedy, generated: [], prompt: [] }
    const [drawn] = await engine.drawFrom({ rows, position: 4, sample })
    const claimed = {
      ...{ firstPosition: 5, tokens: [drawn!.token], params: greedy, generated: [], prompt: [], vocab },
      ...{ run: { from: 5, until: 6 }, rows },
    }
    expect((await redraw({ engine, claimed, logitTolerance: 1e-3 })).verdicts).toEqual(['different'])
  })

  test('is held against nobody where it is the auditor’s own that does not, and drawing fails where the engine does', async () => {
    const claimed = {
      ...{ firstPosition: 5, tokens: [7], params: greedy, generated: [], prompt: [], vocab },
      ...{ run: { from: 5, until: 6 }, rows: activationFromValues(new Float32Array(hidden).fill(1e6), hidden, 'f32') },
    }
    const engine = open(2, layers)
    const half = { ...engine, facts: { ...engine.facts, activationDtype: 'f16' as const } }
    expect((await redraw({ engine: half, claimed, logitTolerance: 1e-3 })).verdicts).toEqual(['unjudged'])
    engine.loseDevice()
    await expect(redraw({ engine, claimed, logitTolerance: 1e-3 })).rejects.toMatchObject({
      code: 'engine_device_lost',
    })
  })
})

test('a seat is not judged by what the auditor’s own engine gives as no number', async () => {
  const frames = await middleFrames([5])
  const outputs = await serve(open(2, 4), frames)
  const wild = withOutputs(open(2, 4), {
    activation: rows => ({ ...rows, data: rows.data.map(() => 0xff) }),
    token: token => token,
  })
  await expect(recompute({ engine: wild, frames, claimed: { outputs }, tolerance })).rejects.toMatchObject({
    code: 'engine_failed',
  })
})

describe('refuses', () => {
  const refusal = (frames: readonly ReplayFrame[], outputs: readonly Activation[], engine: Engine = open(2, 4)) =>
    recompute({ engine, frames, claimed: { outputs }, tolerance })

  test('frames that do not begin at 0, leave a gap, or are not what they say', async () => {
    const frames = await middleFrames([5, 5])
    const outputs = await serve(open(2, 4), frames)
    const invalid = { code: 'input_invalid' }
    await expect(refusal(frames.slice(1), outputs.slice(1))).rejects.toMatchObject(invalid)
    await expect(refusal([frames[0]!, { ...frames[1]!, position: 6 }], outputs)).rejects.toMatchObject(invalid)
    await expect(refusal([frames[0]!, { ...frames[1]!, rows: 4 }], outputs)).rejects.toMatchObject(invalid)
    await expect(refusal(frames, outputs.slice(1))).rejects.toMatchObject(invalid)
    await expect(refusal(frames, [outputs[0]!, { ...outputs[1]!, hidden: 4 }])).rejects.toMatchObject(invalid)
    await expect(refusal(textFrames([5, 5]), outputs)).rejects.toMatchObject(invalid)
    await expect(refusal(frames, outputs, open(0, 2))).rejects.toMatchObject(invalid)
  })

  test('inputs that are no numbers: those are the sender’s', async () => {
    const frames = await middleFrames([5])
    const outputs = await serve(open(2, 4), frames)
    const values = new Float32Array(5 * hidden).fill(Number.NaN)
    const bad = { position: 0, rows: 5, input: { activation: activationFromValues(values, hidden, 'f32') } }
    await expect(refusal([bad], outputs)).rejects.toMatchObject({ code: 'input_invalid' })
  })

  test('more than it takes on, and what the engine has no room for, and leaves nothing behind', async () => {
    const rows = 16
    const activation = { dtype: 'f32' as const, tokens: rows, hidden, data: new Uint8Array(rows * hidden * 4) }
    const count = Math.ceil(maxReplayBytes / activation.data.length) + 1
    const frames = Array.from({ length: count }, (_, i) => ({ position: i * rows, rows, input: { activation } }))
    await expect(
      refusal(
        frames,
        frames.map(() => activation),
      ),
    ).rejects.toMatchObject({ code: 'input_too_large' })
    const few = await middleFrames([30])
    const small = openFakeEngine({ manifest, layers: { start: 2, end: 4 }, kvBudgetBytes: 640 })
    await expect(refusal(few, await serve(open(2, 4), few), small)).rejects.toMatchObject({
      code: 'engine_out_of_memory',
    })
    expect(small.memory().requests).toBe(0)
  })

  test('to go on once nobody waits', async () => {
    const frames = await middleFrames([30])
    const outputs = await serve(open(2, 4), frames)
    const given = new AbortController()
    given.abort(new Error('nobody waits'))
    const claimed = { outputs }
    const engine = open(2, 4)
    await expect(recompute({ engine, frames, claimed, tolerance, signal: given.signal })).rejects.toThrow(
      'nobody waits',
    )
    expect(engine.steps()).toBe(0)
  })
})

test('of rows that were sent twice the last counts, and rows behind a rewind are gone', () => {
  const frames = [
    { position: 0, rows: 6 },
    { position: 4, rows: 3 },
    { position: 5, rows: 1 },
  ]
  expect(finalRows(frames)).toEqual([
    { frame: 0, from: 0, position: 0, rows: 4 },
    { frame: 1, from: 0, position: 4, rows: 1 },
    { frame: 2, from: 0, position: 5, rows: 1 },
  ])
  expect(finalRows(frames, 3)).toEqual([{ frame: 0, from: 0, position: 0, rows: 3 }])
})
