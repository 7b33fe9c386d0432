/**
 * A real chain for one test file, with everything on it: anvil on a free port, Superfluid, test USDC and funded keys, loaded from a state
 * that was made before. The keys are the same in every test, so addresses are too. It knows no vault's rules.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, type Hex, type PublicClient, parseAbi } from 'viem'
import { type ChainManifest, createDeployer, type Deployer, localSettings } from '../deploy/index.ts'
import { type Furnishing, furnishedState } from './furnished-state.ts'
import { type AnvilOptions, spawnAnvil } from './spawn-anvil.ts'
import { type TestAccounts, testAccounts } from './test-accounts.ts'
import { clientsFor, type TestClients, testChainAt } from './test-clients.ts'

export interface TestChainOptions extends AnvilOptions, Furnishing {}

export interface TestChain extends TestClients {
  readonly url: string
  readonly manifest: ChainManifest
  readonly accounts: TestAccounts
  /** The owner's deployer, for what a test puts on the chain itself. */
  readonly deployer: Deployer
  /** Test USDC for `to`, made by the owner. */
  mintUsdc(to: Address, amountAtomic: bigint): Promise<void>
  usdcOf(account: Address): Promise<bigint>
  /** The timestamp of the newest block, in seconds: the time that contracts see. */
  now(): Promise<bigint>
  /** Lets `seconds` of the chain's time pass and mines a block. Then the chain is ahead of the wall clock: no x402 after it. */
  passSeconds(seconds: number): Promise<void>
  snapshot(): Promise<Hex>
  revert(snapshot: Hex): Promise<void>
  close(): Promise<void>
}

const usdcAbi = parseAbi([
  'function mint(address to, uint256 value)',
  'function balanceOf(address account) view returns (uint256)',
])

/** A chain of one's own; close it afterwards. Two may be open at once. */
export async function openTestChain(options: TestChainOptions = {}): Promise<TestChain> {
  const { file, manifest } = await furnishedState(options)
  const anvil = await spawnAnvil({ ...options, args: ['--load-state', file, ...(options.args ?? [])] })
  try {
    return await hold(anvil, manifest, options)
  } catch (thrown) {
    await anvil.close()
    throw thrown
  }
}

async function hold(
  anvil: { url: string; close(): Promise<void> },
  manifest: ChainManifest,
  { blockTimeSeconds }: TestChainOptions,
): Promise<TestChain> {
  const chain = testChainAt(anvil.url, manifest.chainId)
  const { publicClient, testClient, wallet } = clientsFor(chain, anvil.url)
  // The state's newest block is of the time when it was made: from here on it is now.
  await testClient.mine({ blocks: 1 })

  // Without a block time anvil mines by itself, and an empty block more would do nothing.
  const mine = blockTimeSeconds === undefined ? async () => {} : () => testClient.mine({ blocks: 1 })
  const deployer = createDeployer({
    client: publicClient as PublicClient,
    chain,
    account: testAccounts.owner,
    settings: { ...localSettings, pollingIntervalMs: 10, afterSend: mine },
  })

  const usdc = { address: manifest.contracts.usdc, abi: usdcAbi } as const
  async function mintUsdc(to: Address, amountAtomic: bigint) {
    const hash = await wallet(testAccounts.owner).writeContract({
      ...usdc,
      functionName: 'mint',
      args: [to, amountAtomic],
    })
    await mine()
    const { status } = await publicClient.waitForTransactionReceipt({ hash })
    if (status !== 'success')
      throw new ComputePoolError('chain_reverted', `Test USDC for ${to} was not made (${hash}).`)
  }

  return {
    url: anvil.url,
    chain,
    manifest,
    accounts: testAccounts,
    publicClient,
    testClient,
    deployer,
    wallet,
    mintUsdc,
    usdcOf: account => publicClient.readContract({ ...usdc, functionName: 'balanceOf', args: [account] }),
    now: async () => (await publicClient.getBlock({ blockTag: 'latest' })).timestamp,
    async passSeconds(seconds) {
      await testClient.increaseTime({ seconds })
      await testClient.mine({ blocks: 1 })
    },
    snapshot: () => testClient.snapshot(),
    revert: id => testClient.revert({ id }),
    close: () => anvil.close(),
  }
}
