/**
 * The shared fixture of INFT proofs: what TypeScript hashed and signed a contract of that address on that chain hashes the same and
 * takes, and what the contract tells recovers in TypeScript. The contracts are the first two of a key that does nothing else.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { accessTypedData, ownershipTypedData, type ProofContext, proofNonce, teeOracle } from '@computepool/shared/inft'
import { encodeAbiParameters, type Hex, hashTypedData, parseEther, recoverAddress } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { poolInftAbi, teeDataVerifierAbi } from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'
import { embeddedChain } from '../chain/known-chains.ts'
import { clientsFor, type SpawnedAnvil, spawnAnvil, type TestClients, testAccount } from '../testing/index.ts'
import { measurement, pubKeyOf, sealedKey, someHash } from './inft-bench.ts'

const file = new URL('./inft-proofs.fixture.json', import.meta.url)
const deployer = testAccount('inft fixture deployer')
const oracle = testAccount('inft fixture oracle')
const seller = testAccount('inft fixture seller')
const buyer = testAccount('inft fixture buyer')
const chainId = 31337

interface Fixture {
  readonly verifier: Hex
  readonly token: Hex
  readonly ownership: { readonly digest: Hex; readonly signature: Hex; readonly nonce: Hex }
  readonly access: { readonly digest: Hex; readonly signature: Hex; readonly nonce: Hex }
}

const context: ProofContext = {
  salt: someHash('fixture salt'),
  deadline: 4_000_003_600n,
  tokenId: 1n,
  from: seller.address,
  to: buyer.address,
  isClone: false,
}
const data = {
  oldDataHash: someHash('fixture old'),
  newDataHash: someHash('fixture new'),
  encryptedPubKey: pubKeyOf(buyer),
}
const key = sealedKey('fixture key')

/** What TypeScript makes of it for contracts of these addresses. */
async function made(verifier: Hex, token: Hex): Promise<Fixture> {
  const place = { chainId, verifier }
  const ownership = ownershipTypedData(place, token, context, { ...data, sealedKey: key })
  const access = accessTypedData(place, token, context, { ...data, encryptedPubKey: '0x' })
  const nonce = proofNonce(context)
  return {
    verifier,
    token,
    ownership: { digest: hashTypedData(ownership), signature: await oracle.signTypedData(ownership), nonce },
    access: { digest: hashTypedData(access), signature: await buyer.signTypedData(access), nonce },
  }
}

let fixture: Fixture
let anvil: SpawnedAnvil
let clients: TestClients
beforeAll(async () => {
  fixture = JSON.parse(await readFile(file, 'utf8'))
  anvil = await spawnAnvil({ chainId })
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  for (const { address } of [deployer, seller]) {
    await clients.testClient.setBalance({ address, value: parseEther('10') })
  }
  const verifier = await deploy('TeeDataVerifier', [deployer.address, true])
  const token = await deploy('PoolINFT', [verifier])
  // UPDATE_FIXTURE=1 writes what TypeScript makes today; the diff is to be read.
  if (process.env.UPDATE_FIXTURE) {
    fixture = await made(verifier, token)
    await writeFile(file, `${JSON.stringify(fixture, null, 2)}\n`)
  }
  expect([verifier, token]).toEqual([fixture.verifier, fixture.token])
}, 240_000)
afterAll(() => anvil?.close())

async function deploy(name: string, args: readonly unknown[]): Promise<Hex> {
  const { abi, bytecode } = await artifactOf(name)
  const hash = await clients.wallet(deployer).deployContract({ abi, bytecode, args })
  return (await clients.publicClient.waitForTransactionReceipt({ hash })).contractAddress!.toLowerCase() as Hex
}

const proofs = () => ({
  accessProof: {
    oldDataHash: data.oldDataHash,
    newDataHash: data.newDataHash,
    nonce: fixture.access.nonce,
    encryptedPubKey: '0x' as Hex,
    proof: fixture.access.signature,
  },
  ownershipProof: {
    oracleType: teeOracle,
    ...data,
    sealedKey: key,
    nonce: fixture.ownership.nonce,
    proof: fixture.ownership.signature,
  },
})

it('is what TypeScript makes', async () => {
  expect(await made(fixture.verifier, fixture.token)).toEqual(fixture)
})

it('has the nonces that Solidity’s encoding has', () => {
  const types = ['bytes32', 'uint256', 'uint256', 'address', 'address', 'bool'].map(type => ({ type }))
  const { salt, deadline, tokenId, from, to, isClone } = context
  const encoded = encodeAbiParameters(types, [salt, deadline, tokenId, from, to, isClone])
  expect([fixture.ownership.nonce, fixture.access.nonce]).toEqual([encoded, encoded])
  expect(proofNonce({ ...context, isClone: true }).endsWith('1')).toBe(true)
})

it('has the digests that the contract makes, from which TypeScript finds who signed', async () => {
  const { accessProof, ownershipProof } = proofs()
  const verifier = { address: fixture.verifier, abi: teeDataVerifierAbi } as const
  const { publicClient } = clients
  const told = [
    await publicClient.readContract({
      ...verifier,
      functionName: 'ownershipDigest',
      args: [fixture.token, ownershipProof],
    }),
    await publicClient.readContract({ ...verifier, functionName: 'accessDigest', args: [fixture.token, accessProof] }),
  ] as const
  expect(told).toEqual([fixture.ownership.digest, fixture.access.digest])
  expect(await recoverAddress({ hash: told[0], signature: fixture.ownership.signature })).toBe(oracle.address)
  expect(await recoverAddress({ hash: told[1], signature: fixture.access.signature })).toBe(buyer.address)
})

it('is taken by the contract for a transfer', async () => {
  const inft = { address: fixture.token, abi: poolInftAbi } as const
  const mined = (hash: Hex) => clients.publicClient.waitForTransactionReceipt({ hash })
  const register = await clients.wallet(deployer).writeContract({
    address: fixture.verifier,
    abi: teeDataVerifierAbi,
    functionName: 'setOracle',
    args: [oracle.address, measurement, '', true],
  })
  await mined(register)
  const entry = { dataDescription: 'manifest', dataHash: data.oldDataHash }
  const wallet = clients.wallet(seller)
  await mined(await wallet.writeContract({ ...inft, functionName: 'mint', args: [seller.address, [entry], [key]] }))
  const args = [buyer.address, 1n, [proofs()]] as const
  await mined(await wallet.writeContract({ ...inft, functionName: 'iTransfer', args }))
  expect(await clients.publicClient.readContract({ ...inft, functionName: 'ownerOf', args: [1n] })).toBe(buyer.address)
})
