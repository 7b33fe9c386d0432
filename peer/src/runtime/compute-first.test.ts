import { decodeEvidence, distanceOfSketches, isSameComputed, replayOf, sketchComputed } from '@computepool/shared/audit'
import type { Activation } from '@computepool/shared/ports'
import { describe, expect, it } from 'vitest'
import { garbage } from '../../../shared/testing/cheats/index.ts'
import { type CheckStage, heardBy, openCheckStage, type StageOptions } from '../../testing/check-stage.ts'

const vocab = 512
const drop = ({ pool, auditor, command }: CheckStage): void =>
  pool.command(auditor, { type: 'drop-check', check: command.check })
const computedBy = ({ auditor }: CheckStage) => heardBy(auditor, 'check-computed')

/** The auditor has computed, and waits for what was sent, which nobody was told to hand over. */
async function half(options: StageOptions): Promise<CheckStage> {
  const stage = await openCheckStage(options)
  const { pool, tabs, auditor, command } = stage
  const { check, epoch, plan, attempts } = command
  if (options.seat > 0)
    pool.command(tabs[options.seat]!, {
      ...{ type: 'hand-over', check, epoch, to: auditor.peer(), as: 'received', endPosition: plan.endPosition },
      attempts: attempts.map(({ requestId }) => requestId),
    })
  stage.run()
  await pool.until('a sketch', () => computedBy(stage).length > 0)
  return stage
}

describe.each([
  ['an entry', 0],
  ['a seat in between', 1],
])('an auditor of %s', (_, seat) => {
  it('says what it computed before it has anything of what was sent, under the desk’s nonce, of the rows that count', async () => {
    const stage = await half({ seat, isKept: true })
    expect(heardBy(stage.tabs[seat + 1]!, 'handed-over')).toEqual([])
    expect(heardBy(stage.auditor, 'check-reported')).toEqual([])
    const kept = stage.command.attempts[0]!.positions
    expect(computedBy(stage)).toMatchObject([{ rows: stage.command.plan.endPosition - kept }])
    const [first] = computedBy(stage)
    for (const [nonce, isSame] of [
      ['c0'.repeat(32), true],
      ['c1'.repeat(32), false],
    ] as const) {
      drop(stage)
      stage.handOver()
      stage.run({ nonce })
      const known = computedBy(stage).length
      await stage.pool.until('another', () => computedBy(stage).length > known)
      expect(isSameComputed(first!, computedBy(stage).at(-1)!)).toBe(isSame)
    }
  })

  it('computes no more than once, and what it says is neither what a cheat sent nor what came in', async () => {
    const stage = await openCheckStage({ seat, cheat: engine => garbage(engine, { vocab }) })
    const [engine] = stage.auditor.engines.slice(-1)
    const before = engine!.steps()
    stage.handOver()
    stage.run()
    const { evidence } = await stage.reported()
    expect(engine!.steps() - before).toBe(Math.ceil(stage.command.plan.endPosition / engine!.facts.maxChunk))
    const bundle = decodeEvidence(stage.pool.evidence.get(evidence!.sha256)!)
    const { frames, claimed } = replayOf(bundle, vocab)
    const { sketch, rows } = computedBy(stage)[0]!
    const sketchOf = async (activations: readonly Activation[]) => {
      let position = 0
      const pieces = activations.map(activation => {
        position += activation.tokens
        return { position: position - activation.tokens, activation }
      })
      return sketchComputed({ runs: [], pieces }, stage.command.nonce, {})
    }
    const sent = await sketchOf(claimed.outputs)
    expect(sent.rows).toBe(rows)
    expect(distanceOfSketches(sent.sketch, sketch)).toBeGreaterThan(0.5)
    const came = frames.flatMap(({ input }) => ('activation' in input ? [input.activation] : []))
    if (seat > 0) expect(isSameComputed(await sketchOf(came), { sketch, rows })).toBe(false)
  })

  it('ends cleanly where the check is dropped before what was sent has come, and makes the next one', async () => {
    const stage = await half({ seat })
    drop(stage)
    await stage.pool.clock.advance(1000)
    expect(heardBy(stage.auditor, 'check-reported')).toEqual([])
    stage.handOver()
    stage.run()
    expect(await stage.reported()).toMatchObject({ outcome: 'agreed' })
  })

  it('blames nobody where whoever was to hand it over has gone meanwhile, and is ready for the next', async () => {
    const stage = await half({ seat })
    const behind = stage.tabs[seat + 1]!
    const gone = behind.peer()
    await behind.running.leave()
    expect(await stage.reported()).toMatchObject({ outcome: 'failed', blamed: gone })
    expect(stage.auditor.snapshot().status).toBe('standing-by')
  })

  it('leaves or gives its layers up in the second half like in the first', async () => {
    const stage = await half({ seat })
    stage.pool.command(stage.auditor, { type: 'release-slice', epoch: 1 })
    expect(await stage.reported()).toMatchObject({ outcome: 'failed', words: 'The layers were given up.' })
    const other = await half({ seat })
    await other.auditor.running.leave()
    expect(other.auditor.snapshot().status).toBe('idle')
  })
})

it('waits for what was sent within the time of the check, and blames whoever had a fair part of it', async () => {
  const stage = await half({ seat: 1 })
  const beganMs = stage.pool.clock.monotonicMs()
  expect(await stage.reported()).toMatchObject({ outcome: 'withheld', blamed: stage.tabs[2]!.peer() })
  expect(stage.pool.clock.monotonicMs() - beganMs).toBeLessThan(stage.command.withinMs)
})

// Of 60 s: the first leaves next to nothing, the second less than half.
it.each([12_000, 8000])('but nobody who had less of it than the checked seat, at %i ms a step', async stepMs => {
  const stage = await openCheckStage({ seat: 1, auditorPowers: { breathe: async () => void (await slow()) } })
  const { clock } = stage.pool
  const slow = (): Promise<void> => new Promise(resolve => clock.schedule(stepMs, resolve))
  const { check, epoch, plan, attempts } = stage.command
  stage.pool.command(stage.tabs[1]!, {
    ...{ type: 'hand-over', check, epoch, to: stage.auditor.peer(), as: 'received', endPosition: plan.endPosition },
    attempts: attempts.map(({ requestId }) => requestId),
  })
  stage.run()
  expect(await stage.reported()).toMatchObject({ outcome: 'failed', blamed: null, words: /Too little time/ })
})
