import { describe, expect, it } from 'vitest'
import { makeChaosPack } from './chaos-pack.ts'
import { type ChaosPlan, drawChaosPlan } from './chaos-plan.ts'
import { type ChaosReport, runChaos } from './run-chaos.ts'

const pack = makeChaosPack()
/** `COMPUTEPOOL_CHAOS_SEEDS=5000` runs as many, `COMPUTEPOOL_CHAOS_FIRST=17` begins with that one; a single one shows every message. */
const seeds = Number(process.env.COMPUTEPOOL_CHAOS_SEEDS ?? 60)
const firstSeed = Number(process.env.COMPUTEPOOL_CHAOS_FIRST ?? 1)

const draw = (seed: number): ChaosPlan => drawChaosPlan(seed, pack.manifest.dimensions.vocab)

/** What was wrong, and all that happened before: a seed can be run again by itself. */
function inWords({ seed, wrongs, log }: ChaosReport): string {
  return wrongs.length === 0 ? '' : `seed ${seed}:\n${wrongs.join('\n')}\n${log.join('\n')}`
}

describe('five tabs, twelve requests, and what goes wrong', () => {
  it('every answer is the one-peer answer or ends in one typed error, and nothing is left behind', async () => {
    const failed: Record<string, number> = {}
    let whole = 0
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const report = await runChaos(draw(seed), pack, seeds === 1)
      expect(inWords(report)).toBe('')
      whole += report.whole
      if (report.isShutDown) continue
      for (const [code, count] of Object.entries(report.failed)) failed[code] = (failed[code] ?? 0) + count
    }
    const lost = Object.values(failed).reduce((sum, count) => sum + count, 0)
    expect(whole / (whole + lost), `whole against ${JSON.stringify(failed)}`).toBeGreaterThan(leastWhole)
  }, 3_600_000)

  it('where nothing goes wrong every answer is whole', async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const report = await runChaos({ ...draw(seed), blows: [] }, pack)
      expect(inWords(report)).toBe('')
      expect(report.failed, `seed ${seed}`).toEqual({})
    }
  })

  it('is the same each time', async () => {
    expect((await runChaos(draw(3), pack)).log).toEqual((await runChaos(draw(3), pack)).log)
  })
})

/** Of the answers that nobody gave up, over all seeds. */
const leastWhole = 0.6
