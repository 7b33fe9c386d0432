import { describe, expect, test } from 'vitest'
import { openFakeEngine, randomPack } from '../../testing/index.ts'
import { activationFromValues, activationValues } from '../engine/index.ts'
import { ComputePoolError } from '../errors/index.ts'
import type { Engine, EngineOutput } from '../ports/index.ts'
import { sliceProofSchema } from '../wire/challenge-messages.ts'
import { measuredTolerances, type ToleranceSide } from './index.ts'
import { answerChallenge, compareProofs } from './slice-proof.ts'

const { manifest } = randomPack({ quantisation: 'q8', dimensions: { layers: 6 } })
const inner = { start: 2, end: 4 }
const exit = { start: 4, end: 6 }
const native = (dtype: ToleranceSide['dtype']): ToleranceSide => ({ kind: 'native', dtype })

/** Its rows or draws as they should be, but for what `change` makes of each. */
function open(layers: typeof inner, dtype: ToleranceSide['dtype'] = 'f32', change = (output: EngineOutput) => output) {
  const engine = openFakeEngine({ manifest, layers })
  const facts = { ...engine.facts, kind: 'native', activationDtype: dtype } as const
  return { ...engine, facts, run: async rows => (await engine.run(rows)).map(change) } satisfies Engine
}
const prove = (engine: Engine) =>
  answerChallenge({
    engine,
    manifest,
    asked: {
      ...{ challenge: `challenge:${'1'.repeat(20)}`, layers: engine.layers, positions: 24 },
      ...{ seed: '2'.repeat(64), nonce: '3'.repeat(64) },
    },
  })

async function compared(own: Engine, other: Engine) {
  const proofs = [await prove(own), await prove(other)] as const
  for (const proof of proofs) expect(sliceProofSchema.safeParse(proof).success).toBe(true)
  const sides = [own, other].map(({ facts }) => native(facts.activationDtype)) as [ToleranceSide, ToleranceSide]
  return compareProofs({ proofs, sides, quantisation: 'q8', layers: 2, table: measuredTolerances() })
}

describe('one number that is not finite', () => {
  const over = (output: EngineOutput): EngineOutput => {
    if (output.kind !== 'activation') return output
    const { hidden, dtype } = output.activation
    const values = activationValues(output.activation)
    values[3] = Number.POSITIVE_INFINITY
    return { ...output, activation: activationFromValues(values, hidden, dtype) }
  }

  test('in f16 leaves it unjudged, whoever is asked beside it, and in f32 is different', async () => {
    expect(await compared(open(inner, 'f16'), open(inner))).toBe('same')
    expect(await compared(open(inner, 'f16', over), open(inner))).toBe('unjudged')
    expect(await compared(open(inner), open(inner, 'f16', over))).toBe('unjudged')
    expect(await compared(open(inner, 'f32', over), open(inner))).toBe('different')
    expect(await compared(open(inner, 'f32', over), open(inner, 'f16'))).toBe('different')
  })

  const unsure = (output: EngineOutput): EngineOutput =>
    output.kind === 'token' ? { ...output, sampled: { ...output.sampled, logprob: Number.NaN } } : output

  test('among the chances of an exit in f16 leaves it unjudged, and in f32 is no proof', async () => {
    expect(await compared(open(exit, 'f16'), open(exit))).toBe('same')
    expect(await compared(open(exit, 'f16', unsure), open(exit))).toBe('unjudged')
    await expect(prove(open(exit, 'f32', unsure))).rejects.toMatchObject({ code: 'input_invalid' })
  })
})

test('an exit that has no chances to tell proves nothing, and is not different for it', async () => {
  const whole = open(exit)
  const asked: (number | null)[] = []
  const original: Engine = {
    ...whole,
    run: async rows => {
      for (const { sample } of rows) if (sample !== null) asked.push(sample.params.logprobs)
      if (rows.some(({ sample }) => (sample?.params.logprobs ?? null) !== null))
        throw new ComputePoolError('input_unsupported', '"logprobs" cannot be used here.')
      return whole.run(rows)
    },
  }
  expect(await compared(original, whole)).toBe('unjudged')
  // It is asked once, and then for tokens alone.
  expect(asked.map(each => each !== null)).toEqual([true, ...new Array<boolean>(16).fill(false)])
})
