/** The chains that ComputePool knows by name, and how each wants to be spoken to. It opens no connection. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Chain, defineChain } from 'viem'
import { localSettings, type SendSettings } from '../deploy/deployer.ts'

/** Anvil of this machine at `url`. */
export function embeddedChain(url: string): Chain {
  return defineChain({
    id: 31337,
    name: 'ComputePool embedded chain',
    nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
    blockTime: 1000,
    testnet: true,
  })
}

/** 0G's test network. viem's own definitions of it carry retired chain ids. */
export const zeroGGalileo: Chain = defineChain({
  id: 16602,
  name: '0G Galileo testnet',
  nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
  rpcUrls: { default: { http: ['https://evmrpc-testnet.0g.ai'] } },
  blockExplorers: {
    default: {
      name: '0G Chainscan',
      url: 'https://chainscan-galileo.0g.ai',
      apiUrl: 'https://chainscan-galileo.0g.ai/open/api',
    },
  },
  testnet: true,
})

/** 0G's main network, "Aristotle": coins there are worth money, and there is no test USDC. */
export const zeroGMainnet: Chain = defineChain({
  id: 16661,
  name: '0G mainnet',
  nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
  rpcUrls: { default: { http: ['https://evmrpc.0g.ai'] } },
  blockExplorers: {
    default: { name: '0G Chainscan', url: 'https://chainscan.0g.ai', apiUrl: 'https://chainscan.0g.ai/open/api' },
  },
})

const zeroGChains: Readonly<Record<string, Chain>> = { '0g-galileo': zeroGGalileo, '0g-mainnet': zeroGMainnet }

/**
 * For endpoints behind a balancer, where a receipt or a block may be known to one node and not to the next. The tip is 4 gwei: 0G's
 * nodes refuse less than 2 and include below 4 only now and then.
 */
export const remoteSettings: SendSettings = {
  tipFloorWei: 4_000_000_000n,
  pollingIntervalMs: 2000,
  receiptTimeoutMs: 180_000,
  lagRetries: 15,
}

export interface KnownChain {
  readonly chain: Chain
  readonly settings: SendSettings
  readonly url: string
}

/**
 * `name` as a chain: "0g-galileo", "0g-mainnet", or an RPC's URL, whose chain id must be asked first. `rpcUrl` replaces the public
 * endpoint. @throws input_invalid for any other name.
 */
export async function knownChain(name: string, rpcUrl?: string): Promise<KnownChain> {
  const known = Object.hasOwn(zeroGChains, name) ? zeroGChains[name] : undefined
  if (known !== undefined) return of0G(known, rpcUrl ?? known.rpcUrls.default.http[0]!)
  if (/^https?:\/\//i.test(name)) {
    const id = await chainIdAt(name)
    const here = Object.values(zeroGChains).find(chain => chain.id === id)
    if (here !== undefined) return of0G(here, name)
    const isHere = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]?/i.test(name)
    const chain = defineChain({
      id,
      name: `chain ${id}`,
      nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
      rpcUrls: { default: { http: [name] } },
    })
    return { chain, settings: isHere ? localSettings : { ...remoteSettings, tipFloorWei: 0n }, url: name }
  }
  throw new ComputePoolError('input_invalid', `There is no chain "${name}".`, {
    remedy: 'Chains are: embedded, 0g-galileo, 0g-mainnet, or the URL of an RPC endpoint.',
  })
}

const of0G = (chain: Chain, url: string): KnownChain => ({
  chain: { ...chain, rpcUrls: { default: { http: [url] } } },
  settings: remoteSettings,
  url,
})

async function chainIdAt(url: string): Promise<number> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }),
      signal: AbortSignal.timeout(20_000),
    })
    const { result } = (await response.json()) as { result?: unknown }
    if (typeof result === 'string' && /^0x[0-9a-f]+$/i.test(result)) return Number(result)
  } catch {
    // Told below with the host alone: a URL may carry an API key.
  }
  throw new ComputePoolError('chain_unreachable', `No chain answers at ${hostOf(url)}.`, {
    remedy: 'Check the address; it must speak Ethereum’s JSON-RPC over HTTP.',
  })
}

function hostOf(url: string): string {
  try {
    return new URL(url).host
  } catch {
    return 'that address'
  }
}
