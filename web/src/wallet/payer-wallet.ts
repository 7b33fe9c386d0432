/** What paying needs of a wallet, whichever it is. Types only. */

/** EIP-712. */
export interface TypedData {
  readonly domain: {
    readonly name: string
    readonly version: string
    readonly chainId: number
    readonly verifyingContract: `0x${string}`
  }
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>
  readonly primaryType: string
  readonly message: Readonly<Record<string, unknown>>
}

export interface PayerWallet {
  readonly address: `0x${string}`
  /** Rejects with `payment_signature_declined` where its owner said no, `payment_wallet_failed` where it could not. */
  signTypedData(data: TypedData): Promise<`0x${string}`>
}
