/**
 * Judges evidence by a policy, one named check after another. Whether Intel signed the quote it is told by whoever can verify that; everything
 * else it looks at itself. Simulated evidence never comes out verified, whatever else is said.
 */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { z } from 'zod'
import type { AttestationBody } from './attestation-body.ts'
import { type QuoteReport, readQuote } from './quote-report.ts'
import { measuredEvent, replayEventLog } from './replay-event-log.ts'
import { reportDataOf } from './report-data.ts'

const register = z.string().regex(/^[0-9a-f]{96}$/)
const digest = z.string().regex(/^[0-9a-f]{64}$/)

/** What has to run there. Of a TD, its image (mrtd, rtmr0-2) and what it started (compose hash, or all of rtmr3). */
export const expectedMeasurementsSchema = z.union([
  z.strictObject({ mrtd: register, rtmr0: register, rtmr1: register, rtmr2: register, composeHash: digest }),
  z.strictObject({ mrtd: register, rtmr0: register, rtmr1: register, rtmr2: register, rtmr3: register }),
  z.strictObject({ mrenclave: digest }),
])
export type ExpectedMeasurements = z.infer<typeof expectedMeasurementsSchema>

export type QuoteVerdict =
  | { readonly isSigned: true; readonly status: string }
  | { readonly isSigned: false; readonly why: string; readonly isCollateralAtFault: boolean }

export interface AttestationPolicy {
  /** The nonce that was asked with. */
  readonly nonce: string
  /** Null: nobody said what should run there, so nothing that does can pass. */
  readonly measurements: ExpectedMeasurements | null
  /** Of the platform, as Intel names them. */
  readonly statuses: readonly string[]
}

export const checkNames = [
  'hardware',
  'collateral',
  'signature',
  'status',
  'debug',
  'measurements',
  'event-log',
  'report-data',
  'freshness',
] as const

export interface AttestationCheck {
  readonly name: (typeof checkNames)[number]
  readonly ok: boolean
  readonly detail: string
}

export interface AttestationJudgement {
  readonly verified: boolean
  readonly level: 'hardware' | 'simulated' | 'none'
  readonly checks: readonly AttestationCheck[]
}

/** `verdict` null: there was no quote to verify. */
export function judgeAttestation(
  body: AttestationBody,
  verdict: QuoteVerdict | null,
  policy: AttestationPolicy,
): AttestationJudgement {
  const report = body.quote === null ? null : readQuote(hexToBytes(body.quote))
  const tee = body.kind === 'tdx-dstack' ? 'tdx' : body.kind === 'sgx-gramine' ? 'sgx' : null
  const isHardware = tee !== null && report !== null && report.tee === tee && body.simulatedSignature === null
  const none = 'there is no quote that fits'
  const check = (name: AttestationCheck['name'], ok: boolean, detail: string): AttestationCheck => ({
    name,
    ok: ok && isHardware,
    detail,
  })
  const collateral = verdict !== null && (verdict.isSigned || !verdict.isCollateralAtFault)
  const why = verdict === null ? none : verdict.isSigned ? '' : verdict.why
  const status = verdict?.isSigned ? verdict.status : 'unknown'
  const measured = report === null ? none : measuredFault(report, body, policy.measurements)
  const logged = report === null ? none : logFault(report, body)
  const bound = report === null ? none : bindingFault(report, body)
  const checks = [
    check('hardware', true, hardwareDetail(body, report)),
    check('collateral', collateral, collateral ? 'in date' : why),
    check('signature', verdict?.isSigned ?? false, why || 'Intel’s, down from its root'),
    check('status', verdict?.isSigned === true && policy.statuses.includes(status), status),
    check('debug', report?.isDebug === false, report === null ? none : report.isDebug ? 'under debug' : 'off'),
    check('measurements', measured === null, measured ?? 'as expected'),
    check('event-log', logged === null, logged ?? (report?.tee === 'sgx' ? 'SGX has none' : 'replays to RTMR3')),
    check('report-data', bound === null, bound ?? 'binds signer, nonce and claims'),
    check('freshness', body.nonce === policy.nonce, body.nonce === policy.nonce ? 'our nonce' : 'another nonce'),
  ]
  const verified = checks.every(each => each.ok)
  return { verified, level: verified ? 'hardware' : body.kind === 'simulated' ? 'simulated' : 'none', checks }
}

function hardwareDetail({ kind }: AttestationBody, report: QuoteReport | null): string {
  if (kind === 'simulated') return 'simulated: no hardware vouches for it'
  return report === null ? `${kind} without a quote that can be read` : `${kind} with a quote of ${report.tee}`
}

function measuredFault(
  report: QuoteReport,
  body: AttestationBody,
  expected: ExpectedMeasurements | null,
): string | null {
  if (expected === null) return `none were given to compare with: ${JSON.stringify(report.measurements)}`
  const found: Readonly<Record<string, string>> = report.measurements
  for (const [name, value] of Object.entries(expected)) {
    const is = name === 'composeHash' ? measuredEvent(body.eventLog ?? [], 'compose-hash') : (found[name] ?? null)
    if (is !== value) return `${name} is ${is ?? 'missing'}, not ${value}`
  }
  return null
}

function logFault(report: QuoteReport, { eventLog }: AttestationBody): string | null {
  if (report.tee === 'sgx') return null
  if (eventLog === null) return 'there is none'
  const replayed = replayEventLog(eventLog)
  if (replayed === null)
    return 'it has an event that dstack does not write: of another type, or with a name of other characters'
  return replayed === report.measurements.rtmr3
    ? null
    : `replays to ${replayed}, and RTMR3 is ${report.measurements.rtmr3}`
}

function bindingFault(report: QuoteReport, body: AttestationBody): string | null {
  const expected = bytesToHex(reportDataOf(body))
  if (body.reportData !== expected) return 'the answer’s report data are not those of its signer, nonce and claims'
  const quoted = bytesToHex(report.reportData)
  return quoted === expected ? null : `the quote holds ${quoted}, not ${expected}`
}
