export type { Usdc } from './amounts.ts'
export { formatUsdc } from './amounts.ts'
export type { Answer, AnswerEvidence } from './answer.ts'
export type { AnswerStream, ChatMessage, ChatRequest } from './ask-chat.ts'
export { type FindOptions, findPool, type Pool, type PoolStatus } from './find-pool.ts'
export type { OpenOptions } from './open-session.ts'
export type { Payer } from './payer.ts'
export type { CallOptions, Fetch } from './pool-door.ts'
export { PoolError, type PoolErrorKind } from './pool-error.ts'
export type { ExpectedContracts, PaidPoolTerms, PoolTerms } from './pool-terms.ts'
export type { Session } from './session.ts'
export type { Receipt, ReceiptRequest, SessionView } from './session-view.ts'
export type { Person } from './sign-in.ts'
export {
  type AnswerVerdict,
  type AttestationLevel,
  type AttestationVerdict,
  type Check,
  type ReceiptVerdict,
  requireVerified,
  type Verdict,
} from './verdict.ts'
export { type AnswerOptions, verifyAnswer } from './verify-answer.ts'
export {
  type AttestationOptions,
  type ExpectedMeasurements,
  type QuoteVerdict,
  verifyAttestation,
} from './verify-attestation.ts'
export { type ReceiptOptions, verifyReceipt } from './verify-receipt.ts'
