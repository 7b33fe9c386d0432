import { decodeEvidence } from '@computepool/shared/audit'
import { activationFromValues, activationValues, convertActivation } from '@computepool/shared/engine'
import { greedy } from '@computepool/shared/pipeline'
import type { Activation, Engine } from '@computepool/shared/ports'
import { decodeFrame } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { garbage, identity, replayed, staleEpoch, withOutputs } from '../../../shared/testing/cheats/index.ts'
import { heardBy, openCheckStage, type StageOptions } from '../../testing/check-stage.ts'

const vocab = 512

async function checked(options: StageOptions) {
  const stage = await openCheckStage(options)
  stage.handOver()
  stage.run()
  return { stage, report: await stage.reported() }
}

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
    const check = `audit:${'1e'.repeat(12)}`
    const { layers, epoch } = stage.command
    const path = `/api/evidence/${sha256}`
    stage.pool.command(stage.auditor, { type: 'judge-evidence', check, epoch, layers, path, sha256, withinMs: 60_000 })
    await stage.pool.until('a verdict', () => heardBy(stage.auditor, 'evidence-judged').length > 0)
    expect(heardBy(stage.auditor, 'evidence-judged')).toMatchObject([{ check, sha256, verdict: 'guilty' }])
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
    const { sha256 } = report.evidence!
    const { layers, epoch } = stage.command
    const check = `audit:${'1e'.repeat(12)}`
    const path = `/api/evidence/${sha256}`
    stage.pool.command(stage.auditor, { type: 'judge-evidence', check, epoch, layers, path, sha256, withinMs: 60_000 })
    await stage.pool.until('a verdict', () => heardBy(stage.auditor, 'evidence-judged').length > 0)
    expect(heardBy(stage.auditor, 'evidence-judged')).toMatchObject([{ verdict: 'guilty' }])
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
  const stage = await openCheckStage({ seat: 1, cheat: off })
  stage.handOver()
  stage.run({ engine: { kind: 'native', dtype: 'f16' } })
  const { outcome, evidence } = await stage.reported()
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
    const stage = await openCheckStage({ seat: 1, cheat })
    stage.handOver()
    stage.run({ engine })
    expect(await stage.reported()).toMatchObject({ outcome: 'unjudged', blamed: null })
  })
})

describe('of a seat whose engine nobody measured', () => {
  const engine = { kind: 'webgpu', dtype: 'f32' } as const
  const run = async (options: StageOptions) => {
    const stage = await openCheckStage({ sampling: greedy, ...options })
    stage.handOver()
    stage.run({ engine })
    return { stage, report: await stage.reported() }
  }
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
    const { sha256 } = report.evidence!
    const { layers, epoch } = stage.command
    const check = `audit:${'1e'.repeat(12)}`
    const path = `/api/evidence/${sha256}`
    stage.pool.command(stage.auditor, { type: 'judge-evidence', check, epoch, layers, path, sha256, withinMs: 60_000 })
    await stage.pool.until('a verdict', () => heardBy(stage.auditor, 'evidence-judged').length > 0)
    expect(heardBy(stage.auditor, 'evidence-judged')).toMatchObject([{ verdict: 'guilty' }])
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

describe('what is handed over', () => {
  it('may come before the desk’s word of the check', async () => {
    const stage = await openCheckStage({ seat: 1 })
    stage.handOver()
    const done = () => heardBy(stage.tabs[1]!, 'handed-over').length > 0
    await stage.pool.until('it has handed over', done)
    await stage.pool.clock.advance(1000)
    stage.run()
    expect(await stage.reported()).toMatchObject({ outcome: 'agreed' })
    expect(heardBy(stage.tabs[1]!, 'handed-over')[0]!.bytes).toBeGreaterThan(48 * 8 * 4)
  })

  it('is refused by name where it is not there any more', async () => {
    const stage = await openCheckStage({ seat: 1 })
    stage.handOver({ attempts: ['long ago'] })
    await stage.pool.until('a refusal', () => heardBy(stage.tabs[1]!, 'hand-over-refused').length > 0)
    expect(heardBy(stage.tabs[1]!, 'hand-over-refused')).toEqual([
      {
        type: 'hand-over-refused',
        check: stage.command.check,
        words: 'What it received of attempt long ago is not kept any more, or never was.',
      },
    ])
  })

  it('outlives the assignment', async () => {
    const stage = await openCheckStage({ seat: 1 })
    const { pool, tabs, auditor, command } = stage
    pool.assign(tabs, 2)
    for (const tab of tabs) await pool.until('the next ring', () => heardBy(tab, 'slice-ready').at(-1)?.epoch === 2)
    pool.prepare(tabs, auditor, 1, 2)
    await pool.until('the auditor in it', () => heardBy(auditor, 'slice-ready').at(-1)?.epoch === 2)
    stage.handOver({ epoch: 2 })
    pool.command(auditor, { ...command, epoch: 2 })
    expect(await stage.reported()).toMatchObject({ outcome: 'agreed' })
  })
})

describe('whoever keeps back what it signed for is named', () => {
  const sides: ['received' | 'sent', number][] = [
    ['received', 1],
    ['sent', 2],
  ]
  /** What `seat` hands over as `side`, with another byte in it. */
  async function corrupted(side: 'received' | 'sent', change: (frame: Uint8Array) => Uint8Array) {
    const network: { seat: number | null } = { seat: null }
    const stage = await openCheckStage({
      seat: 1,
      sendingAs: (seat, frame) => (seat === network.seat ? change(frame) : frame),
    })
    network.seat = side === 'received' ? 1 : 2
    stage.handOver()
    stage.run()
    return { stage, report: await stage.reported() }
  }
  const flip = (frame: Uint8Array): Uint8Array => frame.with(frame.length - 3, frame.at(-3)! ^ 0x40)

  it.each(sides)('where one byte of what was %s is not what was signed', async (side, seat) => {
    const { stage, report } = await corrupted(side, flip)
    expect(report).toMatchObject({ outcome: 'withheld', blamed: stage.tabs[seat]!.peer(), evidence: null })
    expect(report.words).toMatch(`of what was ${side} is not the one in the chain`)
  })

  it.each(sides)('where what was %s is no hand-over at all', async (side, seat) => {
    const { stage, report } = await corrupted(side, frame => frame.map((byte, i) => (i > 300 ? 7 : byte)))
    expect(report).toMatchObject({ outcome: 'withheld', blamed: stage.tabs[seat]!.peer() })
  })

  it.each(sides)('where nothing comes of what was %s', async (side, seat) => {
    const stage = await openCheckStage({ seat: 1 })
    const { pool, tabs, auditor, command } = stage
    const as = side === 'received' ? 'sent' : 'received'
    const { check, epoch, plan } = command
    const order = {
      type: 'hand-over' as const,
      check,
      epoch,
      to: auditor.peer(),
      as: as as typeof side,
      attempts: ['first'],
    }
    pool.command(tabs[3 - seat]!, { ...order, endPosition: plan.endPosition })
    stage.run()
    expect(await stage.reported()).toMatchObject({ outcome: 'withheld', blamed: tabs[seat]!.peer() })
  })

  it('but for whom no link leads to', async () => {
    const stage = await openCheckStage({ seat: 1 })
    const { pool, tabs, auditor } = stage
    const gone = tabs[1]!.peer()
    await tabs[1]!.running.leave()
    stage.handOver()
    stage.run()
    expect(await stage.reported()).toMatchObject({ outcome: 'failed', blamed: gone })
    expect(pool.evidence.size).toBe(0)
    expect(auditor.snapshot().status).toBe('standing-by')
  })
})

describe('an auditor says that it could not', () => {
  it('where it does not hold the layers, and where it serves a seat', async () => {
    const stage = await openCheckStage({ seat: 1 })
    stage.run({ layers: { start: 1, end: 2 } })
    expect(await stage.reported()).toMatchObject({ outcome: 'failed', words: /are not held here/ })
    stage.pool.command(stage.tabs[1]!, stage.command)
    await stage.pool.until('the seat’s word', () => heardBy(stage.tabs[1]!, 'check-reported').length > 0)
    expect(heardBy(stage.tabs[1]!, 'check-reported')).toMatchObject([{ outcome: 'failed' }])
  })

  it('where nobody measured such engines', async () => {
    const stage = await openCheckStage({ seat: 1 })
    stage.handOver()
    stage.run({ engine: { kind: 'webgpu', dtype: 'f32' } })
    expect(await stage.reported()).toMatchObject({ outcome: 'unjudged', words: /Nobody measured/ })
  })

  it('where secret or terms are not what the seats were told a commitment to', async () => {
    const stage = await openCheckStage({ seat: 1 })
    stage.handOver()
    stage.run({ plan: { ...stage.command.plan, secret: 'cd'.repeat(32) } })
    expect(await stage.reported()).toMatchObject({ outcome: 'failed', words: /a commitment to/ })
  })

  it('where the pool does not take its evidence', async () => {
    const stage = await openCheckStage({ seat: 1, cheat: engine => garbage(engine, { vocab }) })
    stage.handOver()
    stage.run({ evidence: { path: '/api/evidence', ticket: 'another' } })
    expect(await stage.reported()).toMatchObject({ outcome: 'failed', words: /did not keep the evidence: status 403/ })
  })

  it('where its slice is taken from it meanwhile', async () => {
    const stage = await openCheckStage({ seat: 1 })
    stage.run()
    await stage.pool.clock.advance(100)
    stage.pool.command(stage.auditor, { type: 'release-slice', epoch: 1 })
    expect(await stage.reported()).toMatchObject({ outcome: 'failed', words: 'The layers were given up.' })
  })

  it('and says nothing of a check that was dropped', async () => {
    const stage = await openCheckStage({ seat: 1 })
    stage.run()
    await stage.pool.clock.advance(100)
    stage.pool.command(stage.auditor, { type: 'drop-check', check: stage.command.check })
    await stage.pool.clock.advance(120_000)
    expect(heardBy(stage.auditor, 'check-reported')).toEqual([])
  })
})

it('judges evidence that is none, or not what it is called, as such', async () => {
  const { stage, report } = await checked({ seat: 1, cheat: engine => garbage(engine, { vocab }) })
  const { pool, auditor, command } = stage
  const { sha256 } = report.evidence!
  const bundle = pool.evidence.get(sha256)!
  const judged = async (check: string, changes: object) => {
    const { epoch, layers } = command
    const ask = { type: 'judge-evidence', check, epoch, layers, path: `/api/evidence/${sha256}`, sha256 } as const
    pool.command(auditor, { ...ask, withinMs: 60_000, ...changes })
    const verdicts = () => heardBy(auditor, 'evidence-judged').filter(said => said.check === check)
    await pool.until('a verdict', () => verdicts().length > 0)
    return verdicts()[0]!.verdict
  }
  expect(await judged(`audit:${'01'.repeat(8)}`, { path: '/api/evidence/none' })).toBe('failed')
  expect(await judged(`audit:${'02'.repeat(8)}`, { path: 'http://elsewhere.test/' })).toBe('failed')
  pool.evidence.set(sha256, bundle.with(20, 7))
  expect(await judged(`audit:${'03'.repeat(8)}`, {})).toBe('failed')
  const none = new TextEncoder().encode('none')
  const named = await crypto.subtle.digest('SHA-256', none)
  const digest = Array.from(new Uint8Array(named), byte => byte.toString(16).padStart(2, '0')).join('')
  pool.evidence.set(digest, none)
  const fake = { path: `/api/evidence/${digest}`, sha256: digest }
  expect(await judged(`audit:${'04'.repeat(8)}`, fake)).toBe('unsound')
  // A release that cannot read it speaks nobody free.
  const newer = new Uint8Array(
    Buffer.from(Buffer.from(bundle).toString('latin1').replace('"version":3', '"version":9'), 'latin1'),
  )
  const newerDigest = Buffer.from(await crypto.subtle.digest('SHA-256', newer)).toString('hex')
  pool.evidence.set(newerDigest, newer)
  const other = { path: `/api/evidence/${newerDigest}`, sha256: newerDigest }
  expect(await judged(`audit:${'05'.repeat(8)}`, other)).toBe('unjudged')
})

it('an auditor that is told to stop finishes the check that it has begun, and waits for nobody else', async () => {
  const stage = await openCheckStage({ seat: 1, auditorPowers: { role: 'auditor' } })
  const { pool, auditor } = stage
  expect(heardBy(auditor, 'peer-joined')[0]!.role).toBe('auditor')
  stage.run()
  await pool.clock.advance(100)
  const left = auditor.running.drain(60_000)
  await pool.clock.advance(1000)
  expect(auditor.snapshot()).toMatchObject({ status: 'standing-by', isDraining: true })
  stage.handOver()
  await pool.until('it has left', () => auditor.snapshot().status === 'idle')
  await left
  expect(heardBy(auditor, 'check-reported')).toMatchObject([{ outcome: 'agreed' }])
  expect(pool.clock.monotonicMs()).toBeLessThan(60_000)
})
