/** The owner's deployer on the embedded chain, which mines after each sending instead of waiting for the next second. */
import { createPublicClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { EmbeddedChain } from '../chain/start-embedded-chain.ts'
import { createDeployer, type Deployer, localSettings } from './deployer.ts'

export function embeddedDeployer({ chain, url, keys, mine }: EmbeddedChain): Deployer {
  return createDeployer({
    client: createPublicClient({ chain, transport: http(url), cacheTime: 0 }),
    chain,
    account: privateKeyToAccount(keys.owner),
    settings: { ...localSettings, pollingIntervalMs: 10, afterSend: mine },
  })
}
