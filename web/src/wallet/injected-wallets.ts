/**
 * The wallets that a browser injects (EIP-6963, else `window.ethereum`), through wagmi's core. Loaded only where somebody pays: it is the
 * only file that names wagmi. It knows no voucher.
 */
import type { PaidTerms } from '@computepool/shared/money'
import { createConfig, createStorage, http, injected } from 'wagmi'
import {
  connect,
  disconnect,
  getConnection,
  getConnectors,
  reconnect,
  sendTransaction,
  signMessage,
  signTypedData,
  switchChain,
  watchConnection,
  watchConnectors,
} from 'wagmi/actions'
import { chainOf } from './chain-of.ts'
import type { FoundWallet, InjectedWallets } from './injected-port.ts'
import { walletError } from './wallet-error.ts'

/** wagmi's name for a `window.ethereum` that did not announce itself. */
const unnamed = 'injected'

/** One a page: discovery starts at once. `storage` remembers which wallet was used, never a key. */
export function openInjectedWallets(terms: PaidTerms, storage: Storage | null): InjectedWallets {
  const chain = chainOf(terms.chain)
  const config = createConfig({
    chains: [chain],
    connectors: [injected()],
    multiInjectedProviderDiscovery: true,
    transports: { [chain.id]: http(chain.rpcUrls.default.http[0]) },
    storage: storage === null ? null : createStorage({ key: 'computepool.wallet', storage }),
  })

  function found(): readonly FoundWallet[] {
    const all = getConnectors(config)
    const announced = all.filter(connector => connector.id !== unnamed)
    if (announced.length > 0) return announced.map(({ uid, name }) => ({ id: uid, name }))
    const hasUnnamed = 'ethereum' in globalThis
    return hasUnnamed ? all.map(({ uid }) => ({ id: uid, name: 'Browser wallet' })) : []
  }

  return {
    found,
    current() {
      const { address, chainId, connector, status } = getConnection(config)
      if (status !== 'connected') return null
      return { address, chainId, name: connector.id === unnamed ? 'Browser wallet' : connector.name }
    },
    subscribe(listener) {
      const ends = [watchConnection(config, { onChange: listener }), watchConnectors(config, { onChange: listener })]
      return () => {
        for (const end of ends) end()
      }
    },
    async reconnect() {
      await reconnect(config).catch(() => [])
    },
    async connect(id) {
      const connector = getConnectors(config).find(({ uid }) => uid === id)
      if (connector === undefined) throw walletError(new Error('It is not there any more.'), 'connecting')
      try {
        await connect(config, { connector })
      } catch (thrown) {
        throw walletError(thrown, 'connecting')
      }
    },
    async disconnect() {
      await disconnect(config).catch(() => {})
    },
    async switchChain() {
      try {
        await switchChain(config, { chainId: chain.id })
      } catch (thrown) {
        throw walletError(thrown, `switching to ${chain.name}`)
      }
    },
    async signTypedData(data) {
      try {
        return await signTypedData(config, data as unknown as Parameters<typeof signTypedData>[1])
      } catch (thrown) {
        throw walletError(thrown, 'signing')
      }
    },
    async signMessage(message) {
      try {
        return await signMessage(config, { message })
      } catch (thrown) {
        throw walletError(thrown, 'signing')
      }
    },
    async send({ to, data }) {
      try {
        return await sendTransaction(config, { to, data, chainId: chain.id })
      } catch (thrown) {
        throw walletError(thrown, 'sending the transaction')
      }
    },
  }
}
