/**
 * A stand-in for a browser's wallet: announced to pages by EIP-6963, it signs with a test key in this process and sends through the RPC that
 * it is given. It asks nobody before it signs, unless a test makes it decline. It is no wallet that anybody uses.
 */
import type { BrowserContext } from '@playwright/test'
import { createPublicClient, createWalletClient, defineChain, type Hex, http, isHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export interface AnnouncedWallet {
  readonly address: Hex
  /** What pages asked of it, in order: methods of EIP-1193. */
  readonly asked: string[]
  /** True: its owner says no to signatures and transactions from now on. */
  isDeclining: boolean
}

export interface AnnounceWalletOptions {
  readonly name: string
  readonly privateKey: Hex
  readonly chainId: number
  readonly rpcUrl: string
}

type Reply = { readonly result: unknown } | { readonly error: { readonly code: number; readonly message: string } }

const asking = ['personal_sign', 'eth_signTypedData_v4', 'eth_sendTransaction']

/** To every page that the context opens from now on. It starts on chain 1, as a wallet that was used elsewhere before. */
export async function announceWallet(
  context: BrowserContext,
  { name, privateKey, chainId, rpcUrl }: AnnounceWalletOptions,
): Promise<AnnouncedWallet> {
  const account = privateKeyToAccount(privateKey)
  const nativeCurrency = { name: 'Coin', symbol: 'COIN', decimals: 18 }
  const chain = defineChain({ id: chainId, name: 'pool', nativeCurrency, rpcUrls: { default: { http: [rpcUrl] } } })
  const sender = createWalletClient({ account, chain, transport: http() })
  const reader = createPublicClient({ chain, transport: http() })
  let current = 1
  const wallet: AnnouncedWallet = { address: account.address, asked: [], isDeclining: false }

  async function serve(method: string, params: readonly unknown[]): Promise<unknown> {
    const [first, second] = params
    switch (method) {
      case 'eth_accounts':
      case 'eth_requestAccounts':
        return [account.address]
      case 'wallet_requestPermissions':
        return [{ parentCapability: 'eth_accounts', caveats: [] }]
      case 'eth_chainId':
        return `0x${current.toString(16)}`
      case 'wallet_switchEthereumChain':
      case 'wallet_addEthereumChain':
        current = Number((first as { chainId: Hex }).chainId)
        return null
      case 'personal_sign':
        return account.signMessage({ message: isHex(first) ? { raw: first } : String(first) })
      case 'eth_signTypedData_v4':
        return account.signTypedData(JSON.parse(String(second)))
      case 'eth_sendTransaction': {
        if (current !== chainId) throw Object.assign(new Error('The wallet is on another chain.'), { code: 4901 })
        const { to, data } = first as { to: Hex; data: Hex }
        return sender.sendTransaction({ to, data })
      }
      default:
        return reader.request({ method, params } as never)
    }
  }

  await context.exposeFunction('standInWallet', async (method: string, params: readonly unknown[]): Promise<Reply> => {
    wallet.asked.push(method)
    if (wallet.isDeclining && asking.includes(method)) {
      return { error: { code: 4001, message: 'User rejected the request.' } }
    }
    try {
      return { result: await serve(method, params) }
    } catch (thrown) {
      const { code = -32_603, message } = thrown as { code?: number; message: string }
      return { error: { code, message } }
    }
  })
  await context.addInitScript(announce, name)
  return wallet
}

/** Runs in the page, before its own scripts. */
function announce(name: string): void {
  interface Asking {
    standInWallet(method: string, params: readonly unknown[]): Promise<Reply>
  }
  const listeners = new Map<string, Set<(value: unknown) => void>>()
  const provider = {
    on: (event: string, listener: (value: unknown) => void) =>
      void listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
    removeListener: (event: string, listener: (value: unknown) => void) => void listeners.get(event)?.delete(listener),
    async request({ method, params = [] }: { method: string; params?: readonly unknown[] }): Promise<unknown> {
      const reply = await (globalThis as unknown as Asking).standInWallet(method, params)
      if ('error' in reply) throw Object.assign(new Error(reply.error.message), { code: reply.error.code })
      if (method === 'wallet_switchEthereumChain' || method === 'wallet_addEthereumChain') {
        const { chainId } = params[0] as { chainId: string }
        for (const listener of listeners.get('chainChanged') ?? []) listener(chainId)
      }
      return reply.result
    },
  }
  const uuid = '00000000-0000-4000-8000-000000000000'
  const info = { uuid, name, icon: 'data:image/svg+xml,<svg/>', rdns: 'example.stand-in' }
  const detail = Object.freeze({ info: Object.freeze(info), provider })
  const tell = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
  window.addEventListener('eip6963:requestProvider', tell)
  tell()
}
