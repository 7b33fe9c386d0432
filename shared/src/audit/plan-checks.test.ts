import { expect, test } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { greedy } from '../pipeline/index.ts'
import { type CheckPolicy, commitmentOf, defaultCheckPolicy, endChances, type PlanInput, planChecks } from './index.ts'

const random = createSeededRandom(20_261_122)
const secret = () => random.bytes(32)
const policies = (count: number, policy: CheckPolicy = defaultCheckPolicy) => new Array<CheckPolicy>(count).fill(policy)

/** Spelled out, so that bytes which must never change do not hang on what the default happens to be. */
const pinned: CheckPolicy = { rate: 0.61, window: 64, windowShare: 5 / 6, endShare: 0 }

function planInput(changes: Partial<PlanInput> = {}): PlanInput {
  return {
    secret: secret(),
    attempt: 'request-1',
    receiptHeads: [random.bytes(32), random.bytes(32), random.bytes(32)],
    positions: 300,
    keptPositions: 0,
    firstDraw: () => null,
    policies: policies(3),
    ...changes,
  }
}

test('the nonce binds secret, manifest, policies and sampling, whatever order their fields are in', () => {
  const terms = { manifestSha256: 'ab'.repeat(32), policies: policies(3, pinned), sampling: greedy }
  const one = 'c1'.repeat(32)
  const nonce = commitmentOf(one, terms)
  expect(nonce).toBe('7590afe03777038ad3b896ab3f1a88135377c6a66f1bd5fafe409006969aceb6')
  const { logprobs, ...rest } = greedy
  expect(
    commitmentOf(one, {
      ...{ sampling: { logprobs, ...rest }, policies: policies(3, pinned), manifestSha256: terms.manifestSha256 },
    }),
  ).toBe(nonce)
  const others = [
    commitmentOf('c2'.repeat(32), terms),
    commitmentOf(one, { ...terms, manifestSha256: 'ac'.repeat(32) }),
    commitmentOf(one, { ...terms, policies: policies(2, pinned) }),
    commitmentOf(one, { ...terms, sampling: { ...greedy, seed: 1 } }),
  ]
  expect(new Set([nonce, ...others]).size).toBe(5)
  expect(() => commitmentOf('c1', terms)).toThrow(/secret of 2 characters/)
})

test('an attempt that began with a kept cache is drawn among its own positions', () => {
  const input = planInput({ positions: 40, policies: policies(3, { ...defaultCheckPolicy, rate: 1 }) })
  const kept = planChecks({ ...input, positions: 540, keptPositions: 500 })
  expect(kept).toEqual(planChecks(input).map(check => ({ ...check, endPosition: check.endPosition + 500 })))
  expect(() => planChecks({ ...input, keptPositions: 40 })).toThrow(/No checks/)
})

test('an exit is drawn as any other seat, and a run of its draws by the same digest', () => {
  const input = planInput({ positions: 539, policies: policies(3, { ...defaultCheckPolicy, rate: 1 }) })
  const drawn = { ...input, firstDraw: (seat: number) => (seat === 2 ? 500 : null) }
  const plain = planChecks(input)
  const [entry, middle, exit] = planChecks(drawn)
  expect([entry, middle, { ...exit, draws: null }]).toEqual(plain)
  const { from, until } = exit!.draws!
  expect(until - from).toBe(16)
  // All tokens at 500 to 539 may be met, and no other.
  const places = Array.from({ length: 400 }, () => planChecks({ ...drawn, secret: secret() })[2]!.draws!.from)
  expect([Math.min(...places), Math.max(...places)]).toEqual([500, 524])
  // Five were drawn: all of them.
  expect(planChecks({ ...drawn, positions: 504 })[2]!.draws).toEqual({ from: 500, until: 505 })
  // Cut before its first token.
  expect(planChecks({ ...drawn, positions: 499 }).map(({ seat }) => seat)).toEqual([0, 1])
})

test('everybody who knows secret and receipts makes the same plan', () => {
  const input = planInput()
  expect(planChecks(input)).toEqual(planChecks({ ...input, secret: input.secret.slice() }))
})

test('a plan in bytes that never change', () => {
  const plan = (attempt: string) =>
    planChecks({
      secret: new Uint8Array(32).fill(7),
      attempt,
      receiptHeads: [1, 2, 3, 4].map(byte => new Uint8Array(32).fill(byte)),
      positions: 500,
      keptPositions: 0,
      firstDraw: () => null,
      policies: policies(4, { ...pinned, rate: 1 }),
    }).map(({ endPosition }) => endPosition)
  expect([plan('a'), plan('b')]).toMatchInlineSnapshot(`
    [
      [
        52,
        12,
        20,
        44,
      ],
      [
        29,
        131,
        26,
        44,
      ],
    ]
  `)
})

/** Chi-square of `counts` against `expected`, and the bound that one in ten thousand passes (Wilson and Hilferty). */
function chiSquare(counts: readonly number[], expected: readonly number[]): { value: number; bound: number } {
  const freedom = counts.length - 1
  const value = counts.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0)
  return { value, bound: freedom * (1 - 2 / (9 * freedom) + 3.72 * Math.sqrt(2 / (9 * freedom))) ** 3 }
}

/** What becomes of seat 1 over `trials` plans, in bins: not checked, then by eighths of the end. */
function spread(trials: number, make: (trial: number) => PlanInput) {
  const { rate } = defaultCheckPolicy
  const positions = 300
  const bins = 8
  const size = Math.ceil(positions / bins)
  const counts = new Array<number>(bins + 1).fill(0)
  for (let trial = 0; trial < trials; trial++) {
    const check = planChecks(make(trial)).find(({ seat }) => seat === 1)
    counts[check === undefined ? bins : Math.floor((check.endPosition - 1) / size)]! += 1
  }
  const expected = new Array<number>(bins + 1).fill(0)
  expected[bins] = trials * (1 - rate)
  for (const [i, chance] of endChances(defaultCheckPolicy, positions).entries())
    expected[Math.floor(i / size)]! += trials * rate * chance
  return chiSquare(counts, expected)
}

test('a seat that does not know the secret draws as everybody does, whatever it signs', () => {
  // The seat's best attempt: one receipt that did well before, sent again and again, against secrets that it cannot know.
  const favourite = random.bytes(32)
  const { value, bound } = spread(4000, () =>
    planInput({ receiptHeads: [random.bytes(32), favourite, random.bytes(32)] }),
  )
  expect(value).toBeLessThan(bound)
})

test('a desk that chose its secret before the receipts were signed draws as everybody does', () => {
  // The desk's best attempt: a secret under which all the receipts that it foresaw would be left alone.
  const foreseen = random.bytes(32)
  let chosen = secret()
  while (planChecks(planInput({ secret: chosen, receiptHeads: [null, foreseen, null] })).length > 0) chosen = secret()
  const { value, bound } = spread(4000, () =>
    planInput({ secret: chosen, receiptHeads: [foreseen, random.bytes(32), foreseen] }),
  )
  expect(value).toBeLessThan(bound)
})

test('leaving out a receipt, or adding one, draws nobody else’s check again', () => {
  for (let trial = 0; trial < 200; trial++) {
    const input = planInput()
    const whole = planChecks(input)
    for (const left of [0, 1, 2]) {
      const receiptHeads = input.receiptHeads.map((head, seat) => (seat === left ? null : head))
      expect(planChecks({ ...input, receiptHeads })).toEqual(whole.filter(({ seat }) => seat !== left))
      const changed = input.receiptHeads.map((head, seat) => (seat === left ? random.bytes(32) : head))
      const others = planChecks({ ...input, receiptHeads: changed }).filter(({ seat }) => seat !== left)
      expect(others).toEqual(whole.filter(({ seat }) => seat !== left))
    }
  }
})

test('a secret that is used for two attempts draws twice, and seats with one receipt draw apart', () => {
  const head = random.bytes(32)
  const input = planInput({ receiptHeads: new Array(60).fill(head), policies: policies(60), positions: 1000 })
  const plan = planChecks(input)
  expect(new Set(plan.map(({ endPosition }) => endPosition)).size).toBeGreaterThan(10)
  expect(planChecks({ ...input, attempt: 'request-1.2' })).not.toEqual(plan)
})

test('a check ends within the attempt, and on its last position where nothing else is asked for', () => {
  for (const positions of [1, 2, 63, 64, 65, 4000]) {
    for (let trial = 0; trial < 200; trial++)
      for (const { endPosition } of planChecks(planInput({ positions })))
        expect(endPosition >= 1 && endPosition <= positions).toBe(true)
    const whole = policies(3, { rate: 1, window: 64, windowShare: 0, endShare: 1 })
    expect(planChecks(planInput({ positions, policies: whole })).map(check => check.endPosition)).toEqual(
      new Array(3).fill(positions),
    )
  }
})

test('refuses what no plan can be drawn from', () => {
  for (const changes of [
    { positions: 0 },
    { positions: 1.5 },
    { secret: new Uint8Array(31) },
    { receiptHeads: [random.bytes(31), null, null] },
    { policies: policies(2) },
  ])
    expect(() => planChecks(planInput(changes))).toThrow(/No checks/)
})
