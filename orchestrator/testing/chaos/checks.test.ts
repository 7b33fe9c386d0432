/** Real peer runtimes and pipelines, real desk, real hub: a tab that computes garbage among tabs that do not, and auditors that compute it again. */
import { describe, expect, it } from 'vitest'
import { garbage } from '../../../shared/testing/cheats/index.ts'
import { makeChaosPack } from './chaos-pack.ts'
import { type ChaosPlan, drawChaosPlan } from './chaos-plan.ts'
import { runChaos } from './run-chaos.ts'

const pack = makeChaosPack()
const { vocab } = pack.manifest.dimensions
const timeoutMs = 300_000
/** Three conversations, again and again, and nothing that breaks. */
function planOf(seed: number): ChaosPlan {
  const drawn = drawChaosPlan(seed, vocab)
  const rounds = [0, 1, 2, 3, 4]
  return {
    ...drawn,
    minSeats: 3,
    blows: [],
    asks: rounds.flatMap(round =>
      drawn.asks
        .slice(0, 3)
        .map(ask => ({ ...ask, giveUp: null, capAfterTokens: null, atMs: ask.atMs + round * 60_000 })),
    ),
  }
}

describe('checks in a pool whose tabs are honest', () => {
  it.each([
    [3, 0.8],
    // Two stand by, for two of the three seats: nobody holds the third's layers.
    [0, 0.4],
  ])(
    'are all met, with %i auditors beside the standbys, over kept caches, drafts and draws alike',
    async (auditors, share) => {
      const { wrongs, checks, checkFigures, failed } = await runChaos(planOf(2), pack, { auditors })
      expect([wrongs, failed, checks.failed, checks.convicted]).toEqual([[], {}, [], []])
      const { drawn, agreed, unanswered, ...others } = checkFigures!
      expect(others).toMatchObject({ differs: 0, withheld: 0, unjudged: 0 })
      expect(drawn).toBeGreaterThan(20)
      expect(agreed / drawn, `${unanswered} of ${drawn} were answered by nobody`).toBeGreaterThan(share)
    },
    timeoutMs,
  )
})

describe('idle rings whose tabs are honest', () => {
  it(
    'meet every challenge, and answers in between are as right as ever',
    async () => {
      const extras = { auditors: 3, challengeEveryMs: 20_000 }
      const { wrongs, failed, checks, checkFigures } = await runChaos(planOf(2), pack, extras)
      expect([wrongs, failed, checks.failed, checks.convicted]).toEqual([[], {}, [], []])
      expect(checkFigures).toMatchObject({ differs: 0, withheld: 0, unjudged: 0 })
      expect(checkFigures!.challenges).toBeGreaterThan(5)
    },
    timeoutMs,
  )
})

describe('a tab that computes garbage', () => {
  const { layers } = pack.manifest.dimensions
  it.each([
    ['the entry', (start: number) => start === 0],
    ['in between', (start: number, end: number) => start > 0 && end < layers],
    ['the exit', (_: number, end: number) => end === layers],
  ])(
    '%s: is convicted within a few answers and replaced, and all that is answered then is right',
    async (_, isAt) => {
      let cheater: number | null = null
      const { checks, wrongs, failed, log } = await runChaos(planOf(2), pack, {
        auditors: 3,
        cheat: (engine, index) => {
          if (isAt(engine.layers.start, engine.layers.end)) cheater ??= index
          return index === cheater ? garbage(engine, { vocab }) : null
        },
      })
      expect([failed, checks.failed], log.join('\n')).toEqual([{}, []])
      expect(checks.convicted, log.join('\n')).toMatchObject([{ what: 'wrong-output' }])
      const wrong = wrongs.map(words => Number(/^answer (\d+): token/.exec(words)?.[1] ?? Number.NaN))
      // Three are asked at once. Whoever was answered by it before was answered wrongly: that it is out soon is what checks are for.
      expect(wrong.length).toBeGreaterThan(0)
      expect(Math.max(...wrong), wrongs.join('\n')).toBeLessThan(10)
    },
    timeoutMs,
  )

  it(
    'is out before anybody asks anything, where idle rings are challenged, and every answer is right',
    async () => {
      let cheater: number | null = null
      const plan = planOf(2)
      const { checks, wrongs, failed, checkFigures, log } = await runChaos(
        { ...plan, asks: plan.asks.map(ask => ({ ...ask, atMs: ask.atMs + 60_000 })) },
        pack,
        {
          auditors: 3,
          challengeEveryMs: 600_000,
          cheat: (engine, index) => {
            if (engine.layers.start > 0 && engine.layers.end < layers) cheater ??= index
            return index === cheater ? garbage(engine, { vocab }) : null
          },
        },
      )
      expect([failed, checks.failed, wrongs], log.join('\n')).toEqual([{}, [], []])
      expect(checks.convicted, log.join('\n')).toMatchObject([{ what: 'wrong-output' }])
      // That ring, and the one without it.
      expect(checkFigures!.challenges).toBeGreaterThanOrEqual(2)
    },
    timeoutMs,
  )
})
