export {
  type AnswerHashes,
  type AnswerSignature,
  answerKeyHeader,
  answerSignatureMs,
  answerSignatureSchema,
  answerText,
  readAnswerText,
  simulatedAnswerDomain,
} from './answer-signature.ts'
export {
  type AttestationBody,
  type AttestationClaims,
  type AttestationKind,
  attestationBodySchema,
  attestationHeader,
  attestationKinds,
  attestationNonceSchema,
  type EventLog,
  eventLogSchema,
  simulatedNotice,
} from './attestation-body.ts'
export { checksummedAddress } from './checksummed-address.ts'
export {
  type AttestationCheck,
  type AttestationJudgement,
  type AttestationPolicy,
  checkNames,
  type ExpectedMeasurements,
  expectedMeasurementsSchema,
  judgeAttestation,
  type QuoteVerdict,
} from './judge-attestation.ts'
export { type QuoteReport, readQuote } from './quote-report.ts'
export { recoverSigner } from './recover-signer.ts'
export { measuredEvent, replayEventLog } from './replay-event-log.ts'
export { type BoundToQuote, reportDataOf, reportLayouts, simulatedMessage } from './report-data.ts'
export {
  type AnswerCheck,
  type AnswerEvidence,
  type AnswerJudgement,
  answerCheckNames,
  type HashedAnswer,
  judgeAnswer,
  verifyAnswer,
} from './verify-answer.ts'
