import type { Hex } from '@computepool/shared/coalition'
import { expect, it } from 'vitest'
import { createQuietRings } from './quiet-rings.ts'
import { createSpentStakes } from './spent-stakes.ts'
import type { SpentRecord, StakeTerms } from './stake-book.ts'
import { createAgreements, createTurns, whomToAsk } from './whom-to-ask.ts'

const [a, b, c] = ['0xaa', '0xbb', '0xcc'] as [Hex, Hex, Hex]
const termsHash: Hex = '0x01'

function open(...operators: Hex[]) {
  const agreements = createAgreements()
  const consents: { operator: Hex }[] = []
  const faulty = new Set<Hex>()
  const trust = new Map<string, number>()
  const turns = createTurns(operator => trust.get(operator) ?? 0)
  const staked = new Set<Hex>()
  const row = { termsHash, state: 'offered', consents, terms: { parties: operators.map(operator => ({ operator })) } }
  const asked = (): string[] =>
    whomToAsk(row as unknown as StakeTerms, {
      hasAgreed: ({ termsHash }, operator) => agreements.has(termsHash, operator),
      needsStake: (_, operator) => !staked.has(operator),
      wasAtFault: operator => faulty.has(operator),
      turnOf: turns.of,
    }).map(({ operator, needsStake }) => `${operator}${needsStake ? ' stake' : ''}`)
  const agree = (...some: Hex[]): void => {
    for (const operator of some) agreements.note(termsHash, operator)
  }
  return {
    agreements,
    trust,
    agree,
    consent: (operator: Hex) => consents.push({ operator }),
    faulty,
    staked,
    asked,
    row,
  }
}

it('asks nobody for a stake while somebody may still refuse, and then one after the other', () => {
  const { agree, consent, faulty, asked } = open(a, b, c)
  expect(asked()).toEqual([a, b, c])
  agree(a, c)
  expect(asked()).toEqual([b])
  agree(b)
  // Whoever kept a ring waiting before goes first: nobody gave a stake for nothing where it does so again.
  faulty.add(b)
  expect(asked()).toEqual([`${b} stake`])
  consent(b)
  expect(asked()).toEqual([`${a} stake`])
  consent(a)
  expect(asked()).toEqual([`${c} stake`])
  consent(c)
  expect(asked()).toEqual([])
})

it('asks the least trusted first, in an order that stands while the offer does', () => {
  const { agree, consent, trust, asked } = open(a, b, c)
  trust.set(a, 0.8)
  trust.set(c, 0.5)
  agree(a, b, c)
  expect(asked()).toEqual([`${b} stake`])
  // It has met a check meanwhile: two would be asked at once.
  trust.set(b, 0.9)
  expect(asked()).toEqual([`${b} stake`])
  consent(b)
  expect(asked()).toEqual([`${c} stake`])
  consent(c)
  expect(asked()).toEqual([`${a} stake`])
})

it('asks whose stake lies there for its word alone, and the last one for both at once', () => {
  const { consent, staked, asked } = open(a, b)
  staked.add(a)
  expect(asked()).toEqual([a, b])
  consent(a)
  expect(asked()).toEqual([`${b} stake`])
})

it('forgets who agreed to what is offered no more', () => {
  const { agreements, agree, row } = open(a)
  agree(a)
  agreements.keepOnly([row as unknown as StakeTerms])
  expect(agreements.has(termsHash, a)).toBe(true)
  agreements.keepOnly([{ ...row, state: 'over' } as unknown as StakeTerms])
  expect(agreements.has(termsHash, a)).toBe(false)
})

it('lets a ring that cannot agree wait twice as long each time, an hour at most, and begin anew after one', () => {
  let nowMs = 0
  const quiet = createQuietRings(() => nowMs, 60_000)
  const waits = (): number => {
    quiet.failed('a ring')
    const from = nowMs
    while (quiet.isQuiet('a ring')) nowMs += 60_000
    return (nowMs - from) / 60_000
  }
  expect(Array.from({ length: 8 }, waits)).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
  expect(quiet.isQuiet('another')).toBe(false)
  nowMs += 3_660_000
  quiet.failed('another')
  expect(waits()).toBe(1)
})

it('has one that spent a signed stake be quiet for an hour, then four, then a day, and begin anew a week after', async () => {
  const hourMs = 3_600_000
  let nowMs = 1_000 * hourMs
  const kept = new Map<string, SpentRecord>()
  const open = async () => {
    const spent = createSpentStakes({
      book: {
        spenders: async afterMs => [...kept.values()].filter(({ untilMs }) => untilMs > afterMs),
        noteSpender: async record => void kept.set(record.operator, record),
      },
      wallMs: () => nowMs,
      quietMs: [hourMs, 4 * hourMs, 24 * hourMs],
    })
    await spent.load()
    return spent
  }
  const hours: number[] = []
  for (let times = 0; times < 4; times++) {
    await (await open()).spent(a)
    // A process that comes after knows it.
    const next = await open()
    hours.push((next.quietUntilMs(a)! - nowMs) / hourMs)
    nowMs = next.quietUntilMs(a)!
    expect([next.quietUntilMs(a), next.hasSpent(a), next.hasSpent(b)]).toEqual([null, true, false])
  }
  expect(hours).toEqual([1, 4, 24, 24])
  nowMs += 8 * 24 * hourMs
  const later = await open()
  expect(later.hasSpent(a)).toBe(false)
  expect(await later.spent(a)).toBe(nowMs + hourMs)
})
