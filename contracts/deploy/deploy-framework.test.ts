import { type Abi, type Address, encodeFunctionData, type PublicClient, parseEther } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { embeddedChain } from '../chain/known-chains.ts'
import { openTestChain, type TestChain } from '../testing/open-test-chain.ts'
import { type SpawnedAnvil, spawnAnvil } from '../testing/spawn-anvil.ts'
import { testAccounts } from '../testing/test-accounts.ts'
import { clientsFor } from '../testing/test-clients.ts'
import { type DeployedFramework, deployFramework, readCodes } from './deploy-framework.ts'
import { createDeployer, localSettings } from './deployer.ts'
import { exerciseDeployment } from './exercise-deployment.ts'
import { readSuperfluidArtifacts } from './superfluid-artifacts.ts'
import { verifyDeployment } from './verify-deployment.ts'

const { owner, stranger } = testAccounts
let anvil: SpawnedAnvil | undefined
afterEach(() => anvil?.close())

async function bareChain(options: Parameters<typeof spawnAnvil>[0] = {}) {
  anvil = await spawnAnvil(options)
  const clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  for (const { address } of [owner, stranger])
    await clients.testClient.setBalance({ address, value: parseEther('100') })
  return clients
}

type Clients = ReturnType<typeof clientsFor>

function deploy({ chain, publicClient }: Clients, afterSend?: () => Promise<void>): Promise<DeployedFramework> {
  const deployer = createDeployer({
    client: publicClient as PublicClient,
    chain: { ...chain, id: chain.id },
    account: owner,
    settings: { ...localSettings, pollingIntervalMs: 10, afterSend },
  })
  return deployFramework({ deployer })
}

describe('a deployment', () => {
  it('sends nothing the second time, with or without its manifest', async () => {
    const clients = await bareChain()
    const first = await deploy(clients)
    const nonce = await clients.publicClient.getTransactionCount({ address: owner.address })
    const second = await deploy(clients)
    expect(second.manifest.contracts).toEqual(first.manifest.contracts)
    expect({ first: first.transactions, second: second.transactions }).toEqual({ first: 17, second: 0 })
    const deployer = createDeployer({
      client: clients.publicClient as PublicClient,
      chain: clients.chain,
      account: owner,
    })
    expect(await deployFramework({ deployer, known: first.manifest })).toEqual({
      ...first,
      transactions: 0,
      gasUsed: 0n,
    })
    expect(await clients.publicClient.getTransactionCount({ address: owner.address })).toBe(nonce)
  })

  it('goes on where it was stopped, at every step', async () => {
    const clients = await bareChain()
    const clean = await clients.testClient.snapshot()
    const whole = await deploy(clients)
    await clients.testClient.revert({ id: clean })
    for (let stop = 1; stop <= whole.transactions; stop++) {
      const start = await clients.testClient.snapshot()
      let sent = 0
      const stopped = deploy(clients, async () => {
        if (++sent === stop) throw new Error('killed')
      })
      await expect(stopped).rejects.toThrow('killed')
      const rest = await deploy(clients)
      expect({ stop, rest: rest.transactions, contracts: rest.manifest.contracts }).toEqual({
        stop,
        rest: whole.transactions - stop,
        contracts: whole.manifest.contracts,
      })
      await clients.testClient.revert({ id: start })
    }
  })

  it('waits for what an interrupted run left in the pool, and does not send it twice', async () => {
    const clients = await bareChain({ blockTimeSeconds: 1 })
    let sent = 0
    const mine = async () => {
      if (++sent === 4) throw new Error('killed')
      await clients.testClient.mine({ blocks: 1 })
    }
    await expect(deploy(clients, mine)).rejects.toThrow('killed')
    const rest = await deploy(clients, () => clients.testClient.mine({ blocks: 1 }))
    expect(rest.transactions).toBe(17 - 4)
  })

  it('has the same addresses on another chain, and brings the CREATE2 proxy where there is none', async () => {
    const here = await deploy(await bareChain())
    await anvil!.close()
    anvil = await spawnAnvil({ chainId: 16602, args: ['--disable-default-create2-deployer'] })
    const elsewhere = clientsFor({ ...embeddedChain(anvil.url), id: 16602 }, anvil.url)
    await elsewhere.testClient.setBalance({ address: owner.address, value: parseEther('100') })
    const there = await deploy(elsewhere)
    expect(there.manifest.contracts).toEqual(here.manifest.contracts)
    expect({ chainId: there.manifest.chainId, transactions: there.transactions }).toEqual({
      chainId: 16602,
      transactions: 19,
    })
  })

  it('leaves no initialiser and no owner’s power to a stranger, at no moment', async () => {
    const clients = await bareChain()
    const addresses = await plannedAddresses(clients)
    const tried = new Set<string>()
    await deploy(clients, async () => {
      for (const attempt of await attacks(addresses)) {
        if (!(await clients.publicClient.getCode({ address: attempt.to }))) continue
        tried.add(attempt.name)
        await expect(
          clients.publicClient.call({ account: stranger.address, to: attempt.to, data: attempt.data }),
          attempt.name,
        ).rejects.toThrow()
      }
    })
    expect(tried.size).toBe((await attacks(addresses)).length)
  })
})

/** Where things will lie, learned from a deployment that is then undone. */
async function plannedAddresses(clients: Clients) {
  const clean = await clients.testClient.snapshot()
  const { manifest } = await deploy(clients)
  await clients.testClient.revert({ id: clean })
  return manifest.contracts
}

async function attacks(contracts: DeployedFramework['manifest']['contracts']) {
  const { artifacts } = await readSuperfluidArtifacts()
  const me = stranger.address
  const attack = (name: string, to: Address, abi: Abi, functionName: string, args: readonly unknown[]) => ({
    name,
    to,
    data: encodeFunctionData({ abi, functionName, args }),
  })
  const pool = artifacts.SuperfluidPool.abi
  const ours = [me, contracts.usdcx, false, true, 'x', 'x', 18]
  const { factoryCreation } = await readCodes(owner.address)
  return [
    attack('host', contracts.host, artifacts.Superfluid.abi, 'initialize', [me]),
    attack('governance', contracts.governance, artifacts.TestGovernance.abi, 'initialize', [
      contracts.host,
      me,
      1n,
      0n,
      [],
    ]),
    attack('governance owner', contracts.governance, artifacts.TestGovernance.abi, 'transferOwnership', [me]),
    attack('token factory', contracts.superTokenFactory, artifacts.SuperTokenFactory.abi, 'initialize', []),
    attack('pool', contracts.poolLogic, pool, 'initialize', ours),
    attack('beacon', contracts.poolBeacon, artifacts.SuperfluidUpgradeableBeacon.abi, 'upgradeTo', [me]),
    attack('wrapper', contracts.usdcx, artifacts.SuperToken.abi, 'initialize', [contracts.usdc, 6, 'x', 'x']),
    attack('access list', contracts.simpleAcl, artifacts.SimpleACL.abi, 'grantRole', [`0x${'0'.repeat(64)}`, me]),
    attack('factory', factoryCreation.address, factoryAbi, 'deploy', [[], []]),
  ]
}

const factoryAbi = [
  {
    type: 'function',
    name: 'deploy',
    stateMutability: 'nonpayable',
    inputs: [
      {
        name: 'creations',
        type: 'tuple[]',
        components: [
          { name: 'salt', type: 'bytes32' },
          { name: 'initCode', type: 'bytes' },
        ],
      },
      {
        name: 'calls',
        type: 'tuple[]',
        components: [
          { name: 'target', type: 'address' },
          { name: 'data', type: 'bytes' },
        ],
      },
    ],
    outputs: [],
  },
] as const

describe('what was deployed', () => {
  let chain: TestChain
  beforeEach(async () => {
    chain = await openTestChain({ liquidationPeriodSeconds: 60 })
  })
  afterEach(() => chain.close())

  it('streams second by second, locks 60 seconds of it, and stops', async () => {
    const client = chain.publicClient as PublicClient
    await verifyDeployment(client, chain.manifest)
    const seen = await exerciseDeployment(chain.deployer, chain.manifest)
    expect(seen.streamedSeconds).toBeGreaterThan(0n)
    expect(seen.streamedWei).toBe(seen.streamedSeconds * 10n ** 15n)
    expect(Number(seen.bufferWei) / 1e15).toBeCloseTo(60, 3)
  })

  it('is checked against its manifest', async () => {
    const client = chain.publicClient as PublicClient
    const { contracts } = chain.manifest
    const moved = { ...chain.manifest, contracts: { ...contracts, gda: stranger.address } }
    await expect(verifyDeployment(client, moved)).rejects.toThrow(`gda is not at ${stranger.address}`)
    const stolen = { ...chain.manifest, owner: stranger.address }
    await expect(verifyDeployment(client, stolen)).rejects.toMatchObject({
      code: 'chain_wrong',
      message: expect.stringContaining('governance obeys the owner'),
    })
    await expect(verifyDeployment(client, { ...chain.manifest, chainId: 1 })).rejects.toThrow('the chain is 31337')
  })

  it('takes another liquidation period when asked again', async () => {
    const { manifest, transactions } = await deployFramework({
      deployer: chain.deployer,
      known: chain.manifest,
      liquidationPeriodSeconds: 90,
    })
    expect(transactions).toBe(1)
    await verifyDeployment(chain.publicClient as PublicClient, manifest)
    expect((await exerciseDeployment(chain.deployer, manifest)).bufferWei / 10n ** 15n).toBe(90n)
    // Asked for nothing, it keeps what lies there, with its manifest and without.
    const { deployer } = chain
    for (const known of [manifest, { ...manifest, liquidationPeriodSeconds: 60 }, undefined]) {
      const again = await deployFramework({ deployer, known })
      expect({ transactions: again.transactions, period: again.manifest.liquidationPeriodSeconds }).toEqual({
        transactions: 0,
        period: 90,
      })
    }
  })

  it('refuses another USDC than the one that lies wrapped there, and sends nothing', async () => {
    const { deployer, manifest } = chain
    const nonce = () => chain.publicClient.getTransactionCount({ address: owner.address })
    const before = await nonce()
    for (const known of [manifest, undefined]) {
      await expect(deployFramework({ deployer, known, usdc: stranger.address })).rejects.toMatchObject({
        code: 'chain_wrong',
        message: expect.stringContaining(`wraps the USDC ${manifest.contracts.usdc}, not ${stranger.address}`),
      })
      expect((await deployFramework({ deployer, known, usdc: manifest.contracts.usdc })).transactions).toBe(0)
    }
    expect(await nonce()).toBe(before)
  })
})
