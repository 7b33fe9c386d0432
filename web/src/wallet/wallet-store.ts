/**
 * The wallet of this page: which ones there are, which is in use, what it holds, on which chain it is. Adapters are loaded when somebody
 * first looks. It knows no session.
 */
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { PaidTerms } from '@computepool/shared/money'
import type { Funds } from '../money/chain-port.ts'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'
import type { FoundWallet, InjectedWallets } from './injected-port.ts'
import type { ActingWallet } from './payer-wallet.ts'

export interface WalletFacts {
  readonly kind: 'burner' | 'injected'
  readonly name: string
  readonly address: `0x${string}`
  readonly isOnChain: boolean
}

export interface WalletView {
  /** What the wallet is doing for its owner. */
  readonly busy: 'none' | 'looking' | 'connecting' | 'switching' | 'faucet'
  readonly wallet: WalletFacts | null
  readonly found: readonly FoundWallet[]
  /** Null until they were read. */
  readonly funds: Funds | null
  readonly error: ErrorData | null
}

export interface WalletStore extends ReadableStore<WalletView> {
  /** Looks for wallets; on an embedded chain the tab's own key is taken up. A second call for the same chain does nothing. */
  look(terms: PaidTerms): Promise<void>
  connect(id: string): Promise<void>
  takeBurner(): Promise<void>
  switchChain(): Promise<void>
  askFaucet(): Promise<void>
  refreshFunds(): Promise<void>
  /** What signs now; null without a wallet. */
  payer(): ActingWallet | null
}

export interface WalletStoreParts {
  openBurner(terms: PaidTerms): Promise<ActingWallet>
  openInjected(terms: PaidTerms): Promise<InjectedWallets>
  readFunds(terms: PaidTerms, address: `0x${string}`): Promise<Funds>
  askFaucet(address: string): Promise<void>
}

export function createWalletStore(parts: WalletStoreParts): WalletStore {
  const store = createExternalStore<WalletView>({ busy: 'none', wallet: null, found: [], funds: null, error: null })
  let terms: PaidTerms | null = null
  let injected: InjectedWallets | null = null
  let burner: ActingWallet | null = null
  let isBurnerUsed = false

  const view = store.getSnapshot
  const patch = (change: Partial<WalletView>) => store.set({ ...view(), ...change })

  function walletNow(): WalletFacts | null {
    if (isBurnerUsed && burner !== null)
      return { kind: 'burner', name: 'This browser’s own key', address: burner.address, isOnChain: true }
    const current = injected?.current() ?? null
    if (current === null) return null
    const { name, address, chainId } = current
    return { kind: 'injected', name, address, isOnChain: chainId === terms?.chain.id }
  }

  function follow(): void {
    const wallet = walletNow()
    const isSame = wallet?.address === view().wallet?.address
    patch({ wallet, found: injected?.found() ?? [], ...(isSame ? {} : { funds: null }) })
    if (!isSame) void refreshFunds()
  }

  async function refreshFunds(): Promise<void> {
    const address = view().wallet?.address
    if (terms === null || address === undefined) return
    try {
      const funds = await parts.readFunds(terms, address)
      if (view().wallet?.address === address) patch({ funds })
    } catch (thrown) {
      patch({ error: asComputePoolError(thrown, 'chain_unreachable').toJSON() })
    }
  }

  /** One errand at a time; its failure is shown, not thrown. */
  async function errand(busy: WalletView['busy'], task: () => Promise<void>): Promise<void> {
    if (view().busy !== 'none') return
    patch({ busy, error: null })
    try {
      await task()
    } catch (thrown) {
      patch({ error: asComputePoolError(thrown, 'payment_wallet_failed').toJSON() })
    } finally {
      patch({ busy: 'none' })
    }
  }

  async function takeBurner(): Promise<void> {
    if (terms !== null) burner ??= await parts.openBurner(terms)
    isBurnerUsed = true
    follow()
  }

  return {
    getSnapshot: view,
    subscribe: store.subscribe,
    async look(found) {
      if (terms?.chain.id === found.chain.id) return
      terms = found
      await errand('looking', async () => {
        if (found.chain.isEmbedded) await takeBurner()
        injected = await parts.openInjected(found)
        injected.subscribe(follow)
        if (!isBurnerUsed) await injected.reconnect()
        follow()
      })
    },
    connect: id =>
      errand('connecting', async () => {
        await injected?.connect(id)
        isBurnerUsed = false
        follow()
      }),
    takeBurner: () => errand('connecting', takeBurner),
    switchChain: () =>
      errand('switching', async () => {
        await injected?.switchChain()
        follow()
      }),
    askFaucet: () =>
      errand('faucet', async () => {
        const address = view().wallet?.address
        if (address === undefined) return
        await parts.askFaucet(address)
        await refreshFunds()
      }),
    refreshFunds,
    payer() {
      const wallet = walletNow()
      if (wallet === null) return null
      if (wallet.kind === 'burner') return burner
      const port = injected
      if (port === null) return null
      return {
        address: wallet.address,
        signTypedData: data => port.signTypedData(data),
        signMessage: text => port.signMessage(text),
        send: call => port.send(call),
      }
    },
  }
}
