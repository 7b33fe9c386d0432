/**
 * A real chain for one test file, with everything on it: anvil on a free port, Superfluid, test USDC and funded keys, in about a
 * second. The keys are the same in every test, so addresses are too. It knows no vault's rules.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Address,
  type Chain,
  defineChain,
  type Hex,
  keccak256,
  type PrivateKeyAccount,
  type PublicClient,
  parseAbi,
  parseEther,
  stringToHex,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type ChainManifest, createDeployer, type Deployer, deployFramework, localSettings } from '../deploy/index.ts'
import { type AnvilOptions, spawnAnvil } from './spawn-anvil.ts'
import { clientsFor, type TestClients } from './test-clients.ts'

export interface TestChainOptions extends AnvilOptions {
  readonly liquidationPeriodSeconds?: number | undefined
  /** Test USDC that each payer holds at the start. Default 1,000 USDC. */
  readonly payerAtomic?: bigint | undefined
}

export interface TestAccounts {
  readonly owner: PrivateKeyAccount
  readonly settler: PrivateKeyAccount
  readonly keeper: PrivateKeyAccount
  /** Hold test USDC and native coins. */
  readonly payers: readonly PrivateKeyAccount[]
  /** Hold nothing: an operator needs no coins. */
  readonly operators: readonly PrivateKeyAccount[]
  /** Holds native coins and has no role. */
  readonly stranger: PrivateKeyAccount
}

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

/** The key that every test knows as `name`. */
export function testAccount(name: string): PrivateKeyAccount {
  return privateKeyToAccount(keccak256(stringToHex(`computepool test key: ${name}`)))
}

export const testAccounts: TestAccounts = {
  owner: testAccount('owner'),
  settler: testAccount('settler'),
  keeper: testAccount('keeper'),
  payers: [0, 1, 2, 3].map(index => testAccount(`payer ${index}`)),
  operators: [0, 1, 2, 3].map(index => testAccount(`operator ${index}`)),
  stranger: testAccount('stranger'),
}

/** A chain of one's own; close it afterwards. Two may be open at once. */
export async function openTestChain(options: TestChainOptions = {}): Promise<TestChain> {
  const anvil = await spawnAnvil(options)
  try {
    return await furnish(anvil, options)
  } catch (thrown) {
    await anvil.close()
    throw thrown
  }
}

async function furnish(
  anvil: { url: string; close(): Promise<void> },
  { chainId = 31337, blockTimeSeconds, liquidationPeriodSeconds, payerAtomic = 1_000_000_000n }: TestChainOptions,
): Promise<TestChain> {
  const chain: Chain = defineChain({
    id: chainId,
    name: 'ComputePool test chain',
    nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
    rpcUrls: { default: { http: [anvil.url] } },
  })
  const { publicClient, testClient, wallet } = clientsFor(chain, anvil.url)
  const { owner, settler, keeper, payers, stranger } = testAccounts
  for (const { address } of [owner, settler, keeper, stranger, ...payers]) {
    await testClient.setBalance({ address, value: parseEther('1000') })
  }

  // Without a block time anvil mines by itself, and an empty block more would do nothing.
  const mine = blockTimeSeconds === undefined ? async () => {} : () => testClient.mine({ blocks: 1 })
  const deployer = createDeployer({
    client: publicClient as PublicClient,
    chain,
    account: owner,
    settings: { ...localSettings, pollingIntervalMs: 10, afterSend: mine },
  })
  const { manifest } = await deployFramework({ deployer, liquidationPeriodSeconds })

  const usdc = { address: manifest.contracts.usdc, abi: usdcAbi } as const
  async function mintUsdc(to: Address, amountAtomic: bigint) {
    const hash = await wallet(owner).writeContract({ ...usdc, functionName: 'mint', args: [to, amountAtomic] })
    await mine()
    const { status } = await publicClient.waitForTransactionReceipt({ hash })
    if (status !== 'success')
      throw new ComputePoolError('chain_reverted', `Test USDC for ${to} was not made (${hash}).`)
  }
  if (payerAtomic > 0n) for (const { address } of payers) await mintUsdc(address, payerAtomic)

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
