/** A quote that Intel's keys signed, recorded by Phala (see the vector's `source`), and everything that must not pass for one. */
import {
  type AttestationBody,
  type AttestationPolicy,
  judgeAttestation,
  readQuote,
  reportDataOf,
} from '@computepool/shared/attestation'
import recorded from '@computepool/shared/vectors/attestation/tdx-quote-recorded.json' with { type: 'json' }
import { describe, expect, it } from 'vitest'
import { verifyQuote } from './verify-quote.ts'

const quote = Buffer.from(recorded.quote, 'hex')
const at = Date.parse(recorded.verifiesAt)
const nonce = 'ab'.repeat(32)
const report = readQuote(quote)!
if (report.tee !== 'tdx') throw new Error('The recorded quote is of a TD.')
const policy: AttestationPolicy = { nonce, measurements: { ...report.measurements }, statuses: ['UpToDate'] }

const body = (change: Partial<AttestationBody> = {}): AttestationBody => {
  const signer = `0x${'11'.repeat(20)}`
  const kind = change.kind ?? 'tdx-dstack'
  return {
    ...{ kind, layout: 'claims-v1', signer, nonce, claims: { model: 'm' }, quote: recorded.quote, eventLog: [] },
    reportData: Buffer.from(
      reportDataOf({ layout: 'claims-v1', kind, signer, nonce, claims: { model: 'm' } }),
    ).toString('hex'),
    simulatedSignature: null,
    notice: null,
    ...change,
  }
}

/** The recorded quote with bytes put into its body. */
function changed(offset: number, bytes: Uint8Array): Buffer {
  const copy = Buffer.from(quote)
  copy.set(bytes, offset)
  return copy
}

function failing(of: AttestationBody, now = at, by = policy): string[] {
  const bytes = of.quote === null ? null : Buffer.from(of.quote, 'hex')
  const judged = judgeAttestation(of, bytes === null ? null : verifyQuote(bytes, recorded.collateral, now), by)
  expect(judged.verified).toBe(judged.checks.every(check => check.ok))
  return judged.checks.filter(check => !check.ok).map(check => check.name)
}

describe('a recorded quote of Intel’s', () => {
  it('verifies at its pinned time, and all but the binding to our signer passes', () => {
    expect(verifyQuote(quote, recorded.collateral, at)).toEqual({ isSigned: true, status: 'UpToDate' })
    expect(failing(body())).toEqual(['report-data'])
  })

  it('fails by signature for one flipped byte', () => {
    const flipped = changed(48 + 520, Uint8Array.of(quote[48 + 520]! ^ 1))
    expect(failing(body({ quote: flipped.toString('hex') }))).toEqual(['signature', 'status', 'report-data'])
  })

  it('fails by collateral when that is out of date, not yet valid, changed or missing', () => {
    expect(failing(body(), Date.parse('2025-08-01T00:00:00Z'))).toContain('collateral')
    expect(failing(body(), Date.parse('2025-06-01T00:00:00Z'))).toContain('collateral')
    const collateral = {
      ...recorded.collateral,
      tcb_info: recorded.collateral.tcb_info.replace('OutOfDate', 'UpToDate'),
    }
    expect(verifyQuote(quote, collateral, at)).toMatchObject({ isSigned: false, isCollateralAtFault: true })
    expect(verifyQuote(quote, null, at)).toMatchObject({ isSigned: false, isCollateralAtFault: true })
  })

  it('fails by debug for a TD under debug, even where its signature were good', () => {
    const debug = body({ quote: changed(48 + 120, Uint8Array.of(1)).toString('hex') })
    const { checks } = judgeAttestation(debug, { isSigned: true, status: 'UpToDate' }, policy)
    expect(checks.filter(check => !check.ok).map(check => check.name)).toEqual(['debug', 'report-data'])
    expect(failing(debug)).toContain('debug')
  })

  it('fails by measurements, by event log, by status and by nonce', () => {
    expect(failing(body(), at, { ...policy, measurements: null })).toContain('measurements')
    const other = { ...report.measurements, rtmr1: '00'.repeat(48) }
    expect(failing(body(), at, { ...policy, measurements: other })).toContain('measurements')
    const event = { imr: 3, event_type: 0x0800_0001, digest: '', event: 'compose-hash', event_payload: 'aa'.repeat(32) }
    expect(failing(body({ eventLog: [event] }))).toContain('event-log')
    expect(failing(body({ eventLog: null }))).toContain('event-log')
    expect(failing(body(), at, { ...policy, statuses: ['SWHardeningNeeded'] })).toContain('status')
    expect(failing(body(), at, { ...policy, nonce: 'cd'.repeat(32) })).toContain('freshness')
  })

  it('passes all checks where the quote does bind the signer, and only with a signature', () => {
    const bound = body()
    bound.quote = changed(48 + 520, Buffer.from(bound.reportData, 'hex')).toString('hex')
    const judged = judgeAttestation(bound, { isSigned: true, status: 'UpToDate' }, policy)
    expect(judged).toMatchObject({ verified: true, level: 'hardware' })
    expect(failing(bound)).toEqual(['signature', 'status'])
    expect(judgeAttestation(bound, null, policy).verified).toBe(false)
  })
})

describe('simulated evidence', () => {
  const signed = { isSigned: true, status: 'UpToDate' } as const
  it('is not verified by a good quote put beside it', () => {
    const judged = judgeAttestation(body({ kind: 'simulated' }), signed, policy)
    expect(judged.verified).toBe(false)
    expect(judged.level).toBe('simulated')
    expect(judged.checks.every(check => !check.ok)).toBe(true)
  })

  it('is not verified when it is called hardware', () => {
    const { reportData, signer, claims } = body({ kind: 'simulated' })
    const posing = body({ reportData, simulatedSignature: `0x${'22'.repeat(65)}`, quote: null })
    expect(judgeAttestation(posing, signed, policy)).toMatchObject({ verified: false, level: 'none' })
    const without = { ...posing, simulatedSignature: null }
    expect(judgeAttestation(without, signed, policy).verified).toBe(false)
    // Even a quote over a simulated binding binds nothing under a real name.
    const quoted = changed(48 + 520, Buffer.from(reportData, 'hex')).toString('hex')
    const named = failing(body({ reportData, quote: quoted }))
    expect(named).toContain('report-data')
    expect(reportDataOf({ layout: 'claims-v1', kind: 'tdx-dstack', signer, nonce, claims })).not.toEqual(
      Buffer.from(reportData, 'hex'),
    )
  })

  it('is not verified as an enclave’s with a TD’s quote, nor with a quote that is none', () => {
    expect(judgeAttestation(body({ kind: 'sgx-gramine' }), signed, policy).verified).toBe(false)
    expect(judgeAttestation(body({ quote: 'deadbeef' }), signed, policy).verified).toBe(false)
    expect(verifyQuote(Buffer.from('DEV-MODE-NO-QUOTE'), recorded.collateral, at).isSigned).toBe(false)
  })
})
