import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keccak256, type PublicClient, stringToHex } from 'viem'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { storageFlowAbi } from '../abi/index.ts'
import { teeDataVerifierAbi } from '../abi/pool-inft.ts'
import { compileContracts } from '../build/compile.ts'
import { openTestChain, type TestChain } from '../testing/open-test-chain.ts'
import { testAccount } from '../testing/test-accounts.ts'
import { readChainManifest } from './chain-manifest.ts'
import { deployInft, type InftOracle } from './deploy-inft.ts'
import { ensureDeployment } from './ensure-deployment.ts'
import { verifyDeployment } from './verify-deployment.ts'

let chain: TestChain
let dataDir: string
beforeAll(() => compileContracts().then(() => {}), 300_000)
beforeEach(async () => {
  chain = await openTestChain({ payerAtomic: 0n })
  dataDir = await mkdtemp(join(tmpdir(), 'inft-'))
})
afterEach(async () => {
  await chain.close()
  await rm(dataDir, { recursive: true, force: true })
})

const oracle: InftOracle = {
  address: testAccount('oracle').address,
  measurement: keccak256(stringToHex('code')),
  attestationUri: 'https://pool.example/v1/attestation',
  isSimulated: true,
}
const choice = { oracles: [oracle], takesSimulated: true, hasStorageFlow: true }
const oracleAt = (verifier: `0x${string}`, address = oracle.address) =>
  chain.publicClient.readContract({
    address: verifier,
    abi: teeDataVerifierAbi,
    functionName: 'oracleOf',
    args: [address],
  })

it('puts the token with its verifier and its oracle on the chain, and finds them again', async () => {
  const options = { deployer: chain.deployer, dataDir, inft: choice }
  const first = await ensureDeployment(options)
  // Token and verifier in one, the flow contract, the oracle.
  expect(first.transactions).toBe(3)
  expect(await oracleAt(first.inft!.verifier)).toMatchObject({ isRegistered: true, isSimulated: true })
  const { inft, storageFlow } = (await readChainManifest(dataDir, 31337))!
  expect(inft).toEqual(first.inft)
  const flow = { address: storageFlow!, abi: storageFlowAbi } as const
  expect(await chain.publicClient.readContract({ ...flow, functionName: 'market' })).toBe(storageFlow)
  expect(await ensureDeployment(options)).toEqual({ ...first, transactions: 0, gasUsed: 0n })
  const { inft: _, ...without } = options
  expect((await ensureDeployment(without)).inft).toEqual(first.inft)
})

it('registers oracles that are missing, and never another truth about one', async () => {
  const { deployer, manifest } = chain
  const first = await deployInft({ deployer, manifest, ...choice, oracles: [] })
  const again = (oracles: readonly InftOracle[]) =>
    deployInft({ deployer, manifest: first.manifest, ...choice, oracles })
  expect(await again([oracle])).toMatchObject({ transactions: 1, inft: first.inft })
  expect(await again([{ ...oracle, attestationUri: 'https://moved.example' }])).toMatchObject({ transactions: 1 })
  expect((await oracleAt(first.inft.verifier)).attestationUri).toBe('https://moved.example')
  await expect(again([{ ...oracle, isSimulated: false }])).rejects.toMatchObject({ code: 'input_invalid' })
})

it('keeps simulated oracles and verifiers that take none apart: in another contract, and refused there', async () => {
  const { deployer, manifest } = chain
  const simulated = await deployInft({ deployer, manifest, ...choice })
  const strict = { deployer, manifest: simulated.manifest, takesSimulated: false }
  await expect(deployInft({ ...strict, oracles: [oracle] })).rejects.toMatchObject({ code: 'input_invalid' })
  const next = await deployInft({ ...strict, oracles: [{ ...oracle, isSimulated: false }] })
  expect(next.inft.token).not.toBe(simulated.inft.token)
  expect(next.manifest.formerInfts).toEqual([simulated.inft])
  expect(next.manifest.storageFlow).toBe(simulated.manifest.storageFlow)
})

it('is found out where the chain has something else', async () => {
  const { deployer, manifest, publicClient } = chain
  const { manifest: made, inft } = await deployInft({ deployer, manifest, ...choice })
  const wrong = (changes: object) =>
    verifyDeployment(publicClient as PublicClient, { ...made, inft: { ...inft, ...changes } })
  await expect(wrong({})).resolves.toBeUndefined()
  await expect(wrong({ takesSimulated: false })).rejects.toThrow('takes no simulated')
  await expect(wrong({ token: manifest.contracts.usdc })).rejects.toThrow('asks its verifier')
  await expect(wrong({ owner: oracle.address })).rejects.toThrow('obeys its owner')
})

it('refuses a stranger’s key, and a stand-in where 0G is', async () => {
  const { deployer, manifest } = chain
  const others = { ...manifest, owner: oracle.address }
  await expect(deployInft({ deployer, manifest: others, ...choice })).rejects.toMatchObject({ code: 'chain_wrong' })
  const galileo = { ...manifest, chainId: 16602 }
  await expect(deployInft({ deployer, manifest: galileo, ...choice })).rejects.toThrow('has 0G Storage itself')
})
