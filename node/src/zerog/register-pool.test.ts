/** A pool's word that it is hardware, and what a registration believes of it. The quote is Intel's recorded one, with our report data put in. */
import { type AttestationBody, reportDataOf } from '@computepool/shared/attestation'
import recorded from '@computepool/shared/vectors/attestation/tdx-quote-recorded.json' with { type: 'json' }
import { expect, it } from 'vitest'
import { verifyQuote } from '../attestation/verify-quote.ts'
import { type RegisterOptions, registerPool } from './register-pool.ts'
import type { ZerogPlace } from './zerog-place.ts'

const nonce = 'ab'.repeat(32)
const kind = 'tdx-dstack'
const bound = { layout: 'claims-v1', kind, signer: `0x${'aa'.repeat(20)}`, nonce, claims: { model: 'm' } } as const

/** Evidence as a pool in a TD would give it, but for Intel's signature. */
function bodyOf(change: Partial<AttestationBody> = {}, put: (quote: Buffer) => void = () => {}): AttestationBody {
  const reportData = Buffer.from(reportDataOf(bound))
  const quote = Buffer.from(recorded.quote, 'hex')
  quote.set(reportData, 48 + 520)
  put(quote)
  const evidence = { reportData: reportData.toString('hex'), quote: quote.toString('hex'), eventLog: [] }
  return { ...bound, ...evidence, simulatedSignature: null, notice: null, ...change }
}

async function register(attestation: AttestationBody, change: Partial<RegisterOptions> = {}) {
  const sent: unknown[] = []
  const place = {
    chainId: 16602,
    client: { getBalance: async () => 10n ** 21n },
    serving: {
      provider: `0x${'22'.repeat(20)}`,
      service: async () => null,
      leastStakeNeuron: async () => 10n ** 20n,
      register: async (terms: unknown) => {
        sent.push(terms)
        return { did: 'registered', transaction: '0xaa' }
      },
    },
  } as unknown as ZerogPlace
  const flags = { isSimulationMeant: false, isLossMeant: false, isDryRun: false }
  const prices = { inputPriceNeuron: 1n, outputPriceNeuron: 1n }
  const how = { place, attestation, nonce, verdict: null, url: 'https://pool.example.org', ...prices, ...flags }
  return registerPool({ ...how, ...change }).then(
    ({ quoteSignature }) => [sent.length, quoteSignature],
    error => [sent.length, error.code, error.message],
  )
}

it('stakes on a quote that binds the signer, and says that nobody looked for Intel’s signature', async () => {
  expect(await register(bodyOf())).toEqual([1, 'not checked'])
  expect(await register(bodyOf(), { verdict: { isSigned: true, status: 'SWHardeningNeeded' } })).toEqual([
    1,
    'verified',
  ])
})

it('stakes nothing on a pool’s word that it is hardware', async () => {
  const refused = async (body: AttestationBody, why: string, change: Partial<RegisterOptions> = {}) =>
    expect(await register(body, change)).toEqual([0, 'attestation_refused', expect.stringContaining(why)])
  await refused(bodyOf({ quote: null, eventLog: null }), 'without a quote')
  await refused(bodyOf({ simulatedSignature: `0x${'11'.repeat(65)}` }), 'hardware')
  await refused(bodyOf({ kind: 'sgx-gramine' }), 'with a quote of tdx')
  await refused(bodyOf({ quote: recorded.quote }), 'report-data')
  await refused(bodyOf({ signer: `0x${'bb'.repeat(20)}` }), 'report-data')
  await refused(bodyOf(), 'freshness', { nonce: 'cd'.repeat(32) })
  await refused(
    bodyOf({}, quote => quote.writeUInt8(1, 48 + 120)),
    'under debug',
  )
  await refused(bodyOf({ eventLog: null }), 'event-log')
  const event = { imr: 3, event_type: 0x0800_0001, digest: '', event: 'app-id', event_payload: '' }
  await refused(bodyOf({ eventLog: [event] }), 'event-log')
  // Meant or not: the contract would be told that hardware vouches.
  await refused(bodyOf({ quote: null }), 'without a quote', { isSimulationMeant: true })
  const changed = bodyOf()
  const verdict = verifyQuote(Buffer.from(changed.quote!, 'hex'), recorded.collateral, Date.parse(recorded.verifiesAt))
  await refused(changed, 'signature', { verdict })
})

it('stakes on simulated evidence only where that is meant', async () => {
  const simulated = bodyOf({ kind: 'simulated', quote: null, eventLog: null })
  expect(await register(simulated)).toEqual([0, 'attestation_refused', expect.stringContaining('simulated')])
  expect(await register(simulated, { isSimulationMeant: true })).toEqual([1, 'none'])
})
