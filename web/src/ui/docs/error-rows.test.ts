import { expect, test } from 'vitest'
import { errorRows } from './error-rows.ts'

const row = (code: string) => {
  const found = errorRows('api').find(other => other.code === code)
  if (found === undefined) throw new Error(`There is no row ${code}.`)
  return found
}

test('the type in the table is the one that a 402 carries', () => {
  expect(row('payment_required')).toMatchObject({ httpStatus: 402, type: 'payment_error' })
})

test.each([
  ['payment_required', 'After paying.'],
  ['payment_cap_reached', 'After paying.'],
  ['payment_session_closed', 'After paying.'],
  ['payment_voucher_conflict', 'No: change the request first.'],
  ['payment_session_unknown', 'No: change the request first.'],
  ['payment_session_opening', 'Yes, after Retry-After seconds.'],
  ['payment_session_full', 'Yes, after Retry-After seconds.'],
])('%s: %s', (code, words) => {
  expect(row(code).retry).toBe(words)
})

test('what only a page and its wallet can meet asks nobody to pay', () => {
  for (const code of ['payment_challenge_invalid', 'payment_signature_declined', 'payment_wallet_failed'])
    expect(row(code).retry).toBe('In this page only, before anything was paid: do as the message says.')
})
