/** A pool that lies about its oracle gets no key of a container: on a real chain, behind a door of plain values. */
import { poolInftAbi } from '@computepool/contracts/abi'
import { openTestInft, type TestInft, testAccount } from '@computepool/contracts/testing'
import { encryptionKeyOf, type PoolIntelligence } from '@computepool/shared/inft'
import { fileRootOf } from '@computepool/shared/storage0g'
import { type Address, type Hex, keccak256 } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openActor } from './owner-acts.ts'
import type { PoolDoor, TokenView } from './pool-door.ts'

const account = testAccount('token owner')
const buyer = testAccount('token buyer').address
const encryptionKey = encryptionKeyOf(new Uint8Array(32).fill(7))
const oracle = {
  ...{ address: `0x${keccak256(encryptionKey).slice(-40)}` as Hex, encryptionKey },
  ...{ measurement: `0x${'44'.repeat(32)}` as const, isSimulated: true },
}
const intelligence: PoolIntelligence = {
  version: 1,
  model: { id: 'story-15m', manifestSha256: 'ab'.repeat(32), layers: 6 },
  spans: [],
  systemPrompt: 'Tell stories about a hedgehog.',
  policy: { pricePerSecondAtomic: '1000', stakeAtomic: '0', checkRate: 0.61 },
}

let inft: TestInft
let view: TokenView
let ofPool: Address
beforeAll(async () => {
  inft = await openTestInft(account)
  const { url: rpcUrl, token, verifier } = inft
  ofPool = await inft.deploy('TeeDataVerifier', [account.address, true])
  await register(ofPool)
  view = {
    ...{ mode: 'token', chainId: 31337, rpcUrl, token, verifier, tokenId: '1', isPrivate: true },
    ...{ storage: { kind: 'stand-in', gateway: null }, oracle },
  }
}, 240_000)
afterAll(() => inft?.close())

const register = (verifier: Address) =>
  inft.send(account, 'setOracle', [oracle.address, oracle.measurement, '', true], verifier)

it('seals no key to an oracle of a verifier that is not the token’s, nor to one that it does not count', async () => {
  const asked: unknown[] = []
  const door: Partial<PoolDoor> = {
    blobs: () => ({
      put: async bytes => fileRootOf(bytes),
      get: () => Promise.reject(new Error('Nothing is fetched.')),
    }),
    prepare: async (_account, wish) => {
      asked.push(wish)
      throw new Error('prepared')
    },
  }
  const open = (change: Partial<TokenView>) =>
    openActor({ door: door as PoolDoor, view: { ...view, ...change }, account, rpcUrl: view.rpcUrl })
  const honest = await open({})
  const tokenId = await honest.mint(intelligence)
  expect(
    await inft.clients.publicClient.readContract({ address: view.token, abi: poolInftAbi, functionName: 'tokenCount' }),
  ).toBe(tokenId)
  const lied = open({ verifier: ofPool }).then(actor => actor.handOver(tokenId, buyer, false))
  await expect(lied).rejects.toMatchObject({ code: 'chain_wrong', message: expect.stringContaining(ofPool) })
  await expect(honest.handOver(tokenId, buyer, false)).rejects.toMatchObject({ code: 'chain_wrong' })
  expect(asked).toEqual([])
  await register(view.verifier)
  await expect(honest.handOver(tokenId, buyer, false)).rejects.toThrow('prepared')
  expect(asked).toMatchObject([{ tokenId, to: buyer, keysForOracle: [expect.any(String)] }])
})
