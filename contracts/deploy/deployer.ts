/**
 * Sends one transaction at a time from one key and waits until it is in a block: local signing, so that sending the same bytes
 * again is harmless, gas × 1.3, a floor for the tip, and patience with endpoints that lag. It knows nothing of what it sends.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Address, Chain, Hex, PrivateKeyAccount, PublicClient, TransactionReceipt } from 'viem'

/** How a chain wants to be spoken to. */
export interface SendSettings {
  /** The least tip that the chain's nodes take, in wei of its coin. */
  readonly tipFloorWei: bigint
  readonly pollingIntervalMs: number
  readonly receiptTimeoutMs: number
  /** How often an estimate that fails is tried again: behind a balancer, the node asked may not have the last block yet. */
  readonly lagRetries: number
  /** Called after each sending; a local chain mines here and need not wait for its next second. */
  readonly afterSend?: (() => Promise<void>) | undefined
}

export const localSettings: SendSettings = {
  tipFloorWei: 0n,
  pollingIntervalMs: 50,
  receiptTimeoutMs: 30_000,
  lagRetries: 0,
}

export interface Transaction {
  readonly label: string
  readonly to: Address
  readonly data?: Hex | undefined
  readonly value?: bigint | undefined
}

export interface Deployer {
  readonly client: PublicClient
  readonly account: PrivateKeyAccount
  readonly settings: SendSettings
  /** @throws chain_underfunded, chain_reverted, chain_unreachable. */
  send(transaction: Transaction): Promise<TransactionReceipt>
  /** Waits until `hash` is in a block. @throws chain_unreachable after `receiptTimeoutMs`. */
  receipt(hash: Hex, label: string): Promise<TransactionReceipt>
  /** Waits until nothing that an earlier, interrupted run sent from this key is still on its way. */
  settle(): Promise<void>
  hasCode(address: Address): Promise<boolean>
  /** True once code is there, asking `lagRetries` times. */
  waitForCode(address: Address): Promise<boolean>
}

export interface DeployerOptions {
  readonly client: PublicClient
  readonly chain: Chain
  readonly account: PrivateKeyAccount
  readonly settings?: SendSettings | undefined
  readonly signal?: AbortSignal | undefined
}

/** A deployer for `account`; nobody else may send from that key while one of its sendings is on its way. */
export function createDeployer({
  client,
  chain,
  account,
  settings = localSettings,
  signal,
}: DeployerOptions): Deployer {
  let nextNonce = 0
  /** All nonces below it are in blocks. */
  let minedNonces = 0
  const pause = () => sleep(settings.pollingIntervalMs, undefined, signal ? { signal } : {})
  const hasCode = async (address: Address) => ((await client.getCode({ address })) ?? '0x') !== '0x'

  async function receipt(hash: Hex, label: string): Promise<TransactionReceipt> {
    const attempts = Math.ceil(settings.receiptTimeoutMs / settings.pollingIntervalMs)
    for (let attempt = 0; attempt < attempts; attempt++) {
      const found = await client.getTransactionReceipt({ hash }).catch(() => undefined)
      if (found) return found
      await pause()
    }
    throw new ComputePoolError(
      'chain_unreachable',
      `"${label}" (${hash}) was not in a block after ${settings.receiptTimeoutMs / 1000} s.`,
      { remedy: 'Run the same command again: what arrived is not sent twice.', context: { hash } },
    )
  }

  return {
    client,
    account,
    settings,
    receipt,
    hasCode,
    async send({ label, to, data, value }) {
      signal?.throwIfAborted()
      const request = { account: account.address, to, ...(data && { data }), ...(value !== undefined && { value }) }
      const gas = await estimate(client, request, label, settings, pause)
      const fees = await feesFor(client, settings.tipFloorWei)
      const counted = await client.getTransactionCount({ address: account.address, blockTag: 'pending' })
      // A node that lags counts too few; the owner's other work between two sendings makes it more than we know.
      const nonce = Math.max(counted, nextNonce)
      const serialized = await account.signTransaction({
        type: 'eip1559',
        chainId: chain.id,
        nonce,
        to,
        gas,
        ...fees,
        ...(data && { data }),
        ...(value !== undefined && { value }),
      })
      const hash = await client.sendRawTransaction({ serializedTransaction: serialized }).catch(thrown => {
        throw refusal(thrown, label, account.address)
      })
      nextNonce = nonce + 1
      await settings.afterSend?.()
      const mined = await receipt(hash, label).catch(thrown => {
        // It may be dropped, and then nothing above its nonce would ever be mined: from here on the chain counts.
        nextNonce = minedNonces
        throw thrown
      })
      minedNonces = Math.max(minedNonces, nonce + 1)
      if (mined.status === 'reverted') {
        throw new ComputePoolError('chain_reverted', `"${label}" (${hash}) was reverted.`, { context: { hash } })
      }
      return mined
    },
    async settle() {
      const attempts = Math.ceil(settings.receiptTimeoutMs / settings.pollingIntervalMs)
      for (let attempt = 0; attempt < attempts; attempt++) {
        const [mined, pending] = await Promise.all([
          client.getTransactionCount({ address: account.address, blockTag: 'latest' }),
          client.getTransactionCount({ address: account.address, blockTag: 'pending' }),
        ])
        if (pending <= mined) return
        await pause()
      }
      throw new ComputePoolError(
        'chain_unreachable',
        `A transaction that ${account.address} sent earlier is still not in a block.`,
        { remedy: 'Wait until it is, or replace it from that key, then run the same command again.' },
      )
    },
    async waitForCode(address) {
      for (let attempt = 0; ; attempt++) {
        if (await hasCode(address)) return true
        if (attempt >= settings.lagRetries) return false
        await pause()
      }
    },
  }
}

/** Gas × 1.3, rounded up: an estimate is too low where callbacks keep back 1/64 of what they are given. */
export function withHeadroom(estimated: bigint): bigint {
  return (estimated * 13n + 9n) / 10n
}

async function estimate(
  client: PublicClient,
  request: { account: Address; to: Address; data?: Hex; value?: bigint },
  label: string,
  settings: SendSettings,
  pause: () => Promise<unknown>,
): Promise<bigint> {
  for (let attempt = 0; ; attempt++) {
    try {
      return withHeadroom(await client.estimateGas(request))
    } catch (thrown) {
      if (attempt >= settings.lagRetries) throw refusal(thrown, label, request.account)
      await pause()
    }
  }
}

/** EIP-1559 fees: twice the base fee, so that some full blocks in between do not strand a transaction. */
export async function feesFor(client: PublicClient, tipFloorWei: bigint) {
  const [block, suggested] = await Promise.all([
    client.getBlock({ blockTag: 'latest' }),
    client.estimateMaxPriorityFeePerGas().catch(() => 0n),
  ])
  const maxPriorityFeePerGas = suggested > tipFloorWei ? suggested : tipFloorWei
  return { maxPriorityFeePerGas, maxFeePerGas: (block.baseFeePerGas ?? 0n) * 2n + maxPriorityFeePerGas }
}

function refusal(thrown: unknown, label: string, sender: Address): ComputePoolError {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  if (/insufficient funds|exceeds the balance|exceeds allowance/i.test(text)) {
    return new ComputePoolError('chain_underfunded', `${sender} has too few native coins for "${label}".`, {
      remedy: `Send native coins to ${sender}, then run the same command again.`,
      cause: thrown,
    })
  }
  if (/revert/i.test(text)) {
    // Without the cause: it quotes the whole creation code.
    return new ComputePoolError('chain_reverted', `"${label}" would be reverted: ${firstLine(text)}`, {
      remedy: 'Run the same command again: a node that lags may not have known the step before it.',
    })
  }
  if (/fetch failed|HTTP request failed|timed? ?out|ECONNREFUSED/i.test(text)) {
    return new ComputePoolError('chain_unreachable', `The chain did not answer while "${label}" was sent.`, {
      remedy: 'Check the RPC address, then run the same command again: what arrived is not sent twice.',
      cause: thrown,
    })
  }
  if (thrown instanceof ComputePoolError) return thrown
  // The first line and the node's own words; what lies between is the whole transaction.
  const details = /^Details: (.*)$/m.exec(text)?.[1]
  return new ComputePoolError(
    'chain_deploy_refused',
    `"${label}" was refused: ${firstLine(text)}${details ? ` (${details.slice(0, 300)})` : ''}`,
    { remedy: 'Run the same command again: what arrived is not sent twice.' },
  )
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, 300)
}
