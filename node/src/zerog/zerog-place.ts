/** Where a provider of 0G Compute is registered, and by whom: a chain, the contract on it, and the provider's key or address. */
import { knownChain } from '@computepool/contracts/chain'
import { createDeployer } from '@computepool/contracts/deploy'
import { servingAddressOf } from '@computepool/orchestrator/zerog-compute/serving-address.ts'
import { createServingClient, type ServingClient } from '@computepool/orchestrator/zerog-compute/serving-client.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, createPublicClient, type Hex, http, isAddress, type PublicClient } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'

export interface ZerogPlaceOptions {
  /** "0g-galileo", "0g-mainnet" or an RPC's URL. */
  readonly chain: string
  readonly rpcUrl?: string | undefined
  readonly contract?: string | undefined
  /** Whom to look at where there is no key. */
  readonly provider?: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface ZerogPlace {
  readonly chainId: number
  readonly chainName: string
  readonly client: PublicClient
  readonly serving: ServingClient
}

/** `COMPUTEPOOL_ZEROG_KEY`. Errors: `input_invalid`, which never repeats it. */
export function providerAccount(environment: ZerogPlaceOptions['environment']): PrivateKeyAccount {
  const key = environment.COMPUTEPOOL_ZEROG_KEY ?? ''
  if (/^0x[0-9a-fA-F]{64}$/.test(key)) return privateKeyToAccount(key as Hex)
  const what = key === '' ? 'is not set' : 'is not a private key'
  throw new ComputePoolError('input_invalid', `COMPUTEPOOL_ZEROG_KEY ${what}.`, {
    remedy: 'Set it to 0x and 64 hexadecimal digits: the key of the account that is to be the provider.',
  })
}

/** Errors: `input_invalid`, `chain_unreachable`, `chain_wrong`. */
export async function openZerogPlace(options: ZerogPlaceOptions): Promise<ZerogPlace> {
  const account = options.provider === undefined ? providerAccount(options.environment) : null
  const { chain, settings, url } = await knownChain(options.chain, options.rpcUrl)
  const client = createPublicClient({
    ...{ chain, cacheTime: 0 },
    transport: http(url, { timeout: 60_000, retryCount: 3, retryDelay: 500 }),
  }) as PublicClient
  const chainId = await client.getChainId().catch(() => null)
  if (chainId !== chain.id) {
    const remedy = 'Check the network, or name another endpoint with --rpc.'
    throw chainId === null
      ? new ComputePoolError('chain_unreachable', `No chain answers for ${options.chain}.`, { remedy })
      : new ComputePoolError('chain_wrong', `The endpoint is chain ${chainId}'s; ${chain.name} is ${chain.id}.`, {
          remedy,
        })
  }
  const provider = account?.address ?? addressOf(options.provider!, '--provider')
  const serving =
    options.contract === undefined ? servingAddressOf(chain.id) : addressOf(options.contract, '--contract')
  const sender = account && createDeployer({ client, chain, account, settings })
  return {
    ...{ chainId: chain.id, chainName: chain.name, client },
    serving: createServingClient({ client, serving, provider, sender }),
  }
}

function addressOf(value: string, option: string): Address {
  if (isAddress(value)) return value
  throw new ComputePoolError('input_invalid', `${option} is not an address: "${value}".`, {
    remedy: 'An address is 0x and 40 hexadecimal digits.',
  })
}
