export { type AuditDesk, type AuditDeskOptions, type Breach, createAuditDesk } from './audit-desk.ts'
export type { AuditRing } from './auditor-roster.ts'
export type { CheckFigures, CheckOutcome } from './check-counts.ts'
export { createEvidenceArchive, type EvidenceArchive, maxEvidenceBytes } from './evidence-archive.ts'
