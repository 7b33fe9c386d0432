import { expect, it } from 'vitest'
import { sampleEvidence } from '../../testing/cheats/sample-evidence.ts'
import { decodeEvidence, encodeEvidence, measuredTolerances, sideToJudgeBy } from './index.ts'

const query = { quantisation: 'f32', layers: 2, ours: { kind: 'native', dtype: 'f32' } } as const
const bundleOf = async (seat: 0 | 1 | 2) => decodeEvidence(encodeEvidence(await sampleEvidence({ seat })))

it('looks at engines of the floats that the accused signed: an f16 engine excuses nobody who sent f32', async () => {
  const bundle = await bundleOf(1)
  expect(bundle.header.outgoing).toMatchObject({ kind: 'frames', dtype: 'f32' })
  expect(sideToJudgeBy(bundle, measuredTolerances(), query).dtype).toBe('f32')
})

it('allows whoever signed tokens alone what the furthest engine may', async () => {
  const bundle = await bundleOf(2)
  expect(bundle.header.outgoing.kind).toBe('tokens')
  expect(sideToJudgeBy(bundle, measuredTolerances(), query)).toEqual({ kind: 'native', dtype: 'f16' })
})
