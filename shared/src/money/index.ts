export {
  activityFindingsSchema,
  activityRunSchema,
  activityRunsSchema,
  activitySessionsSchema,
  type Finding,
  findingSchema,
  type RunLog,
  runStatusSchema,
  type WorkflowRun,
} from './activity-views.ts'
export {
  atomicSchema,
  atomicToWei,
  requestCostAtomic,
  weiPerAtomic,
  weiSchema,
  weiToAtomicFloor,
} from './amounts.ts'
export {
  type DisputeState,
  type DisputeView,
  type DisputeVote,
  disputeStateSchema,
  disputesSchema,
  disputeViewSchema,
} from './dispute-views.ts'
export {
  dueAtomic,
  endCostAtomic,
  type MeterReading,
  mostRunningRequests,
  msUntilLimit,
  rateAtomic,
  wholeMs,
} from './meter.ts'
export {
  addressSchema,
  bigintAsString,
  type Earnings,
  earningsSchema,
  hashSchema,
  type MoneyTerms,
  type MoneyTransaction,
  moneyTermsSchema,
  type OpenedSession,
  openedSessionSchema,
  type PaidTerms,
  type Receipt,
  receiptSchema,
  type SessionStatus,
  type SessionView,
  sessionStateSchema,
  sessionViewSchema,
} from './money-views.ts'
export {
  mostRecovered,
  type PayerSessions,
  payerSessionsSchema,
  type Recovered,
  type Recovery,
  type RecoveryTerms,
  recoveredSchema,
  recoverySchema,
  recoveryTypedData,
  recoveryWindowSeconds,
} from './recovery.ts'
export {
  type ChainOrder,
  type MoneySession,
  type RunningRequest,
  type SessionEvent,
  type SessionEventType,
  type SessionStep,
  sessionDueAtomic,
  stepSession,
} from './session-machine.ts'
export { authorizationFields, transferWithAuthorizationTypes } from './voucher-types.ts'
export { type MemberUnits, mostMembers, type WorkSeat, workUnits } from './work-units.ts'
