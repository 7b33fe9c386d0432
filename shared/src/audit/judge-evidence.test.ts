import { describe, expect, test } from 'vitest'
import { evidenceManifest, fakeWalletVerify, sampleEvidence } from '../../testing/cheats/sample-evidence.ts'
import { withOutputs } from '../../testing/cheats/wrap-engine.ts'
import { openFakeEngine } from '../../testing/fake-engine.ts'
import { activationFromValues, activationValues } from '../engine/index.ts'
import type { Activation, Engine } from '../ports/index.ts'
import {
  computeRows,
  decodeEvidence,
  encodeEvidence,
  judgeEvidence,
  parseToleranceTable,
  replayEvidence,
  replayOf,
} from './index.ts'

const { vocab, layers } = evidenceManifest.dimensions

test('a bundle of another version is refused as such, and with what to do, though its fields are others', async () => {
  const sample = await sampleEvidence({ seat: 1 })
  const { accused, ...older } = sample.header
  const asVersion = (version: number) => {
    const bytes = encodeEvidence(sample)
    const length = new DataView(bytes.buffer).getUint32(8, true)
    const json = new TextEncoder().encode(JSON.stringify({ ...older, version }))
    bytes.fill(0x20, 12, 12 + length).set(json, 12)
    return () => decodeEvidence(bytes)
  }
  const message = (version: number) =>
    `This is a bundle of evidence of version ${version}; this program replays version 3.`
  expect(asVersion(2)).toThrow(
    expect.objectContaining({
      code: 'input_version_unsupported',
      message: message(2),
      remedy: expect.stringContaining('release'),
    }),
  )
  expect(asVersion(4)).toThrow(
    expect.objectContaining({ message: message(4), remedy: expect.stringContaining('newer release') }),
  )
  expect(asVersion(3)).toThrow(/unsound at accused/)
})

describe('an exit that signs', () => {
  const side = { kind: 'native', dtype: 'f32' } as const
  const row = { sides: [side, side] as const, quantisation: evidenceManifest.quantisation, layers: 48 }
  const measured = { rows: 1, worst: 0, quantiles: [] }
  const table = parseToleranceTable({
    ...{ format: 'computepool-tolerance', version: 1 },
    rows: [{ ...row, relative: 1e-3, logit: 1e-3, measured }],
  })
  const judge = async (rows: (honest: Activation) => Activation, changes: object = {}) => {
    const cheat = (engine: Engine) =>
      withOutputs(engine, { activation: honest => honest, token: token => (token + 1) % vocab, rows })
    const sample = await sampleEvidence({ seat: 2, cheat })
    const outgoing = { ...sample.header.outgoing, ...changes }
    const bundle = decodeEvidence(encodeEvidence({ ...sample, header: { ...sample.header, outgoing } }))
    return judgeEvidence({
      ...{ bundle, manifest: evidenceManifest, manifestSha256: '00'.repeat(32), table },
      open: async span => openFakeEngine({ manifest: evidenceManifest, layers: span }),
      verifyWallet: fakeWalletVerify,
    })
  }
  const { hidden } = evidenceManifest.dimensions

  test.each([Number.NaN, 1e38])('rows full of %s is found guilty by them', async value => {
    const filled = ({ tokens }: Activation) =>
      activationFromValues(new Float32Array(tokens * hidden).fill(value), hidden, 'f32')
    expect(await judge(filled)).toMatchObject({ verdict: 'cheated', report: { isHonest: false, draws: null } })
  })

  test('rows of another width is guilty without a replay; who never held any of it is not', async () => {
    const narrow = ({ tokens }: Activation) => activationFromValues(new Float32Array(tokens), 1, 'f32')
    expect(await judge(narrow, { hidden: 1 })).toEqual({
      verdict: 'unpaired',
      faults: ["The accused signed for rows of 1 numbers; the model's have 8."],
    })
    const honest = await sampleEvidence({ seat: 2 })
    const { outgoing } = honest.header
    const none = { ...outgoing, hidden: 1, held: 0 }
    const { apart, ...unheld } = none
    const bundle = { ...honest, header: { ...honest.header, outgoing: unheld }, outgoing: new Uint8Array() }
    const engine = openFakeEngine({ manifest: evidenceManifest, layers: { start: 4, end: layers } })
    const replayed = await replayEvidence({ bundle, manifest: evidenceManifest, engine, table, accused: side })
    expect(replayed.verdict).toBe('unsound')
  })

  test('what the auditor’s narrower floats do not hold is neither honest nor guilty', async () => {
    const twice = (honest: Activation) =>
      activationFromValues(
        activationValues(honest).map(value => value * 2),
        hidden,
        'f32',
      )
    const cheat = (engine: Engine) =>
      withOutputs(engine, { activation: honest => honest, token: token => token, rows: twice })
    const bundle = await sampleEvidence({ seat: 2, cheat })
    const engine = openFakeEngine({ manifest: evidenceManifest, layers: { start: 4, end: layers } })
    const { frames, endPosition } = replayOf(bundle, vocab)
    const computed = await computeRows({ engine, frames, endPosition })
    const half = { ...engine, facts: { ...engine.facts, activationDtype: 'f16' as const } }
    const sides = [side, { ...side, dtype: 'f16' }]
    const loosest = parseToleranceTable({
      ...{ format: 'computepool-tolerance', version: 1 },
      rows: [{ ...row, sides, relative: 1, logit: 1e-3, measured }],
    })
    const manifest = evidenceManifest
    const judged = await replayEvidence({ bundle, manifest, engine: half, computed, table: loosest, accused: side })
    expect(judged).toMatchObject({
      verdict: 'unjudged',
      faults: [expect.stringMatching(/tokens were drawn from is beyond/)],
    })
  })
})
