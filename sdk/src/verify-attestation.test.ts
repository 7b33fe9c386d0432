import {
  type AttestationBody,
  type AttestationKind,
  reportDataOf,
  simulatedMessage,
} from '@computepool/shared/attestation'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { expect, test, vi } from 'vitest'
import { fakeFetch, fakeOrigin } from '../test/fake-fetch.ts'
import { requireVerified } from './verdict.ts'
import { type AttestationOptions, verifyAttestation } from './verify-attestation.ts'

const key = privateKeyToAccount(generatePrivateKey())
const signer = key.address.toLowerCase()
const claims = { model: 'demo', covers: 'orchestrator' }
const zeros = '00'.repeat(48)
const measurements = { mrtd: zeros, rtmr0: zeros, rtmr1: zeros, rtmr2: zeros, rtmr3: zeros }
const isSigned = () => ({ isSigned: true, status: 'UpToDate' }) as const
const toHex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

/** A TD's quote of version 4 in the places where it is read; nobody signed it, which only a verifier could tell. */
function quoteOver(reportData: Uint8Array): string {
  const quote = new Uint8Array(48 + 584)
  quote[0] = 4
  quote[4] = 0x81
  quote.set(reportData, 48 + 520)
  return toHex(quote)
}

async function bodyFor(kind: AttestationKind, nonce: string): Promise<AttestationBody> {
  const layout = 'claims-v1'
  const reportData = reportDataOf({ layout, kind, signer, nonce, claims })
  const isSimulated = kind === 'simulated'
  return {
    kind,
    layout,
    signer,
    nonce,
    claims,
    reportData: toHex(reportData),
    quote: isSimulated ? null : quoteOver(reportData),
    eventLog: isSimulated ? null : [],
    simulatedSignature: isSimulated ? await key.signMessage({ message: simulatedMessage(reportData) }) : null,
    notice: null,
  }
}

/** What is made of a pool that says so, after `change`. */
async function judge(
  kind: AttestationKind,
  options: AttestationOptions = {},
  change: (body: AttestationBody) => object = body => body,
) {
  const { fetch } = fakeFetch({
    '/v1/attestation': async ({ path }) => Response.json(change(await bodyFor(kind, path.split('nonce=')[1]!))),
  })
  const verdict = await verifyAttestation({ url: `${fakeOrigin}/` }, { ...options, fetch })
  return { ...verdict, failed: verdict.checks.filter(check => !check.ok).map(check => check.name) }
}

test('hardware is believed by a verifier and measurements that are handed in, and by nothing less', async () => {
  const verifyQuote = vi.fn(isSigned)
  const good = await judge('tdx-dstack', { verifyQuote, measurements })
  expect(good).toMatchObject({ verified: true, level: 'hardware', kind: 'tdx-dstack', signer, claims, failed: [] })
  expect(verifyQuote.mock.calls[0]).toEqual([expect.any(Uint8Array)])
  expect(() => requireVerified(good)).not.toThrow()
  const less: [AttestationOptions, string[]][] = [
    [{ measurements }, ['signature', 'status']],
    [{ verifyQuote }, ['measurements']],
    [{ verifyQuote, measurements, statuses: ['SWHardeningNeeded'] }, ['status']],
    [{ verifyQuote: () => Promise.reject(new Error('no')), measurements }, ['signature', 'status']],
    [{ verifyQuote, measurements: { ...measurements, mrtd: 'ff'.repeat(48) } }, ['measurements']],
  ]
  for (const [options, failed] of less) {
    const verdict = await judge('tdx-dstack', options)
    expect(verdict).toMatchObject({ verified: false, level: 'none', failed })
    expect(() => requireVerified(verdict, { allowSimulated: true })).toThrow(
      expect.objectContaining({ kind: 'attestation_wrong' }),
    )
  }
})

test('what was made for another nonce, signer or claims is refused by name', async () => {
  const options = { verifyQuote: isSigned, measurements }
  const old = await judge('tdx-dstack', options, body => ({ ...body, nonce: '5a'.repeat(32) }))
  expect(old).toMatchObject({ verified: false, failed: ['report-data', 'freshness'] })
  const other = await judge('tdx-dstack', options, body => ({ ...body, signer: `0x${'12'.repeat(20)}` }))
  expect(other).toMatchObject({ verified: false, failed: ['report-data'] })
  const claimed = await judge('tdx-dstack', options, body => ({ ...body, claims: { ...claims, covers: 'everything' } }))
  expect(claimed).toMatchObject({ verified: false, failed: ['report-data'] })
})

test('a simulation is known as one, is never verified, and counts for nothing where it is not even whole', async () => {
  const options = { verifyQuote: isSigned, measurements }
  const whole = await judge('simulated', options)
  expect(whole).toMatchObject({ verified: false, level: 'simulated', kind: 'simulated', signer })
  expect(() => requireVerified(whole)).toThrow('nothing but a simulation')
  expect(() => requireVerified(whole, { allowSimulated: true })).not.toThrow()
  const broken = [
    (body: AttestationBody) => ({ ...body, signer: `0x${'12'.repeat(20)}` }),
    (body: AttestationBody) => ({ ...body, nonce: '5a'.repeat(32) }),
    (body: AttestationBody) => ({ ...body, claims: {} }),
    (body: AttestationBody) => ({ ...body, simulatedSignature: null }),
  ]
  for (const change of broken) {
    const verdict = await judge('simulated', options, change)
    expect(verdict).toMatchObject({ verified: false, level: 'none' })
    expect(() => requireVerified(verdict, { allowSimulated: true })).toThrow()
  }
  // Under hardware's name it has no quote, or one that binds another domain.
  const posing = await judge('simulated', options, body => ({ ...body, kind: 'tdx-dstack' }))
  expect(posing).toMatchObject({ verified: false, level: 'none' })
  const quoted = await judge('simulated', options, body => {
    const { reportData } = body
    const bytes = Uint8Array.from(reportData.match(/../g)!, byte => Number.parseInt(byte, 16))
    return { ...body, kind: 'tdx-dstack', quote: quoteOver(bytes), eventLog: [], simulatedSignature: null }
  })
  expect(quoted).toMatchObject({ verified: false, level: 'none', failed: ['report-data'] })
})

test('a pool that nothing vouches for is a verdict; one that does not answer is an error', async () => {
  const { fetch } = fakeFetch({
    '/v1/attestation': () =>
      Response.json({ error: { message: 'Nothing vouches.', code: 'input_not_found' } }, { status: 404 }),
  })
  const verdict = await verifyAttestation(fakeOrigin, { fetch })
  expect(verdict).toMatchObject({ verified: false, level: 'none', kind: 'none', signer: null })
  await expect(verifyAttestation(fakeOrigin, { fetch: fakeFetch({}).fetch })).rejects.toMatchObject({
    kind: 'unreachable',
  })
})
