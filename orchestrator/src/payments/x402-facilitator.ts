/**
 * A self-hosted x402 facilitator for one chain: verify, settle, supported. The stock `exact` scheme judges vouchers; ours are only the
 * hands (`vault-signer.ts`) and clearer reasons where a simulation fails. It keeps no money and knows no HTTP.
 */
import { usdcAbi } from '@computepool/contracts/abi'
import { type PendingSettlementStore, x402Facilitator } from '@x402/core/facilitator'
import type {
  PaymentPayload,
  PaymentRequirements,
  SettleResponse,
  SupportedResponse,
  VerifyResponse,
} from '@x402/core/types'
import { ExactEvmScheme } from '@x402/evm/exact/facilitator'
import { getAddress, type Hex, type PublicClient } from 'viem'
import { createVaultSigner, type TransactionSender } from './vault-signer.ts'
import { type Payment, readPayment } from './voucher.ts'

export interface FacilitatorOptions {
  readonly chainId: number
  readonly client: PublicClient
  readonly settler: TransactionSender
  readonly vaults: readonly Hex[]
  /** True: vouchers to addresses that are no vault are settled too, as any facilitator does. */
  readonly isPlainAllowed?: boolean
  readonly pendingStore?: PendingSettlementStore
  readonly fromBlock?: bigint
  /** Longest wait for a settlement's receipt; beyond it the answer is `settlement_pending`. */
  readonly receiptTimeoutMs?: number
}

export interface Facilitator {
  supported(): SupportedResponse
  /** Judges a voucher against what was asked; moves nothing. Never throws for a bad voucher. */
  verify(payload: PaymentPayload, requirements: PaymentRequirements): Promise<VerifyResponse>
  /** Takes the money once; asked again, tells of the same transaction. */
  settle(payload: PaymentPayload, requirements: PaymentRequirements): Promise<SettleResponse>
}

/** x402's reason for a voucher whose nonce is spent. */
export const nonceAlreadyUsed = 'invalid_exact_evm_nonce_already_used'
/** Our answer where the node, not the voucher, failed: the same settlement may be asked for again. */
export const settleUndecided = 'unexpected_settle_error'
const simulationFailed = 'invalid_exact_evm_transaction_simulation_failed'
const insufficientBalance = 'invalid_exact_evm_insufficient_balance'

export const networkOf = (chainId: number): `eip155:${number}` => `eip155:${chainId}`

export function createFacilitator(options: FacilitatorOptions): Facilitator {
  const {
    chainId,
    client,
    settler,
    vaults,
    isPlainAllowed = false,
    pendingStore,
    fromBlock,
    receiptTimeoutMs,
  } = options
  const signer = createVaultSigner({
    client,
    settler,
    vaults,
    isPlainAllowed,
    ...(fromBlock === undefined ? {} : { fromBlock }),
    ...(receiptTimeoutMs === undefined ? {} : { receiptTimeoutMs }),
  })
  const network = networkOf(chainId)
  const core = new x402Facilitator().register(
    network,
    new ExactEvmScheme(signer, pendingStore === undefined ? {} : { pendingSettlementStore: pendingStore }),
  )

  /** The stock diagnosis needs Multicall3, which young chains lack: two plain reads tell the common reasons apart. */
  const reasonOf = async (payment: Payment, requirements: PaymentRequirements): Promise<string> => {
    const { payer, nonce, valueAtomic } = payment.voucher
    const usdc = { address: requirements.asset as Hex, abi: usdcAbi } as const
    const [isUsed, balance] = await Promise.all([
      client.readContract({ ...usdc, functionName: 'authorizationState', args: [payer, nonce] }),
      client.readContract({ ...usdc, functionName: 'balanceOf', args: [payer] }),
    ])
    if (isUsed) return nonceAlreadyUsed
    return balance < valueAtomic ? insufficientBalance : simulationFailed
  }

  const verify: Facilitator['verify'] = async (payload, requirements) => {
    const payment = readPayment(payload)
    if (payment === null) return { isValid: false, invalidReason: 'invalid_payload' }
    const { payer } = payment.voucher
    if (requirements.network !== network) {
      return { isValid: false, invalidReason: 'invalid_exact_evm_network_mismatch', payer }
    }
    if (requirements.scheme !== 'exact') return { isValid: false, invalidReason: 'invalid_exact_evm_scheme', payer }
    const verdict = await core.verify(payload, requirements)
    if (verdict.isValid || verdict.invalidReason !== simulationFailed) return withoutRawText(verdict)
    return withoutRawText({ ...verdict, invalidReason: await reasonOf(payment, requirements) })
  }

  const settle: Facilitator['settle'] = async (payload, requirements) => {
    const payment = readPayment(payload)
    const refused = (errorReason: string): SettleResponse => ({ success: false, errorReason, transaction: '', network })
    if (payment === null) return refused('invalid_payload')
    if (requirements.network !== network) return refused('invalid_exact_evm_network_mismatch')
    if (requirements.scheme !== 'exact') return refused('invalid_exact_evm_scheme')
    const { voucher } = payment
    const isForVault = vaults.some(vault => vault.toLowerCase() === voucher.to)
    if (
      isForVault &&
      voucher.to === requirements.payTo.toLowerCase() &&
      voucher.valueAtomic === BigInt(requirements.amount)
    ) {
      // The voucher may be out of date by now; what it bought is not.
      const transaction = await signer.openingOf(voucher.to, voucher)
      if (transaction !== null) return { success: true, transaction, network, payer: getAddress(voucher.payer) }
    }
    const result = await core.settle(payload, requirements)
    if (result.success || result.errorReason === 'settlement_pending' || !isForVault)
      return withoutRawSettleText(result)
    // A failure that was reported is not always one that happened: the chain has the last word.
    const transaction = await signer.openingOf(voucher.to, voucher)
    if (transaction !== null) return { success: true, transaction, network, payer: getAddress(voucher.payer) }
    if (signer.failedAtNode(payment.sessionId)) return { ...refused(settleUndecided), payer: getAddress(voucher.payer) }
    return withoutRawSettleText(result)
  }

  return { supported: () => core.getSupported() as SupportedResponse, verify, settle }
}

/** A node's own words may quote the signature: only x402's reasons leave the process. */
function withoutRawText({ isValid, invalidReason, payer }: VerifyResponse): VerifyResponse {
  return {
    isValid,
    ...(invalidReason === undefined ? {} : { invalidReason }),
    ...(payer === undefined ? {} : { payer }),
  }
}

function withoutRawSettleText({ errorMessage: _, ...result }: SettleResponse): SettleResponse {
  return result
}
