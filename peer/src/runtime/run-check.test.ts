import { decodeEvidence } from '@computepool/shared/audit'
import { activationFromValues, activationValues, convertActivation } from '@computepool/shared/engine'
import { greedy } from '@computepool/shared/pipeline'
import type { Activation, Engine } from '@computepool/shared/ports'
import { decodeFrame } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { garbage, identity, replayed, staleEpoch, withOutputs } from '../../../shared/testing/cheats/index.ts'
import { checked, type StageOptions } from '../../testing/check-stage.ts'

const vocab = 512

const places: [string, StageOptions][] = [
  ['an entry', { seat: 0 }],
  ['a seat in between', { seat: 1 }],
  ['an exit', { seat: 2 }],
  ['a ring of one seat', { seat: 0, seats: 1 }],
]
const manners: [string, Partial<StageOptions>][] = [
  ['from position 0', {}],
  ['on a kept cache', { isKept: true }],
  ['where a conversation went back', { isKept: true, isBranched: true }],
  ['in rows of five', { maxChunk: 5 }],
]

describe.each(places)('a check of %s', (_, place) => {
  it.each(manners)('agrees with who computed as it should, %s', async (_, manner) => {
    const { report } = await checked({ ...place, ...manner })
    expect(report).toMatchObject({ outcome: 'agreed', blamed: null, evidence: null })
    expect(report.finding!.positions).toBe(manner.isBranched === true ? 46 : manner.isKept === true ? 63 : 48)
  })

  it.each(manners)('finds garbage %s, and leaves evidence that anybody can judge', async (_, manner) => {
    const { stage, report } = await checked({ ...place, ...manner, cheat: engine => garbage(engine, { vocab }) })
    expect(report).toMatchObject({ outcome: 'differs', blamed: null })
    const { sha256, sizeBytes } = report.evidence!
    const bundle = stage.pool.evidence.get(sha256)!
    expect(bundle).toHaveLength(sizeBytes)
    expect(decodeEvidence(bundle).header.accused.peer).toBe(stage.command.accused)
    expect(await stage.judged(sha256)).toMatchObject([{ sha256, verdict: 'guilty' }])
  })
})

const ends = places.slice(2)
describe.each(ends)('a check of %s that hands over a wrong beginning of its draws', (_, place) => {
  it.each([
    ['finds what it drew at random', (engine: Engine) => garbage(engine, { vocab }), 'differs'],
    ['goes by what it signed', (engine: Engine) => engine, 'agreed'],
  ] as const)('%s', async (_, cheat, outcome) => {
    let lies = 0
    const { report } = await checked({
      ...place,
      cheat,
      sendingAs(_, frame) {
        const text = Buffer.from(frame).toString('latin1')
        const lie = text.replace('"firstPosition":40', '"firstPosition":41')
        if (lie !== text) lies += 1
        return new Uint8Array(Buffer.from(lie, 'latin1'))
      },
    })
    expect(lies).toBe(1)
    expect(report).toMatchObject({ outcome, blamed: null })
  })
})

describe.each(ends)('a check of %s that signs rows which nobody can compare', (_, place) => {
  const signing =
    (rows: (honest: Activation) => Activation) =>
    (engine: Engine): Engine =>
      withOutputs(engine, { activation: honest => honest, token: token => (token + 1) % vocab, rows })
  const filled = (value: number, width?: number) =>
    signing(({ tokens, hidden }) => {
      const wide = width ?? hidden
      return activationFromValues(new Float32Array(tokens * wide).fill(value), wide, 'f32')
    })

  it.each([
    ['no numbers', filled(Number.NaN), /rows differ/],
    ['numbers too large for a head', filled(1e38), /rows differ/],
    ['numbers of another width', filled(1, 1), /rows of 1 numbers; the model's have 8/],
  ])('%s: it is found guilty', async (_, cheat, words) => {
    const { stage, report } = await checked({ ...place, cheat })
    expect(report).toMatchObject({ outcome: 'differs', blamed: null, words })
    expect(await stage.judged(report.evidence!.sha256)).toMatchObject([{ verdict: 'guilty' }])
  })

  it('but honest ones: tokens that it drew otherwise under a repetition penalty are found', async () => {
    const sampling = { ...greedy, temperature: 0.8, seed: 5, repetitionPenalty: 1.1 }
    const { report } = await checked({ ...place, sampling, cheat: signing(honest => honest) })
    expect(report).toMatchObject({ outcome: 'differs', finding: { over: 0, different: 4 } })
    expect((await checked({ ...place, sampling })).report).toMatchObject({ outcome: 'agreed' })
  })
})

const cheats: [string, (engine: Engine) => Engine][] = [
  ['the input handed on', identity],
  ['another request’s rows', replayed],
  ['a stale cache', staleEpoch],
]
it.each(cheats)('finds %s', async (_, cheat) => {
  const { report } = await checked({ seat: 1, cheat, isSecond: true })
  expect(report.outcome).toBe('differs')
})

it('takes a seat by the floats that it signed, not by those that it said: coarser ones would excuse more', async () => {
  const off = (engine: Engine): Engine => ({
    ...engine,
    run: async rows =>
      (await engine.run(rows)).map(output => {
        if (output.kind !== 'activation') return output
        const { hidden } = output.activation
        const values = activationValues(output.activation).map(value => value * 1.005)
        return { ...output, activation: activationFromValues(values, hidden, 'f32') }
      }),
  })
  const { stage, report } = await checked({ seat: 1, cheat: off }, { engine: { kind: 'native', dtype: 'f16' } })
  const { outcome, evidence } = report
  expect(outcome).toBe('differs')
  const { header } = decodeEvidence(stage.pool.evidence.get(evidence!.sha256)!)
  expect(header.engines.accused).toEqual({ kind: 'native', dtype: 'f32' })
})

describe('floats that nobody measured', () => {
  const inBf16 = (engine: Engine): Engine => ({
    ...engine,
    run: async rows =>
      (await engine.run(rows)).map(output =>
        output.kind === 'activation' ? { ...output, activation: convertActivation(output.activation, 'bf16') } : output,
      ),
  })

  it.each([0, 1])('are held against seat %i where it had announced others', async seat => {
    const { stage, report } = await checked({ seat, cheat: inBf16 })
    expect(report).toMatchObject({ outcome: 'withheld', blamed: stage.command.accused, words: /in bf16/ })
  })

  it.each([
    ['where it had announced them', inBf16, { kind: 'native', dtype: 'bf16' }],
    ['where it had announced coarser ones', (engine: Engine) => engine, { kind: 'webgpu', dtype: 'f16' }],
  ] as const)('are not %s', async (_, cheat, engine) => {
    const { report } = await checked({ seat: 1, cheat }, { engine })
    expect(report).toMatchObject({ outcome: 'unjudged', blamed: null })
  })
})

describe('of a seat whose engine nobody measured', () => {
  const engine = { kind: 'webgpu', dtype: 'f32' } as const
  const run = (options: StageOptions) => checked({ sampling: greedy, ...options }, { engine })
  /** Rows as far off as `share` of their own length; those before `until`. */
  const off =
    (share: number, until = Number.POSITIVE_INFINITY) =>
    (engine: Engine): Engine => ({
      ...engine,
      run: async rows =>
        (await engine.run(rows)).map((output, i) => {
          if (output.kind !== 'activation') return output
          const { hidden, dtype } = output.activation
          const values = activationValues(output.activation)
          const first = rows[i]!.position
          const changed = values.map((value, at) =>
            first + Math.floor(at / hidden) < until ? value * (1 + share) : value,
          )
          return { ...output, activation: activationFromValues(changed, hidden, dtype) }
        }),
    })

  it.each(places)('garbage of %s is found all the same, and judged so', async (_, place) => {
    const { stage, report } = await run({ ...place, cheat: engine => garbage(engine, { vocab }) })
    expect(report).toMatchObject({ outcome: 'differs', blamed: null })
    expect(await stage.judged(report.evidence!.sha256)).toMatchObject([{ verdict: 'guilty' }])
  })

  it.each([
    ['rows that are a fifth of their length off, as bf16 may be', off(0.2)],
    ['some rows that no float can hold', off(9, 20)],
  ])('%s prove nothing', async (_, cheat) => {
    const { report } = await run({ seat: 1, cheat })
    expect(report).toMatchObject({ outcome: 'unjudged', blamed: null, evidence: null })
  })
})

describe.each(places.slice(0, 3))('a check of %s, where tokens are guessed ahead', (_, place) => {
  // Every eighth guess fails, and with it those behind it.
  const script = (position: number): number => (position % 8 === 5 ? 20 + (position % 31) : position % 3)

  it.each([undefined, 5, 2])('agrees with who computed as it should, at most %s rows at once', async maxChunk => {
    let drafts = 0
    const { report } = await checked({
      ...place,
      script,
      sampling: greedy,
      maxTokens: 60,
      ...(maxChunk === undefined ? {} : { maxChunk }),
      sendingAs(seat, frame) {
        if (seat === 0 && (decodeFrame(frame).header.draft?.length ?? 0) > 0) drafts += 1
        return frame
      },
    })
    expect(report).toMatchObject({ outcome: 'agreed', finding: { positions: 99 } })
    if (place.seat !== 0) expect(drafts).toBeGreaterThan(1)
  })
})
