/** Random schedules for a Coalition: what parties, accusers, auditors, strangers and time do, and in which order. */
import fc from 'fast-check'

export const termsFlaws = ['stakeZero', 'gap', 'twice', 'nobody', 'past', 'tooLong', 'version', 'stakeChanged'] as const
export const consentFlaws = ['otherSigner', 'otherTerms', 'otherStake', 'noStake', 'twice', 'outsider'] as const
export type TermsFlaw = (typeof termsFlaws)[number] | 'none'
export type ConsentFlaw = (typeof consentFlaws)[number] | 'none'

/** `pick` chooses among what the step is meant for, the newest first, or, `blind`, among all that there is. */
interface Picking {
  readonly pick: number
  readonly blind: boolean
}

export type Step =
  | {
      kind: 'propose'
      parties: readonly number[]
      flaw: TermsFlaw
      /** How many of the parties consent at once, and what is wrong with the first one's word. */
      consenting: number
      consentFlaw: ConsentFlaw
      termSeconds: number
    }
  | ({ kind: 'consent'; who: number; flaw: ConsentFlaw } & Picking)
  | ({ kind: 'activate' } & Picking)
  | ({
      kind: 'resplit'
      /** Members that go, and operators that come. */
      change: readonly number[]
      flaw: TermsFlaw
      consentFlaw: ConsentFlaw
      termSeconds: number
    } & Picking)
  | ({ kind: 'leave'; who: number; forged: boolean } & Picking)
  | ({ kind: 'end' } & Picking)
  | ({ kind: 'release'; who: number } & Picking)
  | ({
      kind: 'accuse'
      who: number
      by: number
      reason: number
      session: number
      /** Evidence of which there is little, so that the same is brought twice. */
      evidence: number
      bondShift: number
      forged: boolean
    } & Picking)
  | ({ kind: 'respond'; forged: boolean } & Picking)
  | ({ kind: 'vote'; auditor: number; isGuilty: boolean; forged: boolean } & Picking)
  | ({ kind: 'close' } & Picking)
  | ({ kind: 'settle' } & Picking)
  | { kind: 'withdraw'; who: number }
  /** The owner names an auditor or removes one, or changes how many must agree. */
  | { kind: 'auditor'; who: number; isAuditor: boolean }
  | { kind: 'quorum'; quorum: number }
  | { kind: 'wait'; seconds: number }
  /** To the next moment at which anything may change, or just beside it. */
  | { kind: 'waitFor'; shift: number }
  | { kind: 'repeat'; back: number }

const picking = { pick: fc.nat(7), blind: fc.nat(7).map(one => one === 0) }
const forged = fc.nat(11).map(one => one === 0)
const who = fc.nat(4)
const termSeconds = fc.integer({ min: 1, max: 900 })
const change = fc.uniqueArray(fc.nat(4), { maxLength: 3, size: 'max' })
const parties = fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 4, size: 'max' })
const orNone = <T extends string>(flaws: readonly T[]): fc.Arbitrary<T | 'none'> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant('none' as const) }, { weight: 1, arbitrary: fc.constantFrom(...flaws) })
const kind = <K extends Step['kind']>(name: K): { kind: fc.Arbitrary<K> } => ({ kind: fc.constant(name) })

const accuse = fc.record({
  ...kind('accuse'),
  ...{ who, by: fc.nat(6), reason: fc.nat(3), session: fc.nat(4), evidence: fc.nat(2), forged, ...picking },
  bondShift: fc.constantFrom(0, 0, 0, 0, 5, 12, -1),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      ...kind('propose'),
      ...{ parties, flaw: orNone(termsFlaws), consentFlaw: orNone(consentFlaws) },
      consenting: fc.constantFrom(4, 4, 4, 0, 1, 2),
      termSeconds,
    }),
  },
  { weight: 2, arbitrary: fc.record({ ...kind('consent'), who, flaw: orNone(consentFlaws), ...picking }) },
  { weight: 5, arbitrary: fc.record({ ...kind('activate'), ...picking }) },
  {
    weight: 4,
    arbitrary: fc.record({
      ...kind('resplit'),
      ...{ change, flaw: orNone(termsFlaws), consentFlaw: orNone(consentFlaws), termSeconds, ...picking },
    }),
  },
  { weight: 3, arbitrary: fc.record({ ...kind('leave'), who, forged, ...picking }) },
  { weight: 2, arbitrary: fc.record({ ...kind('end'), ...picking }) },
  { weight: 4, arbitrary: fc.record({ ...kind('release'), who, ...picking }) },
  { weight: 5, arbitrary: accuse },
  { weight: 3, arbitrary: fc.record({ ...kind('respond'), forged, ...picking }) },
  {
    weight: 6,
    arbitrary: fc.record({
      ...kind('vote'),
      ...{ auditor: fc.nat(5), isGuilty: fc.nat(2).map(one => one > 0), forged, ...picking },
    }),
  },
  { weight: 2, arbitrary: fc.record({ ...kind('close'), ...picking }) },
  { weight: 5, arbitrary: fc.record({ ...kind('settle'), ...picking }) },
  { weight: 2, arbitrary: fc.record({ ...kind('withdraw'), who: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({ ...kind('auditor'), who: fc.nat(5), isAuditor: fc.nat(3).map(one => one > 0) }),
  },
  { weight: 1, arbitrary: fc.record({ ...kind('quorum'), quorum: fc.constantFrom(1, 2, 2, 3) }) },
  { weight: 2, arbitrary: fc.record({ ...kind('wait'), seconds: fc.integer({ min: 1, max: 400 }) }) },
  { weight: 6, arbitrary: fc.record({ ...kind('waitFor'), shift: fc.integer({ min: -2, max: 1 }) }) },
  { weight: 3, arbitrary: fc.record({ ...kind('repeat'), back: fc.nat(5) }) },
)

const first = { pick: 0, blind: false }
const sound = { flaw: 'none', consentFlaw: 'none' } as const
const votes = (isGuilty: boolean): Step[] =>
  [0, 1].map(auditor => ({ kind: 'vote', auditor, isGuilty, forged: false, ...first }))

/** A coalition that stands: by chance alone most schedules would hardly have one. */
const founding: fc.Arbitrary<Step[]> = fc
  .record({ parties: fc.uniqueArray(fc.nat(4), { minLength: 2, maxLength: 4, size: 'max' }), termSeconds })
  .map(({ parties: of, termSeconds: term }) => [
    { kind: 'propose', parties: of, consenting: 4, termSeconds: term + 200, ...sound },
    { kind: 'activate', ...first },
  ])
/** An accusation that comes to a verdict, unless others are in its way. */
const trial: fc.Arbitrary<Step[]> = fc
  .record({ accusation: accuse, answers: fc.boolean(), isGuilty: fc.nat(3).map(one => one > 0), settles: fc.boolean() })
  .map(({ accusation: one, answers, isGuilty, settles }) => [
    { ...one, forged: false, bondShift: 0 },
    answers ? { kind: 'respond', forged: false, ...first } : { kind: 'wait', seconds: 60 },
    ...votes(isGuilty),
    ...(settles ? [{ kind: 'settle', ...first } as const] : []),
  ])

export const scheduleArbitrary: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.oneof({ weight: 4, arbitrary: founding }, { weight: 1, arbitrary: fc.constant<Step[]>([]) }),
    fc.array(fc.oneof({ weight: 9, arbitrary: step.map(one => [one]) }, { weight: 1, arbitrary: trial }), {
      minLength: 8,
      maxLength: 45,
      size: 'max',
    }),
  )
  .map(([before, after]) => [...before, ...after.flat()])

const accusation = { reason: 1, session: 1, evidence: 0, bondShift: 0, forged: false } as const

/** Reaches every command's good end by itself, and every verdict: chance may leave one out where a machine plays few schedules. */
export const fullSchedule: Step[] = [
  { kind: 'propose', parties: [0, 1, 2], consenting: 2, termSeconds: 800, ...sound },
  { kind: 'consent', who: 2, flaw: 'none', ...first },
  { kind: 'activate', ...first },
  { kind: 'propose', parties: [3], consenting: 4, termSeconds: 5, ...sound },
  { kind: 'resplit', change: [2, 3], termSeconds: 700, ...sound, ...first },
  { kind: 'accuse', who: 0, by: 5, ...accusation, ...first },
  { kind: 'respond', forged: false, ...first },
  ...votes(true),
  { kind: 'settle', ...first },
  { kind: 'accuse', who: 1, by: 5, ...accusation, ...first },
  { kind: 'respond', forged: false, ...first },
  ...votes(false),
  { kind: 'settle', ...first },
  { kind: 'accuse', who: 2, by: 6, ...accusation, session: 0, ...first },
  { kind: 'leave', who: 3, forged: false, ...first },
  { kind: 'wait', seconds: 200 },
  { kind: 'close', ...first },
  { kind: 'settle', ...first },
  { kind: 'release', who: 2, ...first },
  { kind: 'withdraw', who: 2 },
  { kind: 'end', ...first },
]

/** A member that was one when the other was accused, and left and came back before the verdict. */
export const returning: Step[] = [
  { kind: 'propose', parties: [0, 1, 2], consenting: 4, termSeconds: 800, ...sound },
  { kind: 'activate', ...first },
  { kind: 'accuse', who: 2, by: 5, ...accusation, ...first },
  { kind: 'leave', who: 0, forged: false, ...first },
  { kind: 'resplit', change: [2], termSeconds: 700, ...sound, ...first },
  { kind: 'respond', forged: false, ...first },
  ...votes(true),
  { kind: 'settle', ...first },
]
