/** Whatever rings and their entries do: no token is lost, doubled or changed, each answer ends once, and nothing is left behind. */
import { ComputePoolError } from '@computepool/shared/errors'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openFakeRings, orderOf, wholeText } from '../../testing/fake-rings.ts'
import { readAnswer } from '../../testing/read-answer.ts'
import type { RequestOutcome } from './index.ts'

const mostRings = 3
const slot = fc.nat(2)
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('submit' as const), slot, tokens: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('draw' as const),
      slot,
      nth: fc.nat(3),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), slot, nth: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      slot,
      nth: fc.nat(3),
      code: fc.constantFrom('engine_failed', 'engine_prefix_missing', 'input_context_too_long'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'replace' as const, 'drain' as const), slot }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hopeless' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'cut' as const), nth: fc.nat(5) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 600, 20_000, 61_000) }),
  },
)

it('keeps every text whole and every end single', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 80 }), async commands => {
      const { table, ring, jobs, draw, finish, fail, clock, cancelled } = openFakeRings({ maxQueued: 3 })
      let epochs = 0
      const slots: number[] = []
      const tell = (whyNone: string | null = null): void =>
        table.setRings(
          slots.filter(epoch => epoch > 0).map(epoch => ring(epoch)),
          whyNone,
        )
      for (let index = 0; index < mostRings; index++) slots.push(++epochs)
      tell()
      const answers: Array<{
        text: ReturnType<typeof readAnswer>
        tokens: number
        outcomes: RequestOutcome[]
        drawn: number[]
      }> = []
      const lives: Array<ReturnType<typeof table.submit>> = []
      /** How many tokens each entry has said of each of its jobs. */
      const said = new Map<string, number>()
      const over = new Set<string>()
      const jobOf = (at: number, nth: number) => jobs(slots[at]!).toReversed()[nth]
      for (const each of commands) {
        if (each.do === 'submit') {
          const outcomes: RequestOutcome[] = []
          const drawn: number[] = []
          try {
            const live = table.submit(orderOf({ maxTokens: each.tokens, client: `c${each.slot}` }), {
              onFlowing: () => {},
              onToken: () => {},
              onEnded: (_, { outcome, tokens }) => {
                outcomes.push(outcome)
                drawn.push(tokens)
              },
            })
            lives.push(live)
            answers.push({ text: readAnswer(live), tokens: each.tokens, outcomes, drawn })
          } catch (thrown) {
            expect((thrown as ComputePoolError).code).toMatch(/^swarm_(busy|overloaded|layers_missing)$/)
          }
        } else if (each.do === 'draw') {
          const job = jobOf(each.slot, each.nth)
          if (job === undefined || over.has(job.requestId)) continue
          const from = said.get(job.requestId) ?? 0
          const count = Math.min(each.count, job.maxTokens - from)
          draw(slots[each.slot]!, job, count, { from })
          said.set(job.requestId, from + count)
        } else if (each.do === 'finish') {
          const job = jobOf(each.slot, each.nth)
          if (job === undefined || said.get(job.requestId) !== job.maxTokens) continue
          finish(slots[each.slot]!, job.requestId)
          over.add(job.requestId)
        } else if (each.do === 'fail') {
          const job = jobOf(each.slot, each.nth)
          if (job === undefined || over.has(job.requestId)) continue
          fail(slots[each.slot]!, job.requestId, each.code)
          over.add(job.requestId)
        } else if (each.do === 'lose' || each.do === 'replace') {
          const lost = slots[each.slot]!
          slots[each.slot] = each.do === 'lose' ? 0 : ++epochs
          table.interrupt(lost, new ComputePoolError('swarm_coalition_lost', 'Lost.'))
          tell()
        } else if (each.do === 'drain') {
          const rest = slots.filter((epoch, index) => epoch > 0 && index !== each.slot)
          table.setRings(
            rest.map(epoch => ring(epoch)),
            null,
          )
        } else if (each.do === 'hopeless') table.setRings([], 'Nobody is here.')
        else if (each.do === 'cancel') lives[each.nth]?.cancel()
        else if (each.do === 'cut') lives[each.nth]?.cutShort('cap')
        else if ('ms' in each) await clock.advance(each.ms)
      }
      table.close(new ComputePoolError('swarm_coalition_lost', 'Closing.'))
      for (const { text, tokens, outcomes, drawn } of answers) {
        const { tokens: got, end } = await text
        expect(got).toEqual(wholeText(3, got.length))
        if (end === 'length') expect(got).toHaveLength(tokens)
        expect(outcomes.filter(outcome => outcome !== 'moved')).toHaveLength(1)
        expect(outcomes.at(-1)).not.toBe('moved')
        expect(drawn.reduce((sum, count) => sum + count, 0)).toBe(got.length)
      }
      expect([table.running(), table.queued(), clock.pending]).toEqual([0, 0, 0])
      for (let epoch = 1; epoch <= epochs; epoch++) {
        expect(table.runningOn(epoch)).toBe(0)
        expect(new Set(cancelled(epoch)).size).toBe(cancelled(epoch).length)
      }
    }),
    { numRuns: 300 },
  )
})
