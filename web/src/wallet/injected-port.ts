/** What the page needs of injected wallets, so that a test can hand it a fake. Types only. */
import type { TypedData } from './payer-wallet.ts'

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
}
