/** A test chain with a vault on it, and vouchers for it: what the till's tests pay with. */
import { streamVaultAbi, usdcAbi } from '@computepool/contracts/abi'
import { artifactOf } from '@computepool/contracts/build'
import { openTestChain, type TestChain, type TestChainOptions } from '@computepool/contracts/testing'
import { transferWithAuthorizationTypes } from '@computepool/shared/money'
import { encodePaymentSignatureHeader } from '@x402/core/http'
import type { PaymentPayload, PaymentRequirements } from '@x402/core/types'
import { encodeFunctionData, type Hex, type PrivateKeyAccount } from 'viem'
import { type PaymentTarget, requirementsOf } from '../src/payments/challenge.ts'
import type { TransactionSender } from '../src/payments/vault-signer.ts'

export interface TestVault extends TestChain {
  readonly target: PaymentTarget
  readonly vault: Hex
  readonly pool: Hex
  /** Sends from the settler's key, nonce after nonce, each mined at once. */
  readonly settler: TransactionSender
  /** Hashes that the settler sent. */
  readonly sent: readonly Hex[]
}

export const testPriceAtomic = 1000n

/** Opens a chain and puts a vault with a funded reserve on it. */
export async function openTestVault(options: TestChainOptions = {}): Promise<TestVault> {
  const chain = await openTestChain(options)
  try {
    return { ...chain, ...(await furnish(chain)) }
  } catch (thrown) {
    await chain.close()
    throw thrown
  }
}

async function furnish(chain: TestChain) {
  const { publicClient, accounts, manifest } = chain
  const { usdc, usdcx } = manifest.contracts
  const { owner, settler, keeper } = accounts
  const wallet = chain.wallet(owner)
  const { abi, bytecode } = await artifactOf('StreamVault')
  const config = {
    usdcx,
    owner: owner.address,
    settler: settler.address,
    keeper: keeper.address,
    pricePerSecondAtomic: testPriceAtomic,
    maxLeaseSeconds: 60,
    maxSessionSeconds: 86_400,
    slackSeconds: 3,
  }
  const deployed = await publicClient.waitForTransactionReceipt({
    hash: await wallet.deployContract({ abi, bytecode, args: [config] }),
  })
  const vault = deployed.contractAddress!.toLowerCase() as Hex
  const reserveAtomic = 100_000_000n
  await chain.mintUsdc(owner.address, reserveAtomic)
  await wallet.writeContract({ address: usdc, abi: usdcAbi, functionName: 'approve', args: [vault, reserveAtomic] })
  const data = encodeFunctionData({ abi: streamVaultAbi, functionName: 'fundReserve', args: [reserveAtomic] })
  await publicClient.waitForTransactionReceipt({
    hash: await wallet.sendTransaction({ to: vault, data, gas: 3_000_000n }),
  })
  const pool = await publicClient.readContract({ address: vault, abi: streamVaultAbi, functionName: 'pool' })
  const { name, version } = manifest.usdc
  const target: PaymentTarget = { chainId: chain.chain.id, usdc, usdcName: name, usdcVersion: version, vault }
  const sent: Hex[] = []
  const sender = chain.wallet(settler)
  let line: Promise<unknown> = Promise.resolve()
  const send: TransactionSender['send'] = call => {
    const run = line.then(async () => {
      const hash = await sender.sendTransaction(call)
      sent.push(hash)
      return hash
    })
    line = run.catch(() => {})
    return run
  }
  return { target, vault, pool, sent, settler: { address: settler.address, send } satisfies TransactionSender }
}

export interface VoucherChanges {
  readonly value?: bigint
  readonly to?: Hex
  readonly nonce?: Hex
  readonly validAfter?: bigint
  readonly validBefore?: bigint
  readonly chainId?: number
  readonly accepted?: Partial<PaymentRequirements>
  /** Signed for these, sent as those above. */
  readonly signed?: { readonly value?: bigint; readonly to?: Hex }
}

let drawn = 0
const freshNonce = (): Hex => `0x${(++drawn).toString(16).padStart(8, '0')}${'5a'.repeat(28)}`

/** A payment of `amountAtomic` to the target, as an x402 client makes it; changed where a test wants it wrong. */
export async function signPayment(
  target: PaymentTarget,
  account: PrivateKeyAccount,
  amountAtomic: bigint,
  changes: VoucherChanges = {},
): Promise<PaymentPayload> {
  const requirements = requirementsOf(target, amountAtomic)
  const message = {
    from: account.address,
    to: changes.to ?? target.vault,
    value: changes.value ?? amountAtomic,
    validAfter: changes.validAfter ?? 0n,
    validBefore: changes.validBefore ?? BigInt(Math.floor(Date.now() / 1000) + 300),
    nonce: changes.nonce ?? freshNonce(),
  }
  const signature = await account.signTypedData({
    domain: {
      name: target.usdcName,
      version: target.usdcVersion,
      chainId: changes.chainId ?? target.chainId,
      verifyingContract: target.usdc,
    },
    types: transferWithAuthorizationTypes,
    primaryType: 'TransferWithAuthorization',
    message: { ...message, ...changes.signed },
  })
  const authorization = {
    ...message,
    value: message.value.toString(),
    validAfter: message.validAfter.toString(),
    validBefore: message.validBefore.toString(),
  }
  return {
    x402Version: 2,
    accepted: { ...requirements, ...changes.accepted },
    payload: { signature, authorization },
  }
}

export const paymentHeader = (payload: PaymentPayload): Record<string, string> => ({
  'payment-signature': encodePaymentSignatureHeader(payload),
})
