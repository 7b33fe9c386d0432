/** Whoever pays, as the x402 client wants it: a viem account that has a key, or a wallet client that asks its wallet. */
import type { Hex, LocalAccount, WalletClient } from 'viem'
import { PoolError } from './pool-error.ts'

/** viem's `privateKeyToAccount(…)` and its kin, or a `createWalletClient(…)` with an account. */
export type Payer = Pick<LocalAccount, 'address' | 'signTypedData'> | Pick<WalletClient, 'account' | 'signTypedData'>

export interface TypedData {
  readonly domain: Record<string, unknown>
  readonly types: Record<string, unknown>
  readonly primaryType: string
  readonly message: Record<string, unknown>
}

export interface Signer {
  readonly address: Hex
  /** Errors: `payment`, where the wallet's owner declined or it could not. */
  signTypedData(data: TypedData): Promise<Hex>
}

export function signerOf(payer: Payer): Signer {
  const ask = payer.signTypedData as (data: unknown) => Promise<Hex>
  const account = 'address' in payer ? null : payer.account
  const address = 'address' in payer ? payer.address : payer.account?.address
  if (address === undefined) {
    throw new PoolError({
      kind: 'payment',
      code: 'sdk_account_missing',
      message: 'The wallet client has no account.',
      remedy: 'Give createWalletClient an account, or hand in a LocalAccount.',
    })
  }
  return {
    address,
    signTypedData: async data => {
      try {
        return await ask.call(payer, account === null ? data : { ...data, account })
      } catch (cause) {
        const words = cause instanceof Error ? cause.message.split('\n')[0]?.slice(0, 200) : 'no reason given'
        throw new PoolError({
          kind: 'payment',
          code: 'sdk_signature_declined',
          message: `The wallet did not sign: ${words}`,
          remedy: 'Nothing was paid. Confirm in the wallet, or use another account.',
          cause,
        })
      }
    },
  }
}
