/**
 * The voucher: an EIP-3009 authorization from the payer to the vault over exactly the cap, as typed data to sign and as the
 * PAYMENT-SIGNATURE header of x402 v2. It knows no wallet.
 */
import { type PaidTerms, transferWithAuthorizationTypes } from '@computepool/shared/money'
import type { PayerWallet, TypedData } from '../wallet/payer-wallet.ts'
import type { CheckedChallenge } from './payment-challenge.ts'

export interface VoucherParts {
  readonly challenge: CheckedChallenge
  readonly terms: PaidTerms
  readonly capAtomic: bigint
  readonly wallet: PayerWallet
  /** Seconds since 1970. */
  readonly nowSeconds: number
  /** 32 random bytes. */
  readonly nonceBytes: Uint8Array
  /** 16 random bytes at least. */
  readonly keyBytes: Uint8Array
}

export interface SignedVoucher {
  readonly capAtomic: bigint
  /** The PAYMENT-SIGNATURE header. */
  readonly header: string
  /** A voucher is public once it is on the chain: this proves that a repeated one comes from who sent it first. */
  readonly idempotencyKey: string
  /** Seconds since 1970; after it the token refuses the voucher. */
  readonly validBefore: number
}

/** Asks the wallet for one signature; whatever the wallet throws passes through. */
export async function signVoucher(parts: VoucherParts): Promise<SignedVoucher> {
  const { challenge, capAtomic, wallet, nowSeconds } = parts
  const validBefore = Math.floor(nowSeconds) + challenge.requirement.maxTimeoutSeconds
  const nonce = hex(parts.nonceBytes)
  const typedData = voucherTypedData({ ...parts, validBefore, nonce })
  const signature = await wallet.signTypedData(typedData)
  const { resource, extensions, requirement } = challenge
  const payload = {
    x402Version: 2,
    ...(resource === undefined ? {} : { resource }),
    accepted: requirement,
    payload: {
      signature,
      authorization: {
        from: wallet.address,
        to: parts.terms.vault,
        value: capAtomic.toString(),
        validAfter: '0',
        validBefore: String(validBefore),
        nonce,
      },
    },
    ...(extensions === undefined ? {} : { extensions }),
  }
  return {
    capAtomic,
    header: base64(JSON.stringify(payload)),
    idempotencyKey: hex(parts.keyBytes).slice(2),
    validBefore,
  }
}

/** Every value comes from the terms and the payer's choice, none from the challenge, which was only compared with them. */
export function voucherTypedData(parts: {
  readonly terms: PaidTerms
  readonly capAtomic: bigint
  readonly wallet: Pick<PayerWallet, 'address'>
  readonly validBefore: number
  readonly nonce: `0x${string}`
}): TypedData {
  const { terms, capAtomic, wallet, validBefore, nonce } = parts
  return {
    domain: {
      name: terms.usdcName,
      version: terms.usdcVersion,
      chainId: terms.chain.id,
      verifyingContract: terms.usdc as `0x${string}`,
    },
    types: transferWithAuthorizationTypes,
    primaryType: 'TransferWithAuthorization',
    message: {
      from: wallet.address,
      to: terms.vault,
      value: capAtomic,
      validAfter: 0n,
      validBefore: BigInt(validBefore),
      nonce,
    },
  }
}

function hex(bytes: Uint8Array): `0x${string}` {
  return `0x${Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')}`
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}
