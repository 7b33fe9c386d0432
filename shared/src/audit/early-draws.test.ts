/** An entry that asks for draws before its text ends: nobody escapes a check by it, and nobody honest is blamed for it. */
import { describe, expect, test } from 'vitest'
import { garbage } from '../../testing/cheats/change-outputs.ts'
import {
  evidenceManifest,
  fakeWalletVerify,
  type SampleEvidenceOptions,
  sampleEvidence,
} from '../../testing/cheats/sample-evidence.ts'
import { withOutputs } from '../../testing/cheats/wrap-engine.ts'
import { openFakeEngine } from '../../testing/fake-engine.ts'
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

async function judged(options: SampleEvidenceOptions) {
  const bundle = decodeEvidence(encodeEvidence(await sampleEvidence(options)))
  return judgeEvidence({
    ...{ bundle, manifest: evidenceManifest, manifestSha256: '00'.repeat(32), table },
    open: async layers => openFakeEngine({ manifest: evidenceManifest, layers }),
    verifyWallet: fakeWalletVerify,
  })
}

const otherTokens = (engine: Engine): Engine =>
  withOutputs(engine, { activation: honest => honest, token: token => (token + 1) % vocab, rows: honest => honest })
const wrong = (engine: Engine): Engine => garbage(engine, { vocab })
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
