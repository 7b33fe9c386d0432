/** What the page needs of injected wallets, so that a test can hand it a fake. Types only. */
import type { ContractCall, TypedData } from './payer-wallet.ts'

export interface FoundWallet {
  readonly id: string
  readonly name: string
}

export interface InjectedWallets {
  found(): readonly FoundWallet[]
  current(): { readonly address: `0x${string}`; readonly chainId: number; readonly name: string } | null
  /** Called when either of the above may have changed. */
  subscribe(listener: () => void): () => void
  /** Takes up the wallet of the last visit, if it still allows it. */
  reconnect(): Promise<void>
  connect(id: string): Promise<void>
  disconnect(): Promise<void>
  /** To the terms' chain, adding it where the wallet does not know it. */
  switchChain(): Promise<void>
  signTypedData(data: TypedData): Promise<`0x${string}`>
  /** EIP-191. */
  signMessage(text: string): Promise<`0x${string}`>
  /** Hands a transaction to the wallet, which pays its gas; the hash comes before any block has it. */
  send(call: ContractCall): Promise<`0x${string}`>
}
