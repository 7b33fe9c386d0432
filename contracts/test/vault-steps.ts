/** Random schedules for a vault: what its people, strangers and plain bad luck do, and in which order. */
import fc from 'fast-check'

export type Step =
  | { kind: 'open'; capSeconds: number; odd: number }
  | { kind: 'set'; pick: number; epoch: number; rate: number; leaseIn: number; dueShift: number }
  | { kind: 'close'; pick: number; epoch: number; dueShift: number }
  | { kind: 'end'; pick: number; byPayer: boolean }
  | { kind: 'repeat'; back: number }
  | { kind: 'units'; units: readonly number[]; epoch: number }
  | { kind: 'wait'; seconds: number }
  | { kind: 'reap' }

const pick = fc.nat(7)
const epoch = fc.constantFrom(1, 1, 1, 1, 5, 0, -1)
export const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('open' as const),
      capSeconds: fc.integer({ min: 1, max: 90 }),
      odd: fc.nat(999),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      ...{ kind: fc.constant('set' as const), pick, epoch },
      rate: fc.constantFrom(0, 1, 1, 1, 2, 3),
      leaseIn: fc.integer({ min: -3, max: 40 }),
      dueShift: fc.integer({ min: -4_000, max: 9_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('close' as const),
      pick,
      epoch,
      dueShift: fc.integer({ min: -4_000, max: 9_000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), pick, byPayer: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), back: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('units' as const),
      units: fc.array(fc.integer({ min: 1, max: 2_400 }), { maxLength: 4 }),
      epoch,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      seconds: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 140 })),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'reap' as const }) },
)

/** Reaches every command's good end by itself: chance may leave one out, above all where a busy machine plays few schedules. */
export const fullSchedule: Step[] = [
  { kind: 'open', capSeconds: 60, odd: 1 },
  { kind: 'open', capSeconds: 60, odd: 2 },
  { kind: 'set', pick: 0, epoch: 1, rate: 1, leaseIn: 10, dueShift: 0 },
  { kind: 'end', pick: 1, byPayer: true },
  { kind: 'wait', seconds: 30 },
  { kind: 'reap' },
]
