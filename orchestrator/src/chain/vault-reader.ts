/** What the vault and its pool say, read and never assumed. It changes nothing on the chain and knows no ledger. */
import { streamVaultAbi, superfluidPoolAbi, usdcAbi, vaultSessionStates } from '@computepool/contracts/abi'
import type { MoneyTransaction } from '@computepool/shared/money'
import {
  type Address,
  encodeEventTopics,
  type Hex,
  numberToHex,
  type PublicClient,
  TransactionReceiptNotFoundError,
} from 'viem'
import { oldestFirst } from './block-ranges.ts'
import { chainError } from './chain-error.ts'

export interface VaultSession {
  readonly state: (typeof vaultSessionStates)[number]
  readonly payer: Address
  readonly capAtomic: bigint
  readonly pricePerSecondAtomic: bigint
  readonly dueAtomic: bigint
  readonly refundedAtomic: bigint
  readonly rateWei: bigint
  /** Unix seconds. */
  readonly leaseUntil: number
  readonly expiresAt: number
  readonly epoch: number
}

/** All of one block. */
export interface VaultTotals {
  readonly blockNumber: number
  readonly atSeconds: number
  /** Sum of the rates asked for. */
  readonly liveRateWei: bigint
  /** What the pool really pays: smaller by less than its units for each stream. */
  readonly poolRateWei: bigint
  readonly totalUnits: bigint
  readonly unitsEpoch: number
  readonly members: readonly { readonly member: string; readonly units: number }[]
  readonly reserveWei: bigint
  readonly reserveLockedWei: bigint
  readonly reserveFreeWei: bigint
  readonly debtWei: bigint
  readonly owedWei: bigint
}

export interface VaultOpening {
  readonly id: Hex
  readonly payer: Address
  readonly capAtomic: bigint
  readonly nonce: Hex
  readonly transaction: MoneyTransaction
}

/** Errors of all: `chain_unreachable`. */
export interface VaultReader {
  readonly vault: Address
  /** `state` is `unknown` where the vault has no such session. */
  session(id: string): Promise<VaultSession>
  totals(): Promise<VaultTotals>
  /** Time of the latest block, Unix seconds. */
  nowSeconds(): Promise<number>
  /** At most `max`; sessions whose lease or life is over. */
  expired(max: number): Promise<Hex[]>
  /** Every change of one session since that block (default: since the vault was made), oldest first. */
  transactionsOf(id: string, fromBlock?: number | null): Promise<MoneyTransaction[]>
  /** Null where it is not mined. */
  blockNumberOf(hash: string): Promise<number | null>
  openings(fromBlock: number, toBlock: number): Promise<VaultOpening[]>
  /** True where the payer's authorization was used or cancelled. */
  isAuthorizationUsed(payer: string, nonce: string): Promise<boolean>
}

const eventKinds = { SessionOpened: 'open', StreamSet: 'set', SessionClosed: 'close' } as const
/** By the event's signature, as logs carry it. */
const kindOfTopic = new Map<Hex, MoneyTransaction['kind']>(
  (['SessionOpened', 'StreamSet', 'SessionClosed'] as const).map(eventName => [
    encodeEventTopics({ abi: streamVaultAbi, eventName })[0] as Hex,
    eventKinds[eventName],
  ]),
)

/** `madeAtBlock`: before which there is nothing to find. */
export function createVaultReader(client: PublicClient, vault: Address, madeAtBlock = 0): VaultReader {
  const contract = { address: vault, abi: streamVaultAbi } as const
  let fixed: Promise<{ pool: Address; usdc: Address }> | null = null
  /** Neither ever changes; a failed reading is not kept. */
  const addresses = (): Promise<{ pool: Address; usdc: Address }> => {
    fixed ??= Promise.all([
      client.readContract({ ...contract, functionName: 'pool' }),
      client.readContract({ ...contract, functionName: 'usdc' }),
    ]).then(
      ([pool, usdc]) => ({ pool, usdc }),
      cause => {
        fixed = null
        throw cause
      },
    )
    return fixed
  }
  const asked = async <T>(what: string, read: () => Promise<T>): Promise<T> => {
    try {
      return await read()
    } catch (thrown) {
      throw chainError(thrown, `Reading ${what} of the vault ${vault}`)
    }
  }

  return {
    vault,
    session: id =>
      asked('a session', async () => {
        const found = await client.readContract({ ...contract, functionName: 'session', args: [id as Hex] })
        const { leaseUntil, expiresAt, epoch, state, account: _account, startedAt: _startedAt, ...amounts } = found
        return {
          ...amounts,
          state: vaultSessionStates[state]!,
          leaseUntil: Number(leaseUntil),
          expiresAt: Number(expiresAt),
          epoch: Number(epoch),
        }
      }),
    totals: () =>
      asked('the totals', async () => {
        const { pool } = await addresses()
        const block = await client.getBlock({ blockTag: 'latest' })
        const at = { blockNumber: block.number }
        const read = <
          N extends 'liveRateWei' | 'reserveLockedWei' | 'reserveFreeWei' | 'debtWei' | 'reserveWei' | 'owedWei',
        >(
          functionName: N,
        ): Promise<bigint> => client.readContract({ ...contract, ...at, functionName }) as Promise<bigint>
        const onPool = { address: pool, abi: superfluidPoolAbi, ...at } as const
        const [
          liveRateWei,
          reserveWei,
          reserveLockedWei,
          reserveFreeWei,
          debtWei,
          owedWei,
          unitsEpoch,
          listed,
          poolRateWei,
          totalUnits,
        ] = await Promise.all([
          read('liveRateWei'),
          read('reserveWei'),
          read('reserveLockedWei'),
          read('reserveFreeWei'),
          read('debtWei'),
          read('owedWei'),
          client.readContract({ ...contract, ...at, functionName: 'unitsEpoch' }),
          client.readContract({ ...contract, ...at, functionName: 'members' }),
          client.readContract({ ...onPool, functionName: 'getTotalFlowRate' }),
          client.readContract({ ...onPool, functionName: 'getTotalUnits' }),
        ])
        const [accounts, units] = listed
        return {
          blockNumber: Number(block.number),
          atSeconds: Number(block.timestamp),
          liveRateWei,
          poolRateWei,
          totalUnits,
          unitsEpoch: Number(unitsEpoch),
          members: accounts.map((account, at_) => ({ member: account.toLowerCase(), units: Number(units[at_]) })),
          reserveWei,
          reserveLockedWei,
          reserveFreeWei,
          debtWei,
          owedWei,
        }
      }),
    nowSeconds: () => asked('the time', async () => Number((await client.getBlock({ blockTag: 'latest' })).timestamp)),
    expired: max =>
      asked('expired sessions', async () => [
        ...(await client.readContract({ ...contract, functionName: 'expired', args: [BigInt(max)] })),
      ]),
    transactionsOf: (id, fromBlock) =>
      asked('a session’s events', async () => {
        const head = await client.getBlockNumber({ cacheTime: 0 })
        const found: MoneyTransaction[] = []
        for (const range of oldestFirst({ fromBlock: BigInt(fromBlock ?? madeAtBlock), toBlock: head })) {
          // The id is the first indexed argument of every event of a session.
          const topics = [[...kindOfTopic.keys()], id as Hex]
          const [first, last] = [numberToHex(range.fromBlock), numberToHex(range.toBlock)]
          const filter = { address: vault, fromBlock: first, toBlock: last, topics }
          const logs = await client.request({ method: 'eth_getLogs', params: [filter] })
          for (const { topics: told, transactionHash, blockNumber } of logs) {
            const kind = kindOfTopic.get(told[0] as Hex)
            if (kind === undefined || transactionHash === null) continue
            found.push({ kind, hash: transactionHash, blockNumber: Number(blockNumber), atMs: null })
          }
        }
        return found
      }),
    blockNumberOf: hash =>
      asked('a receipt', async () => {
        try {
          return Number((await client.getTransactionReceipt({ hash: hash as Hex })).blockNumber)
        } catch (thrown) {
          if (thrown instanceof TransactionReceiptNotFoundError) return null
          throw thrown
        }
      }),
    openings: (fromBlock, toBlock) =>
      asked('openings', async () => {
        const logs = await client.getContractEvents({
          ...contract,
          eventName: 'SessionOpened',
          fromBlock: BigInt(fromBlock),
          toBlock: BigInt(toBlock),
          strict: true,
        })
        return logs.map(({ args, transactionHash, blockNumber }) => ({
          id: args.id,
          payer: args.payer,
          capAtomic: args.capAtomic,
          nonce: args.nonce,
          transaction: { kind: 'open' as const, hash: transactionHash, blockNumber: Number(blockNumber), atMs: null },
        }))
      }),
    isAuthorizationUsed: (payer, nonce) =>
      asked('an authorization', async () => {
        const { usdc } = await addresses()
        const args = [payer as Address, nonce as Hex] as const
        return client.readContract({ address: usdc, abi: usdcAbi, functionName: 'authorizationState', args })
      }),
  }
}
