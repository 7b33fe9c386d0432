/**
 * The hands of the facilitator on one chain. Where x402's `exact` scheme would send `transferWithAuthorization` to the token, a voucher
 * for a known vault goes through `StreamVault.open` instead: taking the money and opening its session are one transaction, whose
 * receipt still carries the token's Transfer. It may be asked twice: what is on the chain already is found, not sent again.
 */
import { streamVaultAbi, usdcAbi } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import type { toFacilitatorEvmSigner } from '@x402/evm'
import {
  BaseError,
  concat,
  ExecutionRevertedError,
  encodeFunctionData,
  getAddress,
  type Hex,
  numberToHex,
  type PublicClient,
} from 'viem'
import { newestFirst } from '../chain/block-ranges.ts'
import { findTransfer } from './find-transfer.ts'
import { sessionIdOf, type Voucher } from './voucher.ts'

type FacilitatorEvmSigner = ReturnType<typeof toFacilitatorEvmSigner>

/** Sends transactions of one key, one nonce after the other. */
export interface TransactionSender {
  readonly address: Hex
  /** The hash, once the node has taken it. Throws where it would revert. */
  send(call: { readonly to: Hex; readonly data: Hex }): Promise<Hex>
}

export interface VaultSignerOptions {
  readonly client: PublicClient
  readonly settler: TransactionSender
  /** Vaults whose vouchers open sessions, lower case. */
  readonly vaults: readonly Hex[]
  /** Settles vouchers to other addresses by a plain transfer; else they are refused. */
  readonly isPlainAllowed: boolean
  /** Block before which no session was opened; default the first. */
  readonly fromBlock?: bigint
  readonly receiptTimeoutMs?: number
  /** How often a receipt is asked for; viem's default is made for slow chains. */
  readonly pollingIntervalMs?: number
}

export interface VaultSigner extends FacilitatorEvmSigner {
  /** The transaction that opened the voucher's session; null while none has. */
  openingOf(vault: Hex, voucher: Pick<Voucher, 'payer' | 'nonce'>): Promise<Hex | null>
  /** True where the last sending for this session failed at the node, not by the voucher; asking forgets it. */
  failedAtNode(sessionId: Hex): boolean
}

export function createVaultSigner(options: VaultSignerOptions): VaultSigner {
  const { client, settler, fromBlock = 0n, receiptTimeoutMs = 60_000, pollingIntervalMs = 150 } = options
  const vaults = new Set(options.vaults.map(vault => vault.toLowerCase()))

  const nodeFailures = new Set<Hex>()

  const openingOf: VaultSigner['openingOf'] = async (vault, { payer, nonce }) => {
    const id = sessionIdOf(payer, nonce)
    const session = await client.readContract({
      address: vault,
      abi: streamVaultAbi,
      functionName: 'session',
      args: [id],
    })
    if (session.state === 0) return null
    const opened = await openedOf(vault, id)
    // An adopted session's money moved in an earlier transaction; that one carries the Transfer.
    if (opened?.args.adopted === true) {
      const voucher = { payer, nonce, valueAtomic: session.capAtomic }
      return (await transferOf(vault, voucher)) ?? opened.transactionHash
    }
    return opened?.transactionHash ?? null
  }

  const openedOf = async (vault: Hex, id: Hex) => {
    const event = { address: vault, abi: streamVaultAbi, eventName: 'SessionOpened', args: { id } } as const
    for (const range of newestFirst({ fromBlock, toBlock: await client.getBlockNumber({ cacheTime: 0 }) })) {
      const [opened] = await client.getContractEvents({ ...event, ...range })
      if (opened) return opened
    }
    return undefined
  }

  const transferOf = async (
    vault: Hex,
    voucher: Pick<Voucher, 'payer' | 'nonce' | 'valueAtomic'>,
  ): Promise<Hex | null> => {
    const usdc = await client.readContract({ address: vault, abi: streamVaultAbi, functionName: 'usdc' })
    return findTransfer({ client, usdc, vault, voucher, fromBlock })
  }

  const openSession = async (usdc: Hex, vault: Hex, voucher: Voucher): Promise<Hex> => {
    const opening = await openingOf(vault, voucher)
    if (opening !== null) return opening
    const isUsed = await client.readContract({
      address: usdc,
      abi: usdcAbi,
      functionName: 'authorizationState',
      args: [voucher.payer, voucher.nonce],
    })
    const { payer, valueAtomic: value, validAfter, validBefore, nonce, signature } = voucher
    const transfer = isUsed ? await transferOf(vault, voucher) : null
    if (isUsed && transfer === null) {
      throw new ComputePoolError('payment_voucher_refused', 'The authorization was cancelled, or spent elsewhere.', {
        remedy: 'Sign a new one.',
        context: { reason: 'invalid_exact_evm_nonce_already_used' },
      })
    }
    const data = encodeFunctionData({
      abi: streamVaultAbi,
      functionName: isUsed ? 'adopt' : 'open',
      args: [{ payer, value, validAfter, validBefore, nonce, signature }],
    })
    const hash = await settler.send({ to: vault, data })
    if (!isUsed) return hash
    const receipt = await receiptOf(hash)
    if (receipt.status !== 'success') return hash
    return transfer ?? hash
  }

  const receiptOf = (hash: Hex) =>
    client.waitForTransactionReceipt({ hash, timeout: receiptTimeoutMs, pollingInterval: pollingIntervalMs })

  return {
    openingOf,
    failedAtNode: sessionId => nodeFailures.delete(sessionId),
    getAddresses: () => [settler.address],
    readContract: args => client.readContract(args as Parameters<PublicClient['readContract']>[0]),
    verifyTypedData: args => client.verifyTypedData(args as Parameters<PublicClient['verifyTypedData']>[0]),
    getCode: ({ address }) => client.getCode({ address }),
    waitForTransactionReceipt: ({ hash }) => receiptOf(hash),
    sendTransaction: ({ to, data }) => settler.send({ to, data }),
    writeContract: async ({ address, abi, functionName, args }) => {
      if (functionName !== 'transferWithAuthorization') {
        throw new ComputePoolError('input_unsupported', `The facilitator does not send "${functionName}".`, {
          remedy: 'Pay with the exact scheme and EIP-3009.',
        })
      }
      const voucher = voucherOf(args)
      if (vaults.has(voucher.to)) {
        try {
          return await openSession(address, voucher.to, voucher)
        } catch (thrown) {
          // The stock scheme makes one reason of all; the ledger must know whether to ask again.
          if (!isRevert(thrown)) nodeFailures.add(sessionIdOf(voucher.payer, voucher.nonce))
          throw thrown
        }
      }
      if (!options.isPlainAllowed) {
        throw new ComputePoolError('input_invalid', `${voucher.to} is no vault of this facilitator.`, {
          remedy: 'Pay to the address in the challenge.',
        })
      }
      return settler.send({ to: address, data: encodeFunctionData({ abi, functionName, args } as never) })
    },
  }
}

const isRevert = (thrown: unknown): boolean =>
  thrown instanceof ComputePoolError
    ? thrown.code === 'chain_reverted' || thrown.code === 'payment_voucher_refused'
    : thrown instanceof BaseError && thrown.walk(cause => cause instanceof ExecutionRevertedError) !== null

/** The arguments of `transferWithAuthorization`, with the signature in three parts or whole. */
function voucherOf(args: readonly unknown[]): Voucher {
  const [from, to, value, validAfter, validBefore, nonce, ...signed] = args as [
    Hex,
    Hex,
    bigint,
    bigint,
    bigint,
    Hex,
    ...([Hex] | [bigint | number, Hex, Hex]),
  ]
  const signature = signed.length === 1 ? signed[0] : joinSignature(...signed)
  return {
    payer: getAddress(from).toLowerCase() as Hex,
    to: getAddress(to).toLowerCase() as Hex,
    valueAtomic: value,
    validAfter,
    validBefore,
    nonce,
    signature,
  }
}

/** r, s and v as 65 bytes; wallets that write v as 0 or 1 are understood. */
function joinSignature(v: bigint | number, r: Hex, s: Hex): Hex {
  const parity = Number(v) >= 27 ? Number(v) : Number(v) + 27
  return concat([r, s, numberToHex(parity, { size: 1 })])
}
