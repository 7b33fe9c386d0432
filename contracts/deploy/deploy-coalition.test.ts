import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PublicClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { compileContracts } from '../build/compile.ts'
import { openTestChain, type TestChain } from '../testing/open-test-chain.ts'
import { testAccount } from '../testing/test-accounts.ts'
import { auditorKeysOf } from './auditor-keys.ts'
import { readChainManifest } from './chain-manifest.ts'
import { deployCoalition, embeddedRules, publicRules, registryAbi } from './deploy-coalition.ts'
import { createDeployer } from './deployer.ts'
import { ensureDeployment } from './ensure-deployment.ts'
import { verifyDeployment } from './verify-deployment.ts'

let chain: TestChain
let dataDir: string
beforeAll(() => compileContracts().then(() => {}), 300_000)
beforeEach(async () => {
  chain = await openTestChain({ payerAtomic: 0n })
  dataDir = await mkdtemp(join(tmpdir(), 'coalition-'))
})
afterEach(async () => {
  await chain.close()
  await rm(dataDir, { recursive: true, force: true })
})

const auditors = [0, 1, 2].map(at => testAccount(`auditor ${at}`).address)
const registry = async (address: `0x${string}`) => {
  const at = { address, abi: registryAbi } as const
  const { quorum, owner, treasury, responseSeconds } = await chain.publicClient.readContract({
    ...at,
    functionName: 'config',
  })
  const votes = await Promise.all(
    auditors.map(auditor => chain.publicClient.readContract({ ...at, functionName: 'isAuditor', args: [auditor] })),
  )
  return { quorum, owner, treasury, responseSeconds, votes }
}

it('puts one registry beside the vaults, with its auditors, and finds it again', async () => {
  const treasury = testAccount('treasury').address
  const { settler, keeper, owner } = chain.accounts
  const options = {
    deployer: chain.deployer,
    dataDir,
    vault: { model: 'm', settler: settler.address, keeper: keeper.address, pricePerSecondAtomic: 1000n },
    coalition: { auditors, quorum: 2, treasury, rules: embeddedRules },
  }
  const first = await ensureDeployment(options)
  // The vault, the registry, three auditors.
  expect(first.transactions).toBe(5)
  expect(await registry(first.coalition!.address)).toEqual({
    quorum: 2,
    owner: owner.address,
    treasury,
    responseSeconds: 30,
    votes: [true, true, true],
  })
  expect((await readChainManifest(dataDir, 31337))?.coalition).toEqual(first.coalition)
  const nonce = await chain.publicClient.getTransactionCount({ address: owner.address })
  expect(await ensureDeployment(options)).toEqual({ ...first, transactions: 0, gasUsed: 0n })
  // Who does not ask for it leaves it as it is.
  const { coalition: _, ...without } = options
  expect((await ensureDeployment(without)).coalition).toEqual(first.coalition)
  expect(await chain.publicClient.getTransactionCount({ address: owner.address })).toBe(nonce)
})

it('makes none where nobody asks', async () => {
  const { coalition, manifest } = await ensureDeployment({ deployer: chain.deployer, dataDir })
  expect([coalition, manifest.coalition]).toEqual([undefined, undefined])
})

it('registers auditors that are missing and sets the quorum, in a registry that stays', async () => {
  const { deployer, manifest } = chain
  const first = await deployCoalition({ deployer, manifest, auditors: auditors.slice(0, 1), quorum: 1 })
  const next = await deployCoalition({ deployer, manifest: first.manifest, auditors, quorum: 3 })
  expect(next).toMatchObject({ isNew: false, transactions: 3, coalition: { ...first.coalition, quorum: 3 } })
  expect(await registry(first.coalition.address)).toMatchObject({
    quorum: 3,
    responseSeconds: publicRules.responseSeconds,
    votes: [true, true, true],
  })
})

it('keeps the address of a registry of older code', async () => {
  const { deployer, manifest } = chain
  const { coalition: made } = await deployCoalition({ deployer, manifest, auditors, quorum: 2 })
  const older = { ...made, address: chain.manifest.contracts.usdc, codeHash: `0x${'1'.repeat(64)}` as const }
  const after = await deployCoalition({ deployer, manifest: { ...manifest, coalition: older }, auditors, quorum: 2 })
  expect(after.manifest).toMatchObject({ coalition: { address: made.address }, formerCoalitions: [older] })
})

it('tells where the registry is not as its manifest says', async () => {
  const { deployer, manifest, publicClient } = chain
  const { manifest: made } = await deployCoalition({ deployer, manifest, auditors, quorum: 2 })
  await verifyDeployment(publicClient as PublicClient, made)
  const verify = (changes: object) =>
    verifyDeployment(publicClient as PublicClient, { ...made, coalition: { ...made.coalition!, ...changes } })
  const other = testAccount('stranger').address
  const told = (words: string) => ({ code: 'chain_wrong', message: expect.stringContaining(words) })
  await expect(verify({ treasury: other })).rejects.toMatchObject(told('coalitions has its treasury'))
  await expect(verify({ owner: other })).rejects.toMatchObject(told('coalitions obeys its owner'))
  await expect(verify({ address: other })).rejects.toMatchObject(told('coalitions holds stakes in USDC'))
})

it('refuses a quorum that its auditors cannot reach, an auditor twice, and another’s key', async () => {
  const { deployer, manifest } = chain
  const refused = (given: { auditors: readonly `0x${string}`[]; quorum: number }) =>
    expect(deployCoalition({ deployer, manifest, ...given })).rejects.toMatchObject({ code: 'input_invalid' })
  await refused({ auditors, quorum: 4 })
  await refused({ auditors, quorum: 0 })
  await refused({ auditors: [], quorum: 1 })
  await refused({ auditors: [auditors[0]!, auditors[0]!], quorum: 2 })
  const stranger = createDeployer({
    client: chain.publicClient as PublicClient,
    chain: chain.chain,
    account: chain.accounts.stranger,
  })
  await expect(deployCoalition({ deployer: stranger, manifest, auditors, quorum: 2 })).rejects.toMatchObject({
    code: 'chain_wrong',
  })
})

it('derives the same auditors from the same owner’s key, and others from another', () => {
  const owner = `0x${'11'.repeat(32)}` as const
  const keys = auditorKeysOf(owner)
  expect(auditorKeysOf(owner)).toEqual(keys)
  expect(new Set([owner, ...keys, ...auditorKeysOf(`0x${'12'.repeat(32)}`)]).size).toBe(7)
  // Held fast: a data folder's auditors must not change with a release.
  expect(privateKeyToAccount(keys[0]!).address).toMatchInlineSnapshot(`"0xf900e676E511fC01840CA9f84aE736D2570ba3b3"`)
})
