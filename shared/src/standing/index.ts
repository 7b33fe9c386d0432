export {
  applyStanding,
  barredForMs,
  checkRateOf,
  checksForHalf,
  type FailureKind,
  fade,
  halfLifeMs,
  isBarred,
  mayHoldText,
  newcomerWeight,
  newStanding,
  type Standing,
  type StandingEvent,
  standingSchema,
  trustOf,
  weightOf,
} from './standing.ts'
export { changeStanding, reasonOf, type StandingChange } from './standing-changes.ts'
