import { type PublicClient, parseEther } from 'viem'
import { afterEach, expect, it } from 'vitest'
import { remoteSettings, zeroGGalileo } from '../chain/known-chains.ts'
import { type DifficultEndpointOptions, openDifficultEndpoint } from '../testing/open-difficult-endpoint.ts'
import { spawnAnvil } from '../testing/spawn-anvil.ts'
import { testAccounts } from '../testing/test-accounts.ts'
import { clientsFor } from '../testing/test-clients.ts'
import { deployFramework } from './deploy-framework.ts'
import { createDeployer, type SendSettings, withHeadroom } from './deployer.ts'
import { verifyDeployment } from './verify-deployment.ts'

const { owner, stranger } = testAccounts
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function deployerAt(manners: Partial<DifficultEndpointOptions>, settings: Partial<SendSettings> = {}) {
  const anvil = await spawnAnvil({ chainId: 16602 })
  closing.push(() => anvil.close())
  const endpoint = await openDifficultEndpoint({ url: anvil.url, ...manners })
  closing.push(() => endpoint.close())
  const behind = clientsFor(zeroGGalileo, anvil.url)
  await behind.testClient.setBalance({ address: owner.address, value: parseEther('10') })
  const { publicClient } = clientsFor(zeroGGalileo, endpoint.url)
  return {
    behind,
    deployer: createDeployer({
      client: publicClient as PublicClient,
      chain: zeroGGalileo,
      account: owner,
      settings: { ...remoteSettings, pollingIntervalMs: 1, ...settings },
    }),
  }
}

it('deploys through an endpoint that knows receipts and code late', async () => {
  const { deployer } = await deployerAt({ lag: 2, tipFloorWei: 2_000_000_000n })
  const { manifest, transactions } = await deployFramework({ deployer })
  expect(transactions).toBe(17)
  await verifyDeployment(deployer.client, manifest)
})

it('pays the tip that the chain asks for, and says so where it does not', async () => {
  const generous = await deployerAt({ tipFloorWei: 2_000_000_000n })
  const { transactionHash } = await generous.deployer.send({ label: 'gift', to: stranger.address, value: 1n })
  const { maxPriorityFeePerGas } = await generous.behind.publicClient.getTransaction({ hash: transactionHash })
  expect(maxPriorityFeePerGas).toBe(4_000_000_000n)
  const mean = await deployerAt({ tipFloorWei: 2_000_000_000n }, { tipFloorWei: 0n })
  await expect(mean.deployer.send({ label: 'gift', to: stranger.address, value: 1n })).rejects.toMatchObject({
    code: 'chain_deploy_refused',
    message: expect.stringContaining('minimum needed 2000000000'),
  })
})

it('names what failed: too few coins, a revert, a receipt that does not come', async () => {
  const { deployer, behind } = await deployerAt({}, { lagRetries: 0, receiptTimeoutMs: 20 })
  // PUSH0 PUSH0 REVERT
  await behind.testClient.setCode({ address: stranger.address, bytecode: '0x5f5ffd' })
  const tooMuch = deployer.send({ label: 'too much', to: owner.address, value: parseEther('11') })
  await expect(tooMuch).rejects.toMatchObject({ code: 'chain_underfunded' })
  const no = deployer.send({ label: 'no', to: stranger.address, data: '0x00' })
  await expect(no).rejects.toMatchObject({ code: 'chain_reverted' })
  await behind.testClient.setAutomine(false)
  await expect(deployer.send({ label: 'late', to: owner.address, value: 1n })).rejects.toMatchObject({
    code: 'chain_unreachable',
    message: expect.stringContaining('"late"'),
  })
  await expect(deployer.settle()).rejects.toMatchObject({ code: 'chain_unreachable' })
})

it('goes on after a transaction that the chain dropped', async () => {
  const { deployer, behind } = await deployerAt({}, { receiptTimeoutMs: 20 })
  const gift = { label: 'gift', to: stranger.address, value: 1n }
  await behind.testClient.setAutomine(false)
  const dropped = await deployer.send(gift).catch(thrown => thrown)
  expect(dropped).toMatchObject({ code: 'chain_unreachable' })
  await behind.testClient.dropTransaction({ hash: dropped.context.hash })
  await behind.testClient.setAutomine(true)
  const { transactionHash } = await deployer.send({ ...gift, value: 2n })
  const { nonce, value } = await behind.publicClient.getTransaction({ hash: transactionHash })
  expect({ nonce, value }).toEqual({ nonce: 0, value: 2n })
})

it('adds three tenths to an estimate, rounded up', () => {
  expect([withHeadroom(100n), withHeadroom(101n), withHeadroom(1n)]).toEqual([130n, 132n, 2n])
})
