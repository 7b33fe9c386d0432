/**
 * viem's three clients for a chain of this machine, with the short intervals that tests want. What its wallets send has gas to spare; the
 * other two give estimates as they are.
 */
import {
  type Chain,
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  type Hex,
  type HttpTransport,
  http,
  numberToHex,
  type PrivateKeyAccount,
  type PublicClient,
  type TestClient,
  type WalletClient,
} from 'viem'

export interface TestClients {
  readonly chain: Chain
  readonly publicClient: PublicClient<HttpTransport, Chain>
  readonly testClient: TestClient<'anvil', HttpTransport, Chain>
  wallet(account: PrivateKeyAccount): WalletClient<HttpTransport, Chain, PrivateKeyAccount>
}

/** The anvil at `url`, as viem describes chains. */
export const testChainAt = (url: string, id: number): Chain =>
  defineChain({
    id,
    name: 'ComputePool test chain',
    nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })

export function clientsFor(chain: Chain, url: string): TestClients {
  // Some calls on a fresh anvil take long on a busy machine; a test's own limit is the judge.
  const transport = http(url, { timeout: 60_000 })
  const often = { pollingInterval: 25, cacheTime: 0 }
  return {
    chain,
    publicClient: createPublicClient({ chain, transport, ...often }),
    testClient: createTestClient({ mode: 'anvil', chain, transport }),
    wallet: account => createWalletClient({ account, chain, transport: withHeadroom(transport), ...often }),
  }
}

interface Call {
  readonly method: string
  readonly params?: readonly { readonly gas?: Hex }[]
}

const raised = (gas: Hex): Hex => numberToHex((BigInt(gas) * 3n) / 2n)

/**
 * Half as much again as each estimate: a block of the next second may store what one of this second finds stored, and after a revert of the
 * chain even the newest block is one of another time.
 */
const withHeadroom =
  (transport: HttpTransport): HttpTransport =>
  options => {
    const plain = transport(options)
    const ask = plain.request as (call: Call, options?: unknown) => Promise<unknown>
    const request = async (call: Call, options?: unknown) => {
      const answer = await ask(call, options)
      if (call.method === 'eth_estimateGas') return raised(answer as Hex)
      // Where a node fills transactions, it estimates what was not asked for.
      if (call.method !== 'eth_fillTransaction' || call.params?.[0]?.gas !== undefined) return answer
      const { tx, ...rest } = answer as { tx: { gas: Hex } }
      return { ...rest, tx: { ...tx, gas: raised(tx.gas) } }
    }
    return { ...plain, request: request as typeof plain.request }
  }
