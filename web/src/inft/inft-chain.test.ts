/** What the page asks of the token's contract, on a real chain: it takes the calls, and each refusal has words and a way on. */
import { poolInftAbi, teeDataVerifierAbi } from '@computepool/contracts/abi'
import { openTestInft, type TestInft, testAccount } from '@computepool/contracts/testing'
import { encryptionKeyOf } from '@computepool/shared/inft'
import { type Address, type Hex, keccak256 } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ContractCall } from '../wallet/payer-wallet.ts'
import { tokenCalls, tokenCallsAbi } from './inft-calls.ts'
import { type InftChain, openInftChain } from './inft-chain.ts'

const owner = testAccount('page owner')
const stranger = testAccount('page stranger')
const friend = testAccount('page friend').address

let inft: TestInft
let clients: TestInft['clients']
let token: Address
let verifier: Address
let chain: InftChain

beforeAll(async () => {
  inft = await openTestInft(owner, stranger)
  ;({ clients, token, verifier } = inft)
  chain = openInftChain({ rpcUrl: inft.url, token })
  await inft.mint()
}, 240_000)
afterAll(() => inft?.close())

const calls = () => tokenCalls(token, '1')
async function send(call: ContractCall): Promise<Hex> {
  await chain.check(owner.address, call)
  const hash = await clients.wallet(owner).sendTransaction(call)
  await chain.confirm(hash)
  return hash
}
const read = (functionName: string, args: readonly unknown[]) =>
  clients.publicClient.readContract({ address: token, abi: poolInftAbi, functionName, args } as never)

test('the page’s list of calls and refusals is a part of the contracts’ own', () => {
  const known = new Set([...poolInftAbi, ...teeDataVerifierAbi].map(entry => JSON.stringify(entry)))
  expect(tokenCallsAbi.map(entry => JSON.stringify(entry)).filter(entry => !known.has(entry))).toEqual([])
})

test('the owner authorises with an end, writes a version and publishes a key', async () => {
  const expiresAt = (await chain.nowSeconds()) + 60n
  await send(calls().grant(friend, expiresAt))
  expect(await read('authorizationOf', [1n, friend])).toEqual([true, expiresAt])
  await send(calls().revoke(friend))
  expect(await read('isAuthorized', [1n, friend])).toBe(false)
  await send(calls().write({ description: 'next', root: `0x${'22'.repeat(32)}`, sealedKey: '0x02' }))
  expect(await read('versionOf', [1n])).toBe(2n)
  expect(await chain.encryptionKeyOf(owner.address)).toBe('0x')
  await send(calls().publishKey(`0x${'33'.repeat(64)}`))
  expect(await chain.encryptionKeyOf(owner.address)).toBe(`0x${'33'.repeat(64)}`)
})

test.each([
  ['a stranger’s', () => calls().grant(friend, 0n), stranger.address, 'does not own'],
  ['the owner’s own address', () => calls().grant(owner.address, 0n), owner.address, 'cannot be authorised'],
  ['an end in the past', () => calls().grant(friend, 1n), owner.address, 'lies in the past'],
  ['somebody who is not authorised', () => calls().revoke(friend), owner.address, 'not authorised any more'],
  ['half a key', () => calls().publishKey('0x1234'), owner.address, 'not 64 bytes'],
])('a refusal has words, a remedy, and costs no gas: %s', async (_name, call, from, words) => {
  const refusal = await chain.check(from, call()).catch((thrown: unknown) => thrown)
  expect(refusal).toMatchObject({ code: 'chain_reverted' })
  expect(String((refusal as Error).message)).toContain(words)
  expect((refusal as { remedy: string }).remedy).toMatch(/\. Nothing was sent\.$/)
})

test('a transaction that the chain refused is told as such, and one that nobody answers about too', async () => {
  const call = calls().revoke(friend)
  const hash = await clients.wallet(owner).sendTransaction({ ...call, gas: 100_000n })
  await expect(chain.confirm(hash)).rejects.toMatchObject({ code: 'chain_reverted' })
  const nowhere = openInftChain({ rpcUrl: 'http://127.0.0.1:9', token })
  await expect(nowhere.check(owner.address, call)).rejects.toMatchObject({ code: 'chain_unreachable' })
})

test('an oracle counts where the token’s own verifier has it, under its own key', async () => {
  const encryptionKey = encryptionKeyOf(new Uint8Array(32).fill(7))
  const address: Hex = `0x${keccak256(encryptionKey).slice(-40)}`
  const oracle = { address, encryptionKey, measurement: `0x${'44'.repeat(32)}` as const, isSimulated: true }
  const register = (at: Address) => inft.send(owner, 'setOracle', [address, oracle.measurement, '', true], at)
  // A pool can deploy one of its own, and register whom it likes there.
  const ofPool = await inft.deploy('TeeDataVerifier', [owner.address, true])
  await register(ofPool)
  await expect(chain.requireOracle({ verifier: ofPool, oracle })).rejects.toMatchObject({ code: 'chain_wrong' })
  await expect(chain.requireOracle({ verifier, oracle })).rejects.toMatchObject({ code: 'chain_wrong' })
  await register(verifier)
  await chain.requireOracle({ verifier, oracle })
  await expect(chain.requireOracle({ verifier: ofPool, oracle })).rejects.toMatchObject({ code: 'chain_wrong' })
  const other = { ...oracle, encryptionKey: encryptionKeyOf(new Uint8Array(32).fill(8)) }
  await expect(chain.requireOracle({ verifier, oracle: other })).rejects.toMatchObject({ code: 'chain_wrong' })
})
