/** viem's three clients for a chain of this machine, with the short intervals that tests want. */
import {
  type Chain,
  createPublicClient,
  createTestClient,
  createWalletClient,
  type HttpTransport,
  http,
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

export function clientsFor(chain: Chain, url: string): TestClients {
  // Some calls on a fresh anvil take long on a busy machine; a test's own limit is the judge.
  const transport = http(url, { timeout: 60_000 })
  const often = { pollingInterval: 25, cacheTime: 0 }
  return {
    chain,
    publicClient: createPublicClient({ chain, transport, ...often }),
    testClient: createTestClient({ mode: 'anvil', chain, transport }),
    wallet: account => createWalletClient({ account, chain, transport, ...often }),
  }
}
