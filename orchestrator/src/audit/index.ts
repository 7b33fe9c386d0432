export { createAuditDesk } from './audit-desk.ts'
export type { AuditDesk, AuditDeskOptions, Breach } from './audit-ports.ts'
export type { AuditRing } from './auditor-roster.ts'
export type { CheckFigures, CheckOutcome } from './check-counts.ts'
export type { ChallengeText } from './draw-challenge.ts'
export { createEvidenceArchive, type EvidenceArchive, maxEvidenceBytes } from './evidence-archive.ts'
export { createIdleChallenges, type IdleChallenges, type IdleChallengesOptions } from './idle-challenges.ts'
export {
  createStandbyChallenges,
  type StandbyChallenges,
  type StandbyChallengesOptions,
  type StandbyFigures,
} from './standby-challenges.ts'
