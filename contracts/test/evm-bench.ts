/**
 * A real EVM with the real Superfluid on it, for tests: a transaction is one block at a second that the test chooses, so that what
 * a stream paid is known to the wei, and a refusal has a name. Knows no vault.
 */
import {
  type Abi,
  type Address,
  decodeErrorResult,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  numberToHex,
  parseAbi,
  parseEther,
  parseEventLogs,
  type TransactionReceipt,
} from 'viem'
import { artifactOf } from '../build/compile.ts'
import { readSuperfluidArtifacts } from '../deploy/superfluid-artifacts.ts'
import { openTestChain, testAccounts } from '../testing/index.ts'

export interface SendOptions {
  /** Seconds after the latest block; default 1. */
  readonly after?: number
  readonly gas?: bigint
}

export interface EvmBenchOptions {
  /** A hostile token of contracts/test/hostile to wrap in place of the test USDC. */
  readonly hostileToken?: string
  readonly liquidationPeriodSeconds: number
}

export interface RawReceipt {
  readonly status: Hex
  readonly gasUsed: Hex
  readonly blockNumber: Hex
  readonly logs: TransactionReceipt['logs']
  readonly contractAddress: Address | null
}

export interface Call {
  readonly from: Address
  readonly to: Address
  readonly data: Hex
}

const mintAbi = parseAbi(['function mint(address to, uint256 value)'])
const factoryAbi = parseAbi([
  'function createERC20Wrapper(address underlying, uint8 upgradability, string name, string symbol) returns (address)',
  'event SuperTokenCreated(address indexed token)',
])
const minter = testAccounts.owner.address

export type EvmBench = Awaited<ReturnType<typeof openEvmBench>>

export async function openEvmBench({ hostileToken, liquidationPeriodSeconds }: EvmBenchOptions) {
  const chain = await openTestChain({ payerAtomic: 0n, liquidationPeriodSeconds })
  const { contracts } = chain.manifest
  const request = <T>(method: string, params: readonly unknown[]): Promise<T> =>
    chain.publicClient.request({ method, params } as never) as Promise<T>
  // Blocks come when the test says so, and anyone's transaction is taken without its key.
  await request('evm_setAutomine', [false])
  await request('anvil_autoImpersonateAccount', [true])
  let clock = Number((await chain.publicClient.getBlock()).timestamp)

  async function mine(seconds: number): Promise<void> {
    clock += seconds
    await request('evm_mine', [{ timestamp: clock }])
  }

  const post = (from: Address, to: Address | null, data: Hex, gas: bigint): Promise<Hex> =>
    request('eth_sendTransaction', [{ from, ...(to ? { to } : {}), data, gas: numberToHex(gas) }])

  async function send(
    from: Address,
    to: Address | null,
    data: Hex,
    { after = 1, gas = 12_000_000n }: SendOptions = {},
  ) {
    const hash = await post(from, to, data, gas)
    await mine(after)
    return { hash, receipt: await request<RawReceipt>('eth_getTransactionReceipt', [hash]) }
  }

  const { artifacts } = await readSuperfluidArtifacts()
  const known = [...Object.values(artifacts), await artifactOf('TestUsdc')]
  const errorAbi: Abi = known.flatMap(({ abi }) => abi.filter(({ type }) => type === 'error'))

  /** The name of the error that a reverted transaction ended with. */
  async function reasonOf(hash: Hex, abi: Abi): Promise<string> {
    const trace = await request<{ output?: Hex; error?: string }>('debug_traceTransaction', [
      hash,
      { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } },
    ])
    if (!trace.output || trace.output === '0x') return trace.error ?? 'no reason'
    try {
      return decodeErrorResult({ abi: [...abi, ...errorAbi], data: trace.output }).errorName
    } catch {
      return trace.output.slice(0, 10)
    }
  }

  async function call(
    from: Address,
    to: Address,
    abi: Abi,
    functionName: string,
    args: readonly unknown[],
    o?: SendOptions,
  ) {
    const { hash, receipt } = await send(from, to, encodeFunctionData({ abi, functionName, args }), o)
    return { hash, receipt, ok: receipt.status === '0x1' }
  }

  async function deploy({ abi, bytecode }: { abi: Abi; bytecode: Hex }, args: readonly unknown[]): Promise<Address> {
    const { hash, receipt } = await send(minter, null, encodeDeployData({ abi, bytecode, args }))
    if (receipt.status !== '0x1') throw new Error(`The deployment reverted: ${await reasonOf(hash, abi)}.`)
    return receipt.contractAddress!
  }

  async function wrapped(token: string): Promise<{ usdc: Address; usdcx: Address }> {
    const usdc = await deploy(await artifactOf(token, ['test/hostile']), [minter])
    const args = [usdc, 1, 'Hostile', 'HOSTx']
    const { receipt } = await call(minter, contracts.superTokenFactory, factoryAbi, 'createERC20Wrapper', args)
    const [created] = parseEventLogs({ abi: factoryAbi, logs: receipt.logs })
    return { usdc, usdcx: created!.args.token }
  }

  const tokens = hostileToken ? await wrapped(hostileToken) : { usdc: contracts.usdc, usdcx: contracts.usdcx }
  const domain = hostileToken ? { name: 'USD Coin', version: '2' } : chain.manifest.usdc

  return {
    addresses: { ...contracts, ...tokens },
    usdcDomain: { name: domain.name, version: domain.version, chainId: 31337, verifyingContract: tokens.usdc },
    call,
    deploy,
    reasonOf,
    close: () => chain.close(),
    now: () => clock,
    /** Lets seconds pass with an empty block. */
    wait: mine,

    read: <T>(to: Address, abi: Abi, functionName: string, args: readonly unknown[] = []): Promise<T> =>
      chain.publicClient.readContract({ address: to, abi, functionName, args }) as Promise<T>,

    giveNative: (to: Address): Promise<void> => request('anvil_setBalance', [to, numberToHex(parseEther('1000'))]),

    async mint(to: Address, amountAtomic: bigint): Promise<void> {
      const { ok } = await call(minter, tokens.usdc, mintAbi, 'mint', [to, amountAtomic])
      if (!ok) throw new Error('The test token was not minted.')
    },

    /** Whether each of these went through, all in one block and in this order. */
    async sameBlock(calls: readonly Call[]): Promise<boolean[]> {
      const hashes: Hex[] = []
      for (const { from, to, data } of calls) hashes.push(await post(from, to, data, 7_000_000n))
      await mine(1)
      const receipts = await Promise.all(hashes.map(hash => request<RawReceipt>('eth_getTransactionReceipt', [hash])))
      if (new Set(receipts.map(({ blockNumber }) => blockNumber)).size !== 1) throw new Error('Not one block.')
      return receipts.map(({ status }) => status === '0x1')
    },

    /** Runs `body` and takes the chain back to before it. */
    async apart(body: () => Promise<void>): Promise<void> {
      const snapshot = await request<Hex>('evm_snapshot', [])
      const before = clock
      try {
        await body()
      } finally {
        await request('evm_revert', [snapshot])
        clock = before
      }
    },
  }
}
