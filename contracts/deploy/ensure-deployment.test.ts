import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PublicClient } from 'viem'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { streamVaultAbi } from '../abi/stream-vault.ts'
import { compileContracts } from '../build/compile.ts'
import { startEmbeddedChain } from '../chain/start-embedded-chain.ts'
import { openTestChain, type TestChain } from '../testing/open-test-chain.ts'
import { manifestPath, readChainManifest, writeChainManifest } from './chain-manifest.ts'
import { deployVault, ensureReserve, vaultOf } from './deploy-vault.ts'
import { createDeployer } from './deployer.ts'
import { embeddedDeployer } from './embedded-deployer.ts'
import { ensureDeployment } from './ensure-deployment.ts'
import { estimateDeployment } from './estimate-deployment.ts'
import { verifyDeployment } from './verify-deployment.ts'

let chain: TestChain
let dataDir: string
// A vault's source that changed is compiled once, which on a busy machine takes longer than a test may.
beforeAll(() => compileContracts().then(() => {}), 300_000)
beforeEach(async () => {
  chain = await openTestChain({ payerAtomic: 0n })
  dataDir = await mkdtemp(join(tmpdir(), 'deploy-'))
})
afterEach(async () => {
  await chain.close()
  await rm(dataDir, { recursive: true, force: true })
})

function vaultFor(model: string) {
  const { settler, keeper } = chain.accounts
  return { model, settler: settler.address, keeper: keeper.address, pricePerSecondAtomic: 1000n }
}

it('gives a model one vault with its reserve, and the same one when asked again', async () => {
  const options = { deployer: chain.deployer, dataDir, vault: { ...vaultFor('me/tiny'), reserveAtomic: 5_000_000n } }
  const first = await ensureDeployment(options)
  const { address } = first.vault!
  const reserveWei = () => chain.publicClient.readContract({ address, abi: streamVaultAbi, functionName: 'reserveWei' })
  expect(await reserveWei()).toBe(5_000_000n * 10n ** 12n)
  const nonce = await chain.publicClient.getTransactionCount({ address: chain.accounts.owner.address })

  const second = await ensureDeployment(options)
  expect(second).toEqual({ ...first, transactions: 0, gasUsed: 0n })
  expect(await readChainManifest(dataDir, 31337)).toEqual(first.manifest)
  expect(await chain.publicClient.getTransactionCount({ address: chain.accounts.owner.address })).toBe(nonce)

  await ensureReserve({ deployer: chain.deployer, manifest: first.manifest, vault: address, targetAtomic: 6_000_000n })
  expect(await reserveWei()).toBe(6_000_000n * 10n ** 12n)
})

it('finds a vault again without a manifest, and gives another model another', async () => {
  const { deployer, manifest } = chain
  const first = await deployVault({ deployer, manifest, ...vaultFor('me/tiny') })
  const again = await deployVault({ deployer, manifest, ...vaultFor('me/tiny') })
  expect({ isNew: again.isNew, address: again.vault.address }).toEqual({ isNew: false, address: first.vault.address })
  const other = await deployVault({ deployer, manifest: first.manifest, ...vaultFor('me/large') })
  expect(other.vault.address).not.toBe(first.vault.address)
  expect(other.vault.pool).not.toBe(first.vault.pool)
  expect(vaultOf(other.manifest, 'me/tiny')).toEqual(first.vault)
})

it('puts a new vault beside one of older code', async () => {
  const { deployer, manifest } = chain
  const made = await deployVault({ deployer, manifest, ...vaultFor('me/tiny') })
  const older = { ...made.vault, address: chain.manifest.contracts.usdc, codeHash: `0x${'1'.repeat(64)}` as const }
  const { manifest: after, vault } = await deployVault({
    deployer,
    manifest: { ...manifest, vaults: [older] },
    ...vaultFor('me/tiny'),
  })
  expect(after.vaults).toEqual([older, { ...made.vault, block: '0' }])
  expect(vaultOf(after, 'me/tiny')).toEqual(vault)
})

it('plans a new vault, registry and token where those that are there are of older code', async () => {
  const { deployer } = chain
  const inft = { oracles: [], takesSimulated: false }
  const coalition = { auditors: [chain.accounts.settler.address], quorum: 1 }
  const wanted = { deployer, dataDir, vault: vaultFor('me/tiny'), coalition, inft }
  const { manifest } = await ensureDeployment(wanted)
  expect((await estimateDeployment(wanted)).transactions).toBe(0)
  const older = { codeHash: `0x${'1'.repeat(64)}` as const, address: manifest.contracts.usdc }
  await writeChainManifest(dataDir, {
    ...manifest,
    vaults: [{ ...manifest.vaults[0]!, ...older }],
    coalition: { ...manifest.coalition!, ...older },
    inft: { ...manifest.inft!, codeHash: older.codeHash, token: older.address },
  })
  // All three lie where today's code puts them; what the manifest names is not taken for them.
  const other = { ...wanted, vault: { ...vaultFor('me/tiny'), pricePerSecondAtomic: 1001n } }
  const planned = (await estimateDeployment(other)).steps.filter(({ isThere }) => !isThere).map(({ name }) => name)
  expect(planned).toEqual(['vault of me/tiny'])
})

it('tells where a vault obeys another settler or keeper than its manifest says', async () => {
  const { deployer, accounts, publicClient } = chain
  const { manifest, vault } = await ensureDeployment({ deployer, dataDir, vault: vaultFor('me/tiny') })
  const set = { address: vault!.address, abi: streamVaultAbi } as const
  const wallet = chain.wallet(accounts.owner)
  for (const [functionName, role] of [
    ['setSettler', 'settler'],
    ['setKeeper', 'keeper'],
  ] as const) {
    const account = accounts[role].address
    await wallet.writeContract({ ...set, functionName, args: [account, false] })
    await expect(verifyDeployment(publicClient as PublicClient, manifest)).rejects.toMatchObject({
      code: 'chain_wrong',
      message: expect.stringContaining(`the vault of me/tiny obeys its ${role} ${account}`),
    })
    await wallet.writeContract({ ...set, functionName, args: [account, true] })
  }
  await verifyDeployment(publicClient as PublicClient, manifest)
})

it('refuses a key that did not deploy the framework', async () => {
  const deployer = createDeployer({
    client: chain.publicClient as PublicClient,
    chain: chain.chain,
    account: chain.accounts.stranger,
  })
  await expect(deployVault({ deployer, manifest: chain.manifest, ...vaultFor('me/tiny') })).rejects.toMatchObject({
    code: 'chain_wrong',
  })
})

it('says which file is no manifest', async () => {
  await ensureDeployment({ deployer: chain.deployer, dataDir })
  await writeFile(manifestPath(dataDir, 31337), '{}')
  await expect(readChainManifest(dataDir, 31337)).rejects.toMatchObject({
    code: 'chain_state_invalid',
    message: expect.stringContaining('31337.json'),
  })
})

it('keeps a deployment through a restart of the embedded chain', async () => {
  const start = async () => {
    const embedded = await startEmbeddedChain({ dataDir })
    return {
      embedded,
      deployed: await ensureDeployment({ deployer: embeddedDeployer(embedded), dataDir, vault: vaultFor('m') }),
    }
  }
  const first = await start()
  await first.embedded.close()
  const second = await start()
  await second.embedded.close()
  expect(second.deployed).toEqual({ ...first.deployed, transactions: 0, gasUsed: 0n })
})
