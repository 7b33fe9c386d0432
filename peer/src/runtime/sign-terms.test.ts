import { stakeNonceValues, termsTypedData, transferTypedData } from '@computepool/shared/coalition'
import { createManualClock } from '@computepool/shared/testing'
import type { DeskCommand } from '@computepool/shared/wire'
import { encodeAbiParameters, type Hex, hashTypedData, keccak256, recoverTypedDataAddress } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { expect, it } from 'vitest'
import { keyOfSecret } from './key-of-secret.ts'
import { createTermsSigner, type HeldWork, type StakeSettings } from './sign-terms.ts'

type Offer = Extract<DeskCommand, { type: 'terms-offered' }>

const key = keyOfSecret(generatePrivateKey())
const manifestSha256 = 'ab'.repeat(32)
const held: HeldWork = { manifestSha256, modelLayers: 8, layers: { start: 0, end: 4 } }
const hex = (byte: string, bytes: number): Hex => `0x${byte.repeat(bytes)}`
const day = 86_400

function open(settings: Partial<StakeSettings> = {}, of = key) {
  const clock = createManualClock()
  const now = Math.floor(clock.wallMs() / 1000)
  const signer = createTermsSigner({ key: of, clock, settings })
  let salts = 0
  const offer = (change: Partial<Offer['terms']> = {}, rest: Partial<Offer> = {}): Offer => ({
    type: 'terms-offered',
    terms: {
      modelDigest: `0x${manifestSha256}`,
      layers: 8,
      pool: hex('b0', 20),
      vault: hex('5a', 20),
      pricePerSecondAtomic: '500',
      stakeAtomic: '5000000',
      proposalEndsAt: String(now + 600),
      endsAt: String(now + 7 * day),
      version: 0,
      id: '0',
      salt: `0x${(++salts).toString(16).padStart(64, '0')}`,
      parties: [
        { operator: of.address, firstLayer: 0, endLayer: 4, units: 500 },
        { operator: hex('c1', 20), firstLayer: 4, endLayer: 8, units: 500 },
      ],
      ...change,
    },
    place: { chainId: 31337, coalition: hex('c0', 20), usdc: hex('0d', 20), usdcName: 'USD Coin', usdcVersion: '2' },
    needsStake: true,
    validBefore: String(now + 600),
    ...rest,
  })
  return { clock, now, signer, offer }
}

it('signs terms and stake so that the contract’s own hashes find this wallet', async () => {
  const { signer, offer } = open()
  const offered = offer()
  const answer = await signer.answer(offered, held)
  if (answer.type !== 'terms-signed') throw new Error(answer.words)
  const { place, terms: json } = offered
  const at = { chainId: place.chainId, coalition: place.coalition as Hex }
  const terms = {
    ...json,
    ...{ pricePerSecondAtomic: 500n, stakeAtomic: 5_000_000n, id: 0n },
    ...{ proposalEndsAt: BigInt(json.proposalEndsAt), endsAt: BigInt(json.endsAt) },
  } as unknown as Parameters<typeof termsTypedData>[1]
  const typed = termsTypedData(at, terms)
  const { parameters, values } = stakeNonceValues(hashTypedData(typed), key.address)
  const transfer = transferTypedData(
    at,
    { address: place.usdc as Hex, name: 'USD Coin', version: '2' },
    {
      ...{ from: key.address, amountAtomic: 5_000_000n, nonce: keccak256(encodeAbiParameters(parameters, values)) },
      ...{ validAfter: 0n, validBefore: BigInt(offered.validBefore) },
    },
  )
  const found = [
    await recoverTypedDataAddress({ ...typed, signature: answer.termsSignature as Hex }),
    await recoverTypedDataAddress({ ...transfer, signature: answer.stakeSignature as Hex }),
  ]
  expect(found.map(address => address.toLowerCase())).toEqual([key.address, key.address])
  expect(answer).toMatchObject({ salt: offered.terms.salt, version: 0, validBefore: offered.validBefore })
})

it('signs a re-split without a stake where one lies there', async () => {
  const { signer, offer } = open()
  const answer = await signer.answer(offer({ version: 1, id: '7' }, { needsStake: false }), held)
  expect(answer).toMatchObject({ type: 'terms-signed', stakeSignature: '0x', validBefore: '0' })
})

it.each<[string, (of: ReturnType<typeof open>) => Offer, RegExp]>([
  [
    'another span',
    ({ offer }) => offer({ parties: [{ operator: key.address, firstLayer: 0, endLayer: 8, units: 1 }] }),
    /held are/,
  ],
  [
    'a model of other layers',
    ({ offer }) => offer({ layers: 4, parties: [{ operator: key.address, firstLayer: 0, endLayer: 4, units: 1 }] }),
    /the model has 8/,
  ],
  ['another model', ({ offer }) => offer({ modelDigest: hex('cd', 32) }), /of the model/],
  ['a stake above what is given', ({ offer }) => offer({ stakeAtomic: '25000001' }), /at most 25000000/],
  ['a term above what is given', ({ offer, now }) => offer({ endsAt: String(now + 60 * day) }), /lasts until/],
  [
    'somebody else’s terms',
    ({ offer }) => offer({ parties: [{ operator: hex('c1', 20), firstLayer: 0, endLayer: 8, units: 1 }] }),
    /no party/,
  ],
  [
    'an offer that stays open for days',
    ({ offer, now }) => offer({ proposalEndsAt: String(now + day) }),
    /open for too long/,
  ],
  [
    'a stake that stays good for days',
    ({ offer, now }) => offer({}, { validBefore: String(now + day) }),
    /good for too long/,
  ],
  [
    'a token that is no dollar',
    ({ offer }) => offer({}, { place: { ...offer().place, usdcName: 'Coinbase Wrapped BTC' } }),
    /calls itself “Coinbase Wrapped BTC”/,
  ],
])('refuses %s', async (_, made, words) => {
  const opened = open()
  expect(await opened.signer.answer(made(opened), held)).toMatchObject({
    type: 'terms-refused',
    words: expect.stringMatching(words),
  })
})

it('refuses while it holds nothing, and a price below what its owner asks', async () => {
  const { signer, offer } = open({ leastPricePerSecondAtomic: 501n })
  expect(await signer.answer(offer(), null)).toMatchObject({ type: 'terms-refused' })
  expect(await signer.answer(offer(), held)).toMatchObject({ words: expect.stringContaining('at least 501') })
})

it.each<[string, (offer: Offer) => Offer]>([
  ['registry', offer => ({ ...offer, place: { ...offer.place, coalition: hex('ee', 20) } })],
  ['chain', offer => ({ ...offer, place: { ...offer.place, chainId: 1 } })],
  ['token', offer => ({ ...offer, place: { ...offer.place, usdc: hex('ee', 20) } })],
  ['vault', offer => ({ ...offer, terms: { ...offer.terms, vault: hex('ee', 20) } })],
])('stays with the %s of the first offer that it signed', async (_, changed) => {
  const { signer, offer } = open()
  expect(await signer.answer(offer(), held)).toMatchObject({ type: 'terms-signed' })
  expect(await signer.answer(changed(offer()), held)).toMatchObject({
    type: 'terms-refused',
    words: expect.stringContaining('than the one before'),
  })
})

it('signs away no more within a day than its owner gives, however many offers come at once', async () => {
  const { signer, offer, clock } = open({ mostStakeAtomic: 12_000_000n })
  const offers = [offer(), offer(), offer(), offer()]
  const answers = await Promise.all(offers.map(one => signer.answer(one, held)))
  expect(answers.map(({ type }) => type)).toEqual(['terms-signed', 'terms-signed', 'terms-refused', 'terms-refused'])
  // The same offer again is the same stake.
  expect(await signer.answer(offers[0]!, held)).toMatchObject({ type: 'terms-signed' })
  await clock.advance(day * 1000 + 1000)
  const now = Math.floor(clock.wallMs() / 1000)
  const later = offer(
    { proposalEndsAt: String(now + 600), endsAt: String(now + day) },
    { validBefore: String(now + 600) },
  )
  expect(await signer.answer(later, held)).toMatchObject({ type: 'terms-signed' })
})

it('counts no terms that it signed without a stake: rounds that others let fail cost it nothing', async () => {
  const { signer, offer } = open({ mostStakeAtomic: 5_000_000n })
  for (let round = 0; round < 5; round++) {
    const answer = await signer.answer(offer({}, { needsStake: false }), held)
    expect(answer).toMatchObject({ type: 'terms-signed', stakeSignature: '0x' })
  }
  const last = offer()
  expect(await signer.answer({ ...last, needsStake: false }, held)).toMatchObject({ stakeSignature: '0x' })
  // The same terms again, for the stake.
  const answer = await signer.answer(last, held)
  expect(answer).toMatchObject({ type: 'terms-signed', stakeSignature: expect.stringMatching(/^0x[0-9a-f]{130}$/) })
})

it('says no word of what its wallet said when that refused', async () => {
  const secretive = { ...key, signTypedData: () => Promise.reject(new Error('key 0xsecret')) }
  const { signer, offer } = open({}, secretive)
  const answer = await signer.answer(offer(), held)
  expect(answer).toMatchObject({ type: 'terms-refused', words: 'The wallet did not sign.' })
})

it('has its word of leaving ready while a stake of it lies there', async () => {
  const { signer, offer } = open()
  await signer.answer(offer(), held)
  const told = { type: 'stake-told', amountAtomic: '5000000', words: '' } as const
  await signer.told({ ...told, state: 'staked', coalition: '7', version: 2 })
  expect(signer.leaveWord()).toMatchObject({ type: 'leave-signed', id: '7', version: 2 })
  await signer.told({ ...told, state: 'unbonding', coalition: '7' })
  expect(signer.leaveWord()).toBeNull()
})
