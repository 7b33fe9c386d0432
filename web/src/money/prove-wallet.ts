/** The proof that this page's wallet paid for a session: one signature over vault, page and moment, which moves no money. */
import { type PaidTerms, type Recovery, recoveryTypedData } from '@computepool/shared/money'
import type { PayerWallet } from '../wallet/payer-wallet.ts'

export interface WalletProofParts {
  readonly terms: PaidTerms
  readonly wallet: PayerWallet
  /** Of this page. */
  readonly origin: string
  /** Seconds since 1970. */
  readonly nowSeconds: number
}

/** Whatever the wallet throws passes through. */
export async function proveWallet({ terms, wallet, origin, nowSeconds }: WalletProofParts): Promise<Recovery> {
  const issuedAt = Math.floor(nowSeconds)
  const vault = terms.vault as `0x${string}`
  const signature = await wallet.signTypedData(
    recoveryTypedData({ chainId: terms.chain.id, vault, payer: wallet.address, origin, issuedAt }),
  )
  return { payer: wallet.address, origin, issuedAt, signature }
}
