import { expect, it } from 'vitest'
import { sampleEvidence } from '../../testing/cheats/sample-evidence.ts'
import { decodeEvidence, encodeEvidence, measuredTolerances, sideToJudgeBy } from './index.ts'

const query = { quantisation: 'f32', layers: 2, ours: { kind: 'native', dtype: 'f32' } } as const
const bundleOf = async (seat: 0 | 1 | 2) => decodeEvidence(encodeEvidence(await sampleEvidence({ seat })))

it.each([1, 2] as const)(
  'looks at engines of the floats that seat %i signed: an f16 engine excuses nobody who sent f32',
  async seat => {
    const bundle = await bundleOf(seat)
    expect(bundle.header.outgoing).toMatchObject({ kind: 'frames', dtype: 'f32' })
    expect(sideToJudgeBy(bundle, measuredTolerances(), query).dtype).toBe('f32')
  },
)
