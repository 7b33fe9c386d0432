/**
 * The chain through viem: an operator's money read at one block, and the three transactions that its key may need. Loaded only where work
 * is paid for. It knows no store.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { PaidTerms } from '@computepool/shared/money'
import {
  type Chain,
  type Client,
  createClient,
  encodeFunctionData,
  http,
  isAddress,
  type LocalAccount,
  parseAbi,
  type Transport,
} from 'viem'
// One by one: a client with all of viem's actions is 40 KB more to load.
import {
  estimateFeesPerGas,
  estimateGas,
  getBalance,
  getBlockNumber,
  getTransactionCount,
  readContract,
  sendRawTransaction,
  waitForTransactionReceipt,
} from 'viem/actions'
import { chainOf } from '../wallet/chain-of.ts'
import type { ContractCall } from '../wallet/payer-wallet.ts'
import { told, underfunded } from './chain-error.ts'
import type { ChainReads, OperatorWrites } from './chain-port.ts'

const tokenAbi = parseAbi([
  'function balanceOf(address) view returns (uint256)',
  'function realtimeBalanceOfNow(address account) view returns (int256 availableBalance, uint256 deposit, uint256 owedDeposit, uint256 timestamp)',
  'function downgradeTo(address to, uint256 amount)',
])
const poolAbi = parseAbi([
  'function getUnits(address) view returns (uint128)',
  'function getTotalUnits() view returns (uint128)',
  'function getMemberFlowRate(address) view returns (int96)',
  'function getTotalAmountReceivedByMember(address) view returns (uint256)',
  'function getClaimableNow(address) view returns (int256 claimableBalance, uint256 timestamp)',
  'function claimAll() returns (bool)',
])
const forwarderAbi = parseAbi([
  'function getNetFlow(address token, address account) view returns (int96)',
  'function isMemberConnected(address pool, address member) view returns (bool)',
  'function connectPool(address pool, bytes userData) returns (bool)',
])

type Hex = `0x${string}`

/** A batch is one HTTP request: nine reads cost one round trip. */
function openClient(terms: PaidTerms): Client<Transport, Chain> {
  const chain = chainOf(terms.chain)
  return createClient({ chain, transport: http(chain.rpcUrls.default.http[0], { batch: true, retryCount: 1 }) })
}

export function openChainReads(terms: PaidTerms): ChainReads {
  const client = openClient(terms)
  const usdc = terms.usdc as Hex
  const usdcx = terms.usdcx as Hex
  const pool = terms.pool as Hex
  const forwarder = terms.gdaForwarder as Hex
  const funds = async (address: Hex, blockNumber?: bigint) => {
    const at = blockNumber === undefined ? {} : { blockNumber }
    const [usdcAtomic, nativeWei] = await Promise.all([
      readContract(client, { address: usdc, abi: tokenAbi, functionName: 'balanceOf', args: [address], ...at }),
      getBalance(client, { address, ...at }),
    ])
    return { usdcAtomic, nativeWei }
  }
  return {
    funds: address => told(() => funds(address)),
    earnings: operator =>
      told(async () => {
        const blockNumber = await getBlockNumber(client, { cacheTime: 0 })
        const ofPool = { address: pool, abi: poolAbi, blockNumber } as const
        const ofForwarder = { address: forwarder, abi: forwarderAbi, blockNumber } as const
        const [realtime, claimable, isConnected, netFlowWei, memberFlowWei, receivedWei, units, totalUnits, held] =
          await Promise.all([
            readContract(client, {
              address: usdcx,
              abi: tokenAbi,
              functionName: 'realtimeBalanceOfNow',
              args: [operator],
              blockNumber,
            }),
            readContract(client, { ...ofPool, functionName: 'getClaimableNow', args: [operator] }),
            readContract(client, { ...ofForwarder, functionName: 'isMemberConnected', args: [pool, operator] }),
            readContract(client, { ...ofForwarder, functionName: 'getNetFlow', args: [usdcx, operator] }),
            readContract(client, { ...ofPool, functionName: 'getMemberFlowRate', args: [operator] }),
            readContract(client, { ...ofPool, functionName: 'getTotalAmountReceivedByMember', args: [operator] }),
            readContract(client, { ...ofPool, functionName: 'getUnits', args: [operator] }),
            readContract(client, { ...ofPool, functionName: 'getTotalUnits' }),
            funds(operator, blockNumber),
          ])
        const [balanceWei] = realtime
        const [claimableWei] = claimable
        return {
          balanceWei: balanceWei > 0n ? balanceWei : 0n,
          claimableWei: isConnected || claimableWei < 0n ? 0n : claimableWei,
          isConnected,
          // A member that is not connected has no net flow of the pool: its claimable grows instead.
          flowWei: netFlowWei + (isConnected ? 0n : memberFlowWei),
          receivedWei,
          memberFlowWei,
          units,
          totalUnits,
          funds: held,
        }
      }),
  }
}

/** Transactions of a key that is here: `send` ends with the hash, `confirm` when a block has it. Errors: `chain_…`. */
export interface Calls {
  send(call: ContractCall): Promise<Hex>
  confirm(hash: Hex): Promise<void>
}

export function openCalls(terms: PaidTerms, account: LocalAccount): Calls {
  const client = openClient(terms)
  return {
    send: ({ to, data }) =>
      told(async () => {
        const { address } = account
        const estimate = await estimateGas(client, { account: address, to, data })
        const fees = await estimateFeesPerGas(client, { type: 'eip1559' })
        const nonce = await getTransactionCount(client, { address, blockTag: 'pending' })
        // Superfluid's callbacks hold 1/64 of the gas back: the bare estimate is too low.
        const gas = (estimate * 13n) / 10n
        const tipWei = fees.maxPriorityFeePerGas
        const raisedWei = tipWei < leastTipWei(terms) ? leastTipWei(terms) - tipWei : 0n
        const maxFeePerGas = fees.maxFeePerGas + raisedWei
        if ((await getBalance(client, { address })) < gas * maxFeePerGas) throw underfunded()
        const serializedTransaction = await account.signTransaction({
          type: 'eip1559',
          chainId: terms.chain.id,
          to,
          data,
          nonce,
          gas,
          maxPriorityFeePerGas: tipWei + raisedWei,
          maxFeePerGas,
        })
        return sendRawTransaction(client, { serializedTransaction })
      }),
    confirm: hash =>
      told(async () => {
        const receipt = await waitForTransactionReceipt(client, { hash, pollingInterval: 500, timeout: 120_000 })
        if (receipt.status === 'success') return
        throw new ComputePoolError('chain_reverted', `Transaction ${hash} was refused by the chain.`, {
          remedy: 'Nothing moved but its gas. Refresh, then try again.',
          context: { transaction: hash },
        })
      }),
  }
}

export function openOperatorWrites(terms: PaidTerms, account: LocalAccount): OperatorWrites {
  const calls = openCalls(terms, account)
  const pool = terms.pool as Hex

  async function write(to: Hex, data: Hex): Promise<Hex> {
    const hash = await calls.send({ to, data })
    await calls.confirm(hash)
    return hash
  }

  return {
    address: account.address,
    isAddress: (text): text is Hex => isAddress(text),
    connectPool: () =>
      write(
        terms.gdaForwarder as Hex,
        encodeFunctionData({ abi: forwarderAbi, functionName: 'connectPool', args: [pool, '0x'] }),
      ),
    claim: () => write(pool, encodeFunctionData({ abi: poolAbi, functionName: 'claimAll' })),
    unwrapTo: (to, amountWei) =>
      write(
        terms.usdcx as Hex,
        encodeFunctionData({ abi: tokenAbi, functionName: 'downgradeTo', args: [to, amountWei] }),
      ),
  }
}

/** 0G's mempool refuses less than 2 gwei, and blocks take some 4. */
function leastTipWei({ chain }: PaidTerms): bigint {
  return chain.id === 16_602 || chain.id === 16_661 ? 4_000_000_000n : 0n
}
