/** An entry that asks for draws elsewhere than behind its text, or by another sampling: nobody escapes a check by it, and nobody honest is blamed for it. */
import { describe, expect, test } from 'vitest'
import { garbage } from '../../testing/cheats/change-outputs.ts'
import {
  evidenceManifest,
  fakeWalletVerify,
  type SampleEvidence,
  type SampleEvidenceOptions,
  sampleEvidence,
} from '../../testing/cheats/sample-evidence.ts'
import { withOutputs } from '../../testing/cheats/wrap-engine.ts'
import { openFakeEngine } from '../../testing/fake-engine.ts'
import { greedy } from '../pipeline/index.ts'
import type { Engine } from '../ports/index.ts'
import { decodeEvidence, encodeEvidence, judgeEvidence, parseToleranceTable } from './index.ts'

const { vocab } = evidenceManifest.dimensions
const side = { kind: 'native', dtype: 'f32' } as const
const measured = { rows: 1, worst: 0, quantiles: [] }
const row = {
  sides: [side, side],
  quantisation: evidenceManifest.quantisation,
  layers: 48,
  relative: 1e-3,
  logit: 1e-3,
}
const table = parseToleranceTable({ format: 'computepool-tolerance', version: 1, rows: [{ ...row, measured }] })

const judged = async (options: SampleEvidenceOptions) => verdictOf(await sampleEvidence(options))
function verdictOf(sample: SampleEvidence) {
  const bundle = decodeEvidence(encodeEvidence(sample))
  return judgeEvidence({
    ...{ bundle, manifest: evidenceManifest, manifestSha256: '00'.repeat(32), table },
    open: async layers => openFakeEngine({ manifest: evidenceManifest, layers }),
    verifyWallet: fakeWalletVerify,
  })
}

const otherTokens = (engine: Engine): Engine =>
  withOutputs(engine, { activation: honest => honest, token: token => (token + 1) % vocab, rows: honest => honest })
const wrong = (engine: Engine): Engine => garbage(engine, { vocab })
const otherRows = (engine: Engine): Engine =>
  withOutputs(engine, {
    activation: honest => honest,
    token: token => token,
    rows: honest => ({ ...honest, data: new Uint8Array(honest.data.length) }),
  })
const seeds = [1, 2, 3, 4, 5, 6, 7, 8]

describe.each(seeds)('an entry that asks for draws before its text ends (seed %i)', seed => {
  test.each(['hidden', 'told'] as const)('is guilty by what it signed, whatever was told (%s)', async asksEarly => {
    expect(await judged({ seat: 0, asksEarly, seed })).toMatchObject({ verdict: 'unpaired' })
  })

  test('ends no check of an exit that signs for the tokens of the answer alone', async () => {
    expect(await judged({ seat: 2, asksEarly: 'hidden', seed })).toMatchObject({
      verdict: 'unpaired',
      faults: [expect.stringMatching(/a token was to be drawn at position 27, and for tokens up to 21 only/)],
    })
    // What it adds stands in others' places.
    expect(await judged({ seat: 2, asksEarly: 'padded', seed })).toMatchObject({ verdict: 'cheated' })
  })

  test.each([1, 2] as const)('has nobody honest blamed at seat %i, and none trusted for it', async seat => {
    expect(await judged({ seat, asksEarly: 'told', seed })).toMatchObject({ verdict: 'unjudged' })
  })

  test('shields nobody who computes or draws otherwise', async () => {
    for (const [seat, cheat] of [
      [1, wrong],
      [2, wrong],
      [2, otherTokens],
    ] as const)
      expect(await judged({ seat, asksEarly: 'told', seed, cheat })).toMatchObject({ verdict: 'cheated' })
  })
})

describe.each(seeds.slice(0, 2))('an entry that asks for draws late, or by another sampling (seed %i)', seed => {
  const otherwise = [
    ...[1, 8, 12, 30].map(asksLate => ({ asksLate })),
    { sampling: { ...greedy, temperature: 0.7, seed: 99 } },
    { sampling: { ...greedy, temperature: 0.7, presencePenalty: 1 } },
  ]
  test.each(otherwise)('is guilty, and so is an exit that draws or computes otherwise: %j', async asked => {
    expect(await judged({ seat: 0, seed, ...asked })).toMatchObject({ verdict: 'unpaired' })
    expect(await judged({ seat: 2, seed, ...asked })).toMatchObject({ verdict: 'unjudged' })
    for (const cheat of [otherTokens, wrong])
      expect(await judged({ seat: 2, seed, ...asked, cheat })).toMatchObject({ verdict: 'cheated' })
  })

  test('shields no exit that signed for no sampling at all', async () => {
    const sampling = { ...greedy, seed: -1 }
    const unasked = async (cheat: object) => {
      const sample = await sampleEvidence({ seat: 2, seed, sampling, ...cheat })
      const draws = { ...sample.header.draws!, params: sample.header.check.terms.sampling }
      return { ...sample, header: { ...sample.header, draws } }
    }
    expect(await verdictOf(await unasked({}))).toMatchObject({ verdict: 'unjudged' })
    expect(await verdictOf(await unasked({ cheat: otherRows }))).toMatchObject({ verdict: 'cheated' })
  })
})
