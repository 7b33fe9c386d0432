import { decodePaymentSignatureHeader } from '@x402/core/http'
import { recoverTypedDataAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { expect, test, vi } from 'vitest'
import { type Answering, fakeFetch, fakeOrigin } from '../test/fake-fetch.ts'
import { findPool } from './find-pool.ts'

const account = privateKeyToAccount(generatePrivateKey())
const at = (byte: string) => `0x${byte.repeat(20)}`
const terms = {
  mode: 'paid',
  chain: { id: 31337, name: 'Test', rpcUrl: '/api/chain', explorerUrl: null, isEmbedded: true },
  usdc: at('a1'),
  usdcName: 'USD Coin',
  usdcVersion: '2',
  usdcx: at('a2'),
  vault: at('a3'),
  pool: at('a4'),
  gdaForwarder: at('a5'),
  pricePerSecondAtomic: '1000',
  leaseSeconds: 60,
  bufferSeconds: 60,
  bufferPerRequestAtomic: '60000',
  reserveFreeAtomic: '1000000',
  minCapAtomic: '10000',
  maxCapAtomic: '1000000',
  requestCapAtomic: '50000',
  hasFaucet: false,
}
const offer = {
  scheme: 'exact',
  network: 'eip155:31337',
  asset: terms.usdc,
  amount: '250000',
  payTo: terms.vault,
  maxTimeoutSeconds: 300,
  extra: { name: 'USD Coin', version: '2', assetTransferMethod: 'eip3009', paymentFlow: 'upfront' },
}
const encoded = (accepts: readonly object[]) =>
  btoa(JSON.stringify({ x402Version: 2, error: 'x', resource: { url: 'u', description: 'd', mimeType: 'm' }, accepts }))

/** A pool that asks for `accepts`, and opens whatever session `open` says. */
function poolWith({
  accepts = [offer],
  price = () => '1000',
  open,
}: {
  readonly accepts?: readonly object[]
  readonly price?: () => string
  readonly open?: Answering
}) {
  return fakeFetch({
    '/v1/models': () => Response.json({ data: [{ id: 'demo', context_window: 512 }] }),
    '/api/money': () => Response.json({ ...terms, pricePerSecondAtomic: price() }),
    '/v1/sessions': asked =>
      new Headers(asked.init.headers).has('payment-signature') && open !== undefined
        ? open(asked)
        : Response.json({}, { status: 402, headers: { 'payment-required': encoded(accepts) } }),
  })
}

const wallet = () => {
  const payer = { ...account }
  vi.spyOn(payer, 'signTypedData')
  return payer
}
const find = (fetch: ReturnType<typeof fakeFetch>['fetch'], expect = {}) =>
  findPool(`${fakeOrigin}/chat`, { fetch, expect })

test('the voucher is over the cap, to the vault, signed for the token, and its session is the only one taken', async () => {
  const { fetch, asked } = poolWith({
    open: () => Response.json({ session: { ...viewOf(`0x${'77'.repeat(32)}`) }, token: 't'.repeat(40) }),
  })
  const pool = await find(fetch)
  expect(pool).toMatchObject({
    url: fakeOrigin,
    model: 'demo',
    terms: { chain: { rpcUrl: `${fakeOrigin}/api/chain` } },
  })
  const opening = pool.openSession({ account: wallet(), cap: '0.25' })
  await expect(opening).rejects.toMatchObject({ kind: 'payment', code: 'sdk_session_strange' })
  const headers = new Headers(asked.at(-1)?.init.headers)
  expect(headers.get('idempotency-key')).toMatch(/^[0-9a-f]{64}$/)
  const { accepted, payload } = decodePaymentSignatureHeader(headers.get('payment-signature') ?? '')
  expect(accepted).toEqual(offer)
  const { authorization, signature } = payload as { authorization: Record<string, string>; signature: `0x${string}` }
  expect(authorization).toMatchObject({ from: account.address, value: '250000' })
  expect(authorization.to?.toLowerCase()).toBe(terms.vault)
  const types = [
    'from address',
    'to address',
    'value uint256',
    'validAfter uint256',
    'validBefore uint256',
    'nonce bytes32',
  ]
  const fields = types.map(field => ({ name: field.split(' ')[0]!, type: field.split(' ')[1]! }))
  const signer = await recoverTypedDataAddress({
    domain: { name: 'USD Coin', version: '2', chainId: 31337, verifyingContract: terms.usdc as `0x${string}` },
    types: { TransferWithAuthorization: fields },
    primaryType: 'TransferWithAuthorization',
    message: authorization,
    signature,
  })
  expect(signer).toBe(account.address)
})

test.each([
  ['asset', { asset: at('bb') }],
  ['payTo', { payTo: at('bb') }],
  ['amount', { amount: '250001' }],
  ['network', { network: 'eip155:1' }],
  ['scheme', { scheme: 'upto' }],
  ['name', { extra: { ...offer.extra, name: 'Other' } }],
  ['way', { extra: { ...offer.extra, assetTransferMethod: 'permit2' } }],
  ['time', { maxTimeoutSeconds: 86_400 }],
])('another %s than the terms promise is never signed for', async (_name, lie) => {
  const payer = wallet()
  const pool = await find(poolWith({ accepts: [{ ...offer, ...lie }] }).fetch)
  const refused = { kind: 'payment', code: 'sdk_challenge_invalid' }
  await expect(pool.openSession({ account: payer, cap: '0.25' })).rejects.toMatchObject(refused)
  expect(payer.signTypedData).not.toHaveBeenCalled()
})

test('a price that rose since it was shown is not signed for until it is agreed to', async () => {
  let price = '1000'
  const { fetch } = poolWith({ price: () => price })
  const pool = await find(fetch)
  price = '2000'
  const payer = wallet()
  await expect(pool.openSession({ account: payer, cap: '0.25' })).rejects.toMatchObject({ code: 'sdk_price_risen' })
  expect(payer.signTypedData).not.toHaveBeenCalled()
  const agreed = pool.openSession({ account: payer, cap: '0.25', maxPricePerSecond: 2_000n })
  await expect(agreed).rejects.toMatchObject({ code: 'sdk_http_error' })
  expect(payer.signTypedData).toHaveBeenCalledOnce()
})

test('contracts that its user does not know, caps out of range and amounts that are none are refused by name', async () => {
  const { fetch, asked } = poolWith({})
  await expect(find(fetch, { vault: at('cc') })).rejects.toMatchObject({ code: 'sdk_contracts_unexpected' })
  const pool = await find(fetch, { chainId: 31337, usdc: at('A1'), vault: terms.vault })
  const before = asked.length
  for (const [cap, code] of [
    ['0.001', 'sdk_cap_out_of_range'],
    ['1.5', 'sdk_cap_out_of_range'],
    ['a lot', 'sdk_amount_invalid'],
    ['0.1234567', 'sdk_amount_invalid'],
    [-1n, 'sdk_amount_invalid'],
  ] as const) {
    await expect(pool.openSession({ account, cap })).rejects.toMatchObject({ kind: 'refused', code })
  }
  await expect(pool.openSession()).rejects.toMatchObject({ code: 'sdk_account_missing' })
  // It looked at the price each time, and asked for no payment.
  expect(asked.slice(before).every(({ path }) => path === '/api/money')).toBe(true)
  await expect(findPool('pool.example')).rejects.toMatchObject({ code: 'sdk_url_invalid' })
})

test('a wallet that declines, or has no account, is told apart from a pool that refuses', async () => {
  const declining = { address: account.address, signTypedData: () => Promise.reject(new Error('User rejected.\nMore')) }
  const pool = await find(poolWith({}).fetch)
  const declined = {
    kind: 'payment',
    code: 'sdk_signature_declined',
    message: 'The wallet did not sign: User rejected.',
  }
  await expect(pool.openSession({ account: declining as never, cap: '0.25' })).rejects.toMatchObject(declined)
  const nobody = { account: undefined, signTypedData: account.signTypedData }
  await expect(pool.openSession({ account: nobody as never, cap: '0.25' })).rejects.toMatchObject({
    code: 'sdk_account_missing',
  })
})

test('a private pool is used by whoever signs in, and the text to sign is for that pool and that account', async () => {
  const host = 'pool.example'
  let first = `${host} wants you to sign in with your Ethereum account:`
  const { fetch, asked } = fakeFetch({
    '/v1/models': () => Response.json({ data: [{ id: 'demo' }] }),
    '/api/money': () => Response.json({ mode: 'free' }),
    '/api/inft/sign-in/challenge': () => Response.json({ message: `${first}\n${account.address}\n\nAsk.` }),
    '/api/inft/sign-in': () => Response.json({ token: 'pass', address: account.address, endsAt: 2e12 }),
    '/v1/chat/completions': ({ init }) =>
      new Headers(init.headers).get('x-computepool-access') === 'pass'
        ? Response.json({ choices: [{ message: { content: 'Hi' } }] })
        : Response.json({ error: { message: 'Private.', code: 'peer_unauthenticated' } }, { status: 401 }),
  })
  const pool = await findPool(fakeOrigin, { fetch })
  const ask = async (from: typeof pool) =>
    (await from.openSession()).chat({ messages: [{ role: 'user', content: 'Hi' }] })
  await expect(ask(pool)).rejects.toMatchObject({ kind: 'not_allowed', code: 'peer_unauthenticated' })
  const mine = await pool.signIn(account)
  expect((await ask(mine)).text).toBe('Hi')
  expect((await mine.openSession()).headers).toEqual({ 'x-computepool-access': 'pass' })
  const before = asked.length
  first = 'bank.example wants you to sign in with your Ethereum account:'
  await expect(pool.signIn(account)).rejects.toMatchObject({ code: 'sdk_sign_in_strange' })
  expect(asked.slice(before).map(({ path }) => path)).toEqual(['/api/inft/sign-in/challenge'])
})

function viewOf(id: string) {
  return {
    id,
    payer: account.address,
    status: 'open',
    capAtomic: '250000',
    spentAtomic: '0',
    refundableAtomic: '250000',
    pricePerSecondAtomic: '1000',
    runningRequests: 0,
    rateWei: '0',
    bufferAtomic: '0',
    leaseUntil: null,
    expiresAt: 2_000_000_000,
    openTransaction: null,
    closeTransaction: null,
    atMs: 1,
  }
}
