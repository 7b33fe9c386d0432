/**
 * 0G Compute's serving contract as a provider meets it: what it says is read and never assumed, and every call may be made again. Money is in
 * neuron (1e-18 0G). It knows no HTTP, no answer and no fee book.
 */
import { inferenceServingAbi, settlementStatuses } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import { mostSettlements, type SettlementItem } from '@computepool/shared/zerog-compute'
import {
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  decodeFunctionData,
  encodeFunctionData,
  type Hex,
  isAddressEqual,
  type PublicClient,
  parseEventLogs,
  type TransactionReceipt,
} from 'viem'
import { oldestFirst } from '../chain/block-ranges.ts'
import { chainError } from '../chain/chain-error.ts'

/** What a provider says of its service. */
export interface ServiceTerms {
  readonly serviceType: string
  readonly url: string
  readonly model: string
  readonly verifiability: string
  readonly inputPriceNeuron: bigint
  readonly outputPriceNeuron: bigint
  readonly additionalInfo: string
  readonly signer: Address
}

export interface ServiceOnChain extends ServiceTerms {
  /** `teeSignerAcknowledged`: set by 0G's team by hand, and by nobody else. */
  readonly isAcknowledged: boolean
}

/** What one user has with this provider. */
export interface UserAccount {
  /** Of the last settlement. */
  readonly nonce: bigint
  readonly balanceNeuron: bigint
  /** Of the balance, what the user has asked back. */
  readonly pendingRefundNeuron: bigint
  readonly isAcknowledged: boolean
  /** Keys of an older generation are worth nothing. */
  readonly generation: bigint
  /** A bit for each key's number. */
  readonly revokedBitmap: bigint
}

export interface SignedItem extends SettlementItem {
  readonly signature: Hex
}

export type SettlementStatus = (typeof settlementStatuses)[number]

export interface ItemOutcome {
  readonly status: SettlementStatus
  /** Of the fee, what was not paid. */
  readonly unsettledNeuron: bigint
  /** The item's part of what its transaction cost; the items' parts together are all of it. */
  readonly gasNeuron: bigint
  readonly transaction: Hex
}

/** Sends from the provider's key and waits until it is mined; a `Deployer` does. */
export interface Sender {
  send(call: {
    readonly label: string
    readonly to: Address
    readonly data: Hex
    readonly value?: bigint
  }): Promise<TransactionReceipt>
}

/** Errors of all: `chain_unreachable`, `chain_reverted` with the contract's reason, `chain_underfunded`. */
export interface ServingClient {
  readonly serving: Address
  readonly provider: Address
  /** Null where this provider has none. */
  service(): Promise<ServiceOnChain | null>
  /** Null where the user never locked money for this provider. */
  account(user: Address): Promise<UserAccount | null>
  leastStakeNeuron(): Promise<bigint>
  blockNumber(): Promise<bigint>
  /**
   * Sees to it that the contract has these terms. `stakeNeuron` is sent with a first registration only, and never less than the contract
   * asks for. Asked again with the same terms it sends nothing.
   */
  register(
    terms: ServiceTerms,
    stakeNeuron?: bigint,
  ): Promise<{ did: 'registered' | 'updated' | 'nothing'; transaction: Hex | null }>
  /** The stake comes back. Asked again it sends nothing. */
  remove(): Promise<{ did: 'removed' | 'nothing'; transaction: Hex | null }>
  /** At most 50; outcomes in the order of the items. An item that was taken before is refused by its nonce, and takes nothing. */
  settle(items: readonly SignedItem[]): Promise<ItemOutcome[]>
  /** What became of one item, by whatever transaction it came since that block; of several the one that took money. Null: none is found. */
  outcomeOf(item: Pick<SettlementItem, 'user' | 'nonce'>, fromBlock: bigint): Promise<ItemOutcome | null>
}

export interface ServingClientOptions {
  readonly client: PublicClient
  readonly serving: Address
  readonly provider: Address
  /** Null: it can only read. */
  readonly sender: Sender | null
}

/** What changes about a service that makes 0G's team look at it again. */
export const needsAcknowledgingAgain = (now: ServiceTerms, next: ServiceTerms): boolean =>
  now.serviceType !== next.serviceType ||
  now.model !== next.model ||
  now.verifiability !== next.verifiability ||
  now.additionalInfo !== next.additionalInfo ||
  !isAddressEqual(now.signer, next.signer)

export function createServingClient({ client, serving, provider, sender }: ServingClientOptions): ServingClient {
  const contract = { address: serving, abi: inferenceServingAbi } as const

  const asked = async <T>(what: string, read: () => Promise<T>): Promise<T> => {
    try {
      return await read()
    } catch (thrown) {
      throw chainError(thrown, `${what} of 0G Compute’s contract ${serving}`)
    }
  }
  /** Null where the contract says that there is none. */
  const askedFor = async <T>(what: string, missing: string, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read()
    } catch (thrown) {
      const reason = thrown instanceof BaseError && thrown.walk(error => error instanceof ContractFunctionRevertedError)
      if (reason instanceof ContractFunctionRevertedError && reason.data?.errorName === missing) return null
      throw chainError(thrown, `${what} of 0G Compute’s contract ${serving}`)
    }
  }
  const send = async (label: string, data: Hex, value = 0n): Promise<TransactionReceipt> => {
    if (sender === null) throw new ComputePoolError('chain_unavailable', `${label}: there is no key to send with.`)
    try {
      // First without sending: a refusal tells its name only here.
      await client.call({ account: provider, to: serving, data, value })
      return await sender.send({ label, to: serving, data, value })
    } catch (thrown) {
      throw chainError(thrown, label)
    }
  }

  const service: ServingClient['service'] = () =>
    askedFor('Reading the service', 'ServiceNotExist', async () => {
      const found = await client.readContract({ ...contract, functionName: 'getService', args: [provider] })
      const { serviceType, url, model, verifiability, additionalInfo } = found
      return {
        ...{ serviceType, url, model, verifiability, additionalInfo },
        inputPriceNeuron: found.inputPrice,
        outputPriceNeuron: found.outputPrice,
        signer: found.teeSignerAddress,
        isAcknowledged: found.teeSignerAcknowledged,
      }
    })

  const leastStakeNeuron = () =>
    asked('Reading the least stake', () => client.readContract({ ...contract, functionName: 'MIN_PROVIDER_STAKE' }))

  const outcomesIn = (receipt: SettlingReceipt): (ItemOutcome & { user: Address })[] => {
    const results = parseEventLogs({ abi: inferenceServingAbi, logs: receipt.logs, eventName: 'TEESettlementResult' })
    const own = results.filter(({ address }) => isAddressEqual(address, serving))
    const gasNeuron = receipt.gasUsed * receipt.effectiveGasPrice
    const each = gasNeuron / BigInt(Math.max(1, own.length))
    return own.map(({ args }, at) => ({
      user: args.user,
      status: settlementStatuses[args.status] ?? 'invalid-signature',
      unsettledNeuron: args.unsettledAmount,
      // The first bears what the division leaves: asked again, each has the same part.
      gasNeuron: at === 0 ? gasNeuron - each * BigInt(own.length - 1) : each,
      transaction: receipt.transactionHash,
    }))
  }

  return {
    serving,
    provider,
    service,
    leastStakeNeuron,
    blockNumber: () => asked('Reading the head', () => client.getBlockNumber({ cacheTime: 0 })),
    account: user =>
      askedFor('Reading an account', 'AccountNotExists', async () => {
        const found = await client.readContract({ ...contract, functionName: 'getAccount', args: [user, provider] })
        const { nonce, generation, revokedBitmap } = found
        return {
          ...{ nonce, generation, revokedBitmap },
          balanceNeuron: found.balance,
          pendingRefundNeuron: found.pendingRefund,
          isAcknowledged: found.acknowledged,
        }
      }),

    async register(terms, stakeNeuron = 0n) {
      const now = await service()
      if (now !== null && isSameTerms(now, terms)) return { did: 'nothing', transaction: null }
      const { inputPriceNeuron: inputPrice, outputPriceNeuron: outputPrice, signer: teeSignerAddress, ...texts } = terms
      const params = { ...texts, inputPrice, outputPrice, teeSignerAddress }
      const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'addOrUpdateService', args: [params] })
      if (now !== null) {
        const { transactionHash } = await send('Updating the service', data)
        return { did: 'updated', transaction: transactionHash }
      }
      const least = await leastStakeNeuron()
      const { transactionHash } = await send('Registering the service', data, stakeNeuron > least ? stakeNeuron : least)
      return { did: 'registered', transaction: transactionHash }
    },

    async remove() {
      if ((await service()) === null) return { did: 'nothing', transaction: null }
      const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'removeService' })
      const { transactionHash } = await send('Removing the service', data)
      return { did: 'removed', transaction: transactionHash }
    },

    async settle(items) {
      if (items.length > mostSettlements) {
        throw new ComputePoolError('bug_unreachable_state', `${items.length} settlements in one call; 50 at most.`)
      }
      const args = [items] as const
      const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'settleFeesWithTEE', args })
      const outcomes = outcomesIn(await send(`Settling ${items.length} fees`, data))
      if (outcomes.length !== items.length) {
        const what = `${outcomes.length} results came of ${items.length} settlements.`
        throw new ComputePoolError('chain_state_invalid', what, { remedy: 'Check that the address is 0G Compute’s.' })
      }
      return outcomes.map(({ user: _user, ...outcome }) => outcome)
    },

    outcomeOf: ({ user, nonce }, fromBlock) =>
      asked('Looking for a settlement', async () => {
        const head = await client.getBlockNumber({ cacheTime: 0 })
        let last: ItemOutcome | null = null
        for (const range of oldestFirst({ fromBlock, toBlock: head })) {
          const logs = await client.getContractEvents({
            ...{ ...contract, ...range, eventName: 'TEESettlementResult', args: { user } },
          })
          // The event names no provider and no nonce: only the call that it came of does.
          for (const hash of new Set(logs.map(({ transactionHash }) => transactionHash))) {
            const { from, input } = await client.getTransaction({ hash })
            if (!isAddressEqual(from, provider)) continue
            const { functionName, args } = decodeFunctionData({ abi: inferenceServingAbi, data: input })
            if (functionName !== 'settleFeesWithTEE') continue
            const at = args[0].findIndex(one => isAddressEqual(one.user, user) && one.nonce === nonce)
            const told = at < 0 ? undefined : outcomesIn(await client.getTransactionReceipt({ hash }))[at]
            if (told === undefined) continue
            const { user: _user, ...outcome } = told
            if (outcome.status === 'success' || outcome.status === 'partial') return outcome
            last = outcome
          }
        }
        return last
      }),
  }
}

type SettlingReceipt = Pick<TransactionReceipt, 'logs' | 'transactionHash' | 'gasUsed' | 'effectiveGasPrice'>

const isSameTerms = (now: ServiceTerms, next: ServiceTerms): boolean =>
  !needsAcknowledgingAgain(now, next) &&
  now.url === next.url &&
  now.inputPriceNeuron === next.inputPriceNeuron &&
  now.outputPriceNeuron === next.outputPriceNeuron
