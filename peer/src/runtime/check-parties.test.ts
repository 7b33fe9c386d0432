/** What a check asks of those who have a part in it, seats that hand over and the auditor, and what they say where they cannot. */
import { describe, expect, it } from 'vitest'
import { garbage } from '../../../shared/testing/cheats/index.ts'
import { checked, heardBy, openCheckStage } from '../../testing/check-stage.ts'

const vocab = 512

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
  const { pool } = stage
  const { sha256 } = report.evidence!
  const bundle = pool.evidence.get(sha256)!
  const judged = async (changes: object) => (await stage.judged(sha256, changes)).map(({ verdict }) => verdict)
  expect(await judged({ path: '/api/evidence/none' })).toEqual(['failed'])
  expect(await judged({ path: 'http://elsewhere.test/' })).toEqual(['failed'])
  pool.evidence.set(sha256, bundle.with(20, 7))
  expect(await judged({})).toEqual(['failed'])
  const none = new TextEncoder().encode('none')
  const named = await crypto.subtle.digest('SHA-256', none)
  const digest = Array.from(new Uint8Array(named), byte => byte.toString(16).padStart(2, '0')).join('')
  pool.evidence.set(digest, none)
  const fake = { path: `/api/evidence/${digest}`, sha256: digest }
  expect(await judged(fake)).toEqual(['unsound'])
  // A release that cannot read it speaks nobody free.
  const newer = new Uint8Array(
    Buffer.from(Buffer.from(bundle).toString('latin1').replace('"version":3', '"version":9'), 'latin1'),
  )
  const newerDigest = Buffer.from(await crypto.subtle.digest('SHA-256', newer)).toString('hex')
  pool.evidence.set(newerDigest, newer)
  const other = { path: `/api/evidence/${newerDigest}`, sha256: newerDigest }
  expect(await judged(other)).toEqual(['unjudged'])
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
