/** What paying, signing in and a pool's token need of a wallet, whichever it is. Types only. */

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

/** A transaction that moves no coin. */
export interface ContractCall {
  readonly to: `0x${string}`
  readonly data: `0x${string}`
}

/** One that also says who somebody is, and sends. Both reject as `signTypedData` does. */
export interface ActingWallet extends PayerWallet {
  /** EIP-191. */
  signMessage(text: string): Promise<`0x${string}`>
  /** The transaction's hash, as soon as it was handed to the chain: that it is in a block the caller sees to. */
  send(call: ContractCall): Promise<`0x${string}`>
}
