/** Logs whose events a program measured itself, judged as if Intel had signed the quote: none may make its own compose file another. */

import { sha384 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { expect, it } from 'vitest'
import type { AttestationBody, EventLog } from './attestation-body.ts'
import { judgeAttestation } from './judge-attestation.ts'
import { reportDataOf } from './report-data.ts'

const expected = 'ab'.repeat(32)
/** An attacker's own compose file, its blanks chosen until the hash begins with a colon. */
const forged = `3a${'cd'.repeat(31)}`
const runtime = 0x0800_0001
const zeros = '00'.repeat(48)

const event = (name: string, payload = '', type = runtime): EventLog[number] => ({
  ...{ imr: 3, event_type: type, digest: '', event: name, event_payload: payload },
})

/** dstack's rule, from its words and not from our code. */
function registerAfter(log: EventLog): Uint8Array {
  let register: Uint8Array = new Uint8Array(48)
  for (const { event_type: type, event: name, event_payload: payload } of log) {
    const bytes = Uint8Array.of(type & 255, (type >> 8) & 255, (type >> 16) & 255, type >>> 24)
    register = sha384(concatBytes(register, sha384(concatBytes(bytes, utf8ToBytes(`:${name}:`), hexToBytes(payload)))))
  }
  return register
}

/** The names of the checks that fail where `measured` happened and `shown` is told. */
function failing(measured: EventLog, shown: EventLog): string[] {
  const [nonce, signer] = ['11'.repeat(32), `0x${'aa'.repeat(20)}`]
  const bound = { layout: 'claims-v1', kind: 'tdx-dstack', signer, nonce, claims: { model: 'm' } } as const
  const reportData = reportDataOf(bound)
  const quote = new Uint8Array(48 + 584)
  const view = new DataView(quote.buffer)
  view.setUint16(0, 4, true)
  view.setUint32(4, 0x81, true)
  quote.set(registerAfter(measured), 48 + 472)
  quote.set(reportData, 48 + 520)
  const body: AttestationBody = {
    ...{ ...bound, reportData: bytesToHex(reportData), quote: bytesToHex(quote), eventLog: shown },
    ...{ simulatedSignature: null, notice: null },
  }
  const measurements = { mrtd: zeros, rtmr0: zeros, rtmr1: zeros, rtmr2: zeros, composeHash: expected }
  const policy = { nonce, measurements, statuses: ['UpToDate'] }
  const { checks } = judgeAttestation(body, { isSigned: true, status: 'UpToDate' }, policy)
  return checks.filter(check => !check.ok).map(check => check.name)
}

const honest = [event('system-preparing'), event('compose-hash', expected), event('system-ready')]

it('takes dstack’s own log, whatever the program measured after it started', () => {
  expect(failing(honest, honest)).toEqual([])
  const more = [...honest, event('app.started_1', '01'), event('compose-hash', forged)]
  expect(failing(more, more)).toEqual([])
})

it('does not let the presenter choose where a name ends', () => {
  const happened = [event('compose-hash', forged), event('system-ready'), event('compose-hash', expected)]
  expect(failing(happened, happened)).toEqual(['measurements'])
  const split = [event('compose-hash:', forged.slice(2)), ...happened.slice(1)]
  expect(registerAfter(split)).toEqual(registerAfter(happened))
  expect(failing(happened, split)).toContain('event-log')
})

it('takes the compose hash of the boot, and neither a second one nor a later one', () => {
  const late = [event('system-preparing'), event('system-ready'), event('compose-hash', expected)]
  expect(failing(late, late)).toEqual(['measurements'])
  const twice = [event('compose-hash', forged), event('compose-hash', expected), event('system-ready')]
  expect(failing(twice, twice)).toEqual(['measurements'])
})

it('refuses events in RTMR3 of a type that is not dstack’s', () => {
  const other = [event('compose-hash', expected, 1), event('system-ready')]
  expect(failing(other, other)).toContain('event-log')
})
