import { asComputePoolError } from '@computepool/shared/errors'
import { expect, test } from 'vitest'
import { challengeOf, encodeChallenge } from '../ui/testing/fake-money-client.ts'
import { sampleTerms } from '../ui/testing/sample-money.ts'
import { checkChallenge } from './payment-challenge.ts'

const terms = sampleTerms()
const capAtomic = 500_000n
const honest = challengeOf(terms, capAtomic)
const other = `0x${'9'.repeat(40)}`

function refusal(header: string, cap = capAtomic): { code: string; field: unknown } {
  try {
    checkChallenge(header, terms, cap)
  } catch (thrown) {
    const { code, context } = asComputePoolError(thrown)
    return { code, field: context.field }
  }
  throw new Error('It was not refused.')
}

test('an honest challenge passes, whatever the case of its addresses', () => {
  const upper = { ...honest, payTo: `0x${'3'.repeat(40)}`.toUpperCase().replace('0X', '0x') }
  const { requirement, resource } = checkChallenge(encodeChallenge(upper), terms, capAtomic)
  expect(requirement.amount).toBe('500000')
  expect(resource).toEqual({ url: 'http://localhost/v1/sessions' })
})

test.each([
  ['scheme', { scheme: 'upto' }],
  ['network', { network: 'eip155:1' }],
  ['network', { network: 'eip155:313370' }],
  ['asset', { asset: other }],
  ['payTo', { payTo: other }],
  ['amount', { amount: '500001' }],
  ['amount', { amount: '5000000' }],
  ['amount', { amount: '499999' }],
  ['extra.name', { extra: { name: 'USD Coin', version: '2' } }],
  ['extra.version', { extra: { name: 'Test USDC', version: '1' } }],
  ['extra.name', { extra: {} }],
  ['extra.assetTransferMethod', { extra: { name: 'Test USDC', version: '2', assetTransferMethod: 'permit2' } }],
  ['maxTimeoutSeconds', { maxTimeoutSeconds: 86_400 }],
  ['maxTimeoutSeconds', { maxTimeoutSeconds: 0 }],
])('a challenge that lies about %s is refused by name: %j', (field, lie) => {
  expect(refusal(encodeChallenge({ ...honest, ...lie }))).toEqual({ code: 'payment_challenge_invalid', field })
})

test('among several offers the one that keeps the terms is taken, and no other', () => {
  const dear = { ...honest, amount: '5000000' }
  expect(checkChallenge(encodeChallenge(dear, honest), terms, capAtomic).requirement.amount).toBe('500000')
  expect(refusal(encodeChallenge(dear, dear)).field).toBe('amount')
})

test.each([
  ['no base64', '%%%'],
  ['no JSON', btoa('hello')],
  ['version 1', btoa(JSON.stringify({ x402Version: 1, accepts: [honest] }))],
  ['nothing to accept', btoa(JSON.stringify({ x402Version: 2, accepts: [] }))],
  ['an amount in floating point', encodeChallenge({ ...honest, amount: '0.5' })],
  ['a negative amount', encodeChallenge({ ...honest, amount: '-500000' })],
  ['too much of it', 'A'.repeat(20_000)],
])('what is no challenge is refused: %s', (_name, header) => {
  expect(refusal(header).code).toBe('payment_challenge_invalid')
})

test('a cap outside the terms is never asked for', () => {
  expect(refusal(encodeChallenge(challengeOf(terms, 49_999n)), 49_999n).field).toBe('cap')
  expect(refusal(encodeChallenge(challengeOf(terms, 5_000_001n)), 5_000_001n).field).toBe('cap')
})
