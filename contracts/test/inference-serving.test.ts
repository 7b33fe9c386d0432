/**
 * The mock of 0G Compute's serving contract against what its deployment answers to: selectors as they stand in 0G's testnet artefact, the
 * digest that an attested key signs, and the rules that a provider meets.
 */
import { settlementTypedData } from '@computepool/shared/zerog-compute'
import { type Abi, hashTypedData, parseEther, parseEventLogs, toFunctionSelector } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inferenceServingAbi, settlementStatuses } from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'
import { embeddedChain } from '../chain/known-chains.ts'
import {
  addTestServing,
  clientsFor,
  type SpawnedAnvil,
  spawnAnvil,
  type TestClients,
  type TestServing,
  testAccount,
} from '../testing/index.ts'

/** By signature, from 0G's testnet deployment of February 2026; what their code returns is not part of a selector. */
const selectors = {
  'addOrUpdateService((string,string,string,string,uint256,uint256,string,address))': '0x398c8e4e',
  'removeService()': '0xbbee42d9',
  'getService(address)': '0x15a52302',
  'getAllServices(uint256,uint256)': '0xa09cfca9',
  'serviceExists(address)': '0x0a2a8f88',
  'acknowledgeTEESignerByOwner(address)': '0xb2394d09',
  'revokeTEESignerAcknowledgement(address)': '0xddf96abd',
  'acknowledgeTEESigner(address,bool)': '0x7ff6fc1c',
  'getAccount(address,address)': '0xfd590847',
  'settleFeesWithTEE((address,address,uint256,bytes32,uint256,bytes)[])': '0x8be74119',
  'previewSettlementResults((address,address,uint256,bytes32,uint256,bytes)[])': '0x28b60476',
  'revokeToken(address,uint8)': '0x1d07cb97',
  'revokeAllTokens(address)': '0xcab33d8f',
  'isTokenRevoked(address,address,uint8)': '0x405a85e8',
  'MIN_PROVIDER_STAKE()': '0x650190e7',
}

const provider = testAccount('0G provider')
const signer = testAccount('0G attested signer')
const user = testAccount('0G user')
const terms = {
  serviceType: 'chatbot',
  url: 'https://pool.example.org',
  model: 'tiny',
  verifiability: 'ComputePool/simulated',
  inputPrice: 100n,
  outputPrice: 200n,
  additionalInfo: '{}',
  teeSignerAddress: signer.address,
}

let anvil: SpawnedAnvil
let clients: TestClients
let bench: TestServing
beforeAll(async () => {
  anvil = await spawnAnvil()
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  bench = await addTestServing(clients)
  await bench.send(provider, 'addOrUpdateService', [terms], parseEther('100'))
  await bench.lock(user, provider.address, 1_000n)
}, 240_000)
afterAll(() => anvil?.close())

/** Each test leaves the chain as it found it. */
const apart = async (body: () => Promise<void>): Promise<void> => {
  const snapshot = await clients.testClient.snapshot()
  await body().finally(() => clients.testClient.revert({ id: snapshot }))
}
const refused = (from: typeof provider, functionName: string, args: unknown[], value = 0n) =>
  clients.publicClient
    .simulateContract({
      ...{ account: from, address: bench.serving, abi: inferenceServingAbi as Abi, functionName, args, value },
    })
    .then(
      () => 'taken',
      thrown => /Error: (\w+)\(/.exec(String(thrown))?.[1] ?? String(thrown),
    )
const item = async (changes: object = {}, by = signer) => {
  const plain = {
    ...{ user: user.address, provider: provider.address, totalFee: 10n, nonce: 1n },
    requestsHash: `0x${'5a'.repeat(32)}` as const,
    ...changes,
  }
  const signature = await by.signTypedData(settlementTypedData({ chainId: 31337, serving: bench.serving }, plain))
  return { ...plain, signature }
}
const settle = async (items: object[], from = provider) => {
  const { logs } = await bench.send(from, 'settleFeesWithTEE', [items])
  return parseEventLogs({ abi: inferenceServingAbi, logs, eventName: 'TEESettlementResult' }).map(({ args }) => ({
    status: settlementStatuses[args.status],
    unsettled: args.unsettledAmount,
  }))
}

it('answers to the selectors of 0G’s deployment, and so does our ABI', { timeout: 240_000 }, async () => {
  const compiled = (await artifactOf('MockInferenceServing', ['test/zerog'])).abi
  for (const abi of [inferenceServingAbi as Abi, compiled]) {
    const known = new Set(abi.flatMap(one => (one.type === 'function' ? toFunctionSelector(one) : [])))
    expect(Object.values(selectors).filter(selector => !known.has(selector as `0x${string}`))).toEqual([])
  }
  expect(Object.fromEntries(Object.keys(selectors).map(text => [text, toFunctionSelector(text)]))).toEqual(selectors)
})

it('hashes a settlement as TypeScript signs it, to a digest that never changes', async () => {
  const one = await item()
  const typed = settlementTypedData({ chainId: 31337, serving: bench.serving }, one)
  expect(await bench.digestOf(one)).toBe(hashTypedData(typed))
  const fixed = { chainId: 16602, serving: '0xa79F4c8311FF93C06b8CfB403690cc987c93F91E' } as const
  const digest = hashTypedData(
    settlementTypedData(fixed, {
      ...{ user: `0x${'11'.repeat(20)}`, provider: `0x${'22'.repeat(20)}`, totalFee: 3n, nonce: 4n },
      requestsHash: `0x${'33'.repeat(32)}`,
    }),
  )
  expect(digest).toBe('0x25b18eb2cd481904beb9bfe073b476ab34722c36c61aa272c072886aae2459d8')
})

describe('a provider', () => {
  it('puts 100 0G at stake once, and gets them back', () =>
    apart(async () => {
      const late = testAccount('late 0G provider')
      expect(await refused(late, 'addOrUpdateService', [terms])).toBe('InsufficientStake')
      expect(await refused(provider, 'addOrUpdateService', [terms], 1n)).toBe('CannotAddStakeWhenUpdating')
      expect(await refused(provider, 'addOrUpdateService', [{ ...terms, additionalInfo: 'x'.repeat(4097) }])).toBe(
        'AdditionalInfoTooLong',
      )
      const before = await clients.publicClient.getBalance({ address: provider.address })
      await bench.send(provider, 'removeService', [])
      const after = await clients.publicClient.getBalance({ address: provider.address })
      expect(after - before).toBeGreaterThan(parseEther('99.9'))
      expect(await refused(provider, 'getService', [provider.address])).toBe('ServiceNotExist')
    }))

  it('keeps its acknowledgement through another price or address, and through no other change', () =>
    apart(async () => {
      await bench.acknowledge(provider.address)
      await bench.send(provider, 'addOrUpdateService', [
        { ...terms, inputPrice: 1n, outputPrice: 2n, url: 'https://b.example' },
      ])
      expect((await bench.serviceOf(provider.address)).teeSignerAcknowledged).toBe(true)
      for (const change of [
        { serviceType: 'other' },
        { model: 'other' },
        { verifiability: 'TeeML' },
        { additionalInfo: '{"a":1}' },
        { teeSignerAddress: user.address },
      ]) {
        await apart(async () => {
          await bench.send(provider, 'addOrUpdateService', [{ ...terms, ...change }])
          expect((await bench.serviceOf(provider.address)).teeSignerAcknowledged, JSON.stringify(change)).toBe(false)
        })
      }
    }))

  it('is paid by the signer’s word alone, for each user once a nonce', () =>
    apart(async () => {
      expect(await settle([await item()])).toEqual([{ status: 'no-tee-signer', unsettled: 10n }])
      await bench.acknowledge(provider.address)
      const first = await item()
      const told = await settle([
        first,
        first,
        await item({ nonce: 2n }, user),
        { ...(await item({ nonce: 3n })), totalFee: 11n },
        await item({ nonce: 4n, provider: user.address }),
        await item({ nonce: 5n, user: testAccount('nobody').address }),
        await item({ nonce: 9n, totalFee: 2_000n }),
      ])
      expect(told).toEqual([
        { status: 'success', unsettled: 0n },
        { status: 'invalid-nonce', unsettled: 10n },
        { status: 'invalid-signature', unsettled: 10n },
        { status: 'invalid-signature', unsettled: 11n },
        { status: 'provider-mismatch', unsettled: 10n },
        { status: 'invalid-signature', unsettled: 10n },
        { status: 'partial', unsettled: 1_010n },
      ])
      const account = await bench.accountOf(user.address, provider.address)
      expect([account.nonce, account.balance]).toEqual([9n, 0n])
      expect(await settle([await item({ nonce: 9n })], provider)).toEqual([{ status: 'invalid-nonce', unsettled: 10n }])
      const many = await Promise.all(Array.from({ length: 51 }, (_, at) => item({ nonce: BigInt(10 + at) })))
      expect(await refused(provider, 'settleFeesWithTEE', [many])).toBe('TooManySettlements')
    }))

  it('is paid from money that its user has asked back, until the user has it', () =>
    apart(async () => {
      await bench.acknowledge(provider.address)
      await bench.retrieve(user, provider.address)
      expect((await bench.accountOf(user.address, provider.address)).pendingRefund).toBe(1_000n)
      expect(await settle([await item({ totalFee: 400n })])).toEqual([{ status: 'success', unsettled: 0n }])
      await clients.testClient.increaseTime({ seconds: 3_600 })
      await bench.retrieve(user, provider.address)
      expect((await bench.accountOf(user.address, provider.address)).balance).toBe(0n)
      expect(await settle([await item({ nonce: 2n })])).toEqual([{ status: 'partial', unsettled: 10n }])
    }))
})

it('takes a user’s keys back, one or all', () =>
  apart(async () => {
    await bench.send(user, 'revokeToken', [provider.address, 7])
    const one = await bench.accountOf(user.address, provider.address)
    expect([one.generation, one.revokedBitmap]).toEqual([0n, 1n << 7n])
    await bench.send(user, 'revokeAllTokens', [provider.address])
    const all = await bench.accountOf(user.address, provider.address)
    expect([all.generation, all.revokedBitmap]).toEqual([1n, 0n])
  }))
