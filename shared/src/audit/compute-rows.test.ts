import { describe, expect, test } from 'vitest'
import { withOutputs } from '../../testing/cheats/wrap-engine.ts'
import { openFakeEngine } from '../../testing/fake-engine.ts'
import { fakeManifest } from '../../testing/fake-manifest.ts'
import { activationFromValues, activationRows, convertActivation } from '../engine/index.ts'
import type { Activation, Engine } from '../ports/index.ts'
import { computeRows, isSameComputed, maxReplayBytes, type ReplayFrame, recompute, sketchComputed } from './index.ts'

const manifest = fakeManifest()
const { vocab, hidden } = manifest.dimensions
const nonce = '5e'.repeat(32)
const tolerance = { relative: 1e-6, logit: 1e-3 }
const open = (start: number, end: number) => openFakeEngine({ manifest, layers: { start, end } }, { maxChunk: 16 })
const same = { token: (honest: number) => honest }
const tokens = Array.from({ length: 40 }, (_, i) => (i * 37 + 5) % vocab)

const run = async (engine: Engine, { position, input }: ReplayFrame): Promise<Activation> => {
  const [output] = await engine.run([{ requestId: 'served', position, input, sample: null }])
  if (output?.kind !== 'activation') throw new Error(`${output?.kind}`)
  return output.activation
}
/** What a seat of layers 2 and 3 received, in frames of eight, and sent. */
async function served(sizes = [8, 8, 8, 8, 8]) {
  const [entry, seat] = [open(0, 2), open(2, 4)]
  const frames: ReplayFrame[] = []
  const outputs: Activation[] = []
  let position = 0
  for (const rows of sizes) {
    const input = { tokens: tokens.slice(position, position + rows) }
    const frame = { position, rows, input: { activation: await run(entry, { position, rows, input }) } }
    frames.push(frame)
    outputs.push(await run(seat, frame))
    position += rows
  }
  return { frames, outputs }
}
const sketchOf = async (engine: Engine, frames: readonly ReplayFrame[], fromPosition = 0) =>
  sketchComputed(await computeRows({ engine, frames, fromPosition }), nonce, { fromPosition })

describe('what an auditor computes first', () => {
  test('is the same by another engine in f16, in frames cut otherwise, and of a kept cache from there on alone', async () => {
    const { frames } = await served()
    const coarse: Engine = withOutputs(open(2, 4), {
      ...same,
      activation: honest => convertActivation(honest, 'f16'),
    })
    const ours = await sketchOf(open(2, 4), frames)
    expect(ours.rows).toBe(40)
    expect(isSameComputed(ours, await sketchOf(coarse, frames))).toBe(true)
    expect(isSameComputed(ours, await sketchOf(open(2, 4), (await served([5, 16, 16, 3])).frames))).toBe(true)
    expect(isSameComputed(ours, await sketchOf(open(1, 3), frames))).toBe(false)
    const kept = await sketchOf(open(2, 4), frames, 21)
    expect(kept.rows).toBe(19)
    expect(isSameComputed(kept, await sketchOf(coarse, frames, 21))).toBe(true)
    expect(isSameComputed(kept, await sketchOf(open(2, 4), frames.slice(0, 4), 13))).toBe(false)
  })

  test('is compared without computing it again, and finds what is wrong', async () => {
    const { frames, outputs } = await served()
    const computed = await computeRows({ engine: open(2, 4), frames, fromPosition: 10 })
    const engine = open(2, 4)
    // A claim begins with the kept positions.
    const own = [activationRows(outputs[1]!, 2, 8), ...outputs.slice(2)]
    const claimed = { kind: 'activations', outputs: own, positions: [10, 16, 24, 32] } as const
    const how = { engine, frames, fromPosition: 10, tolerance, computed }
    expect(await recompute({ ...how, claimed })).toMatchObject({ isHonest: true, compared: 30, worst: 0 })
    const wrong = [...own.slice(0, -1), activationFromValues(new Float32Array(8 * hidden).fill(1), hidden, 'f32')]
    expect(await recompute({ ...how, claimed: { ...claimed, outputs: wrong } })).toMatchObject({
      firstOver: 32,
      over: 8,
    })
    expect(engine.steps()).toBe(0)
  })

  test('is computed again where frames that were not answered had overwritten some of it', async () => {
    const { frames, outputs } = await served()
    // A frame more, under way when the attempt was cut short: it takes the place of the last four rows.
    const late = {
      position: 36,
      rows: 2,
      input: { activation: activationRows((frames[0]!.input as { activation: Activation }).activation, 0, 2) },
    }
    const computed = await computeRows({ engine: open(2, 4), frames: [...frames, late] })
    const engine = open(2, 4)
    const claimed = { kind: 'activations', outputs, positions: [0, 8, 16, 24, 32] } as const
    const found = await recompute({ engine, frames, claimed, tolerance, computed })
    expect(found).toMatchObject({ isHonest: true, compared: 40 })
    expect(engine.steps()).toBeGreaterThan(0)
  })

  test('is no more than memory holds, and numbers', async () => {
    const { frames } = await served()
    const huge = withOutputs(open(2, 4), {
      ...same,
      activation: honest => ({ ...honest, data: new Uint8Array(maxReplayBytes / 2) }),
    })
    await expect(computeRows({ engine: huge, frames })).rejects.toMatchObject({ code: 'input_too_large' })
    const none = withOutputs(open(2, 4), {
      ...same,
      activation: honest =>
        activationFromValues(new Float32Array(honest.tokens * hidden).fill(Number.NaN), hidden, 'f32'),
    })
    await expect(computeRows({ engine: none, frames })).rejects.toMatchObject({ code: 'input_invalid' })
  })
})
