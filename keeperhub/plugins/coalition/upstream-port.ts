/** Upstream's: the port of the steps, out of KeeperHub's own cores. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { getChainIdFromNetwork } from '@/lib/rpc/network-utils'
import { sleep } from '@/lib/sleep'
import { resolveOrganizationContext } from '@/lib/web3/resolve-org-context'
import { getOrganizationWalletAddress } from '@/lib/web3/wallet-helpers'
import { readContractCore } from '@/plugins/web3/steps/read-contract-core'
import { signTypedDataCore } from '@/plugins/web3/steps/sign-typed-data-core'
import { writeContractCore } from '@/plugins/web3/steps/write-contract-core'
import { coalitionAbi } from './coalition-abi'
import type { CoalitionPort, StepFailure } from './coalition-port'

export interface PlaceInput {
  readonly network: string
  readonly coalitionAddress: string
  readonly _context?: { readonly executionId?: string; readonly organizationId?: string; readonly workflowId?: string }
}

/** The core with its port, or why there is none. */
export async function withPort<T>(
  { network, coalitionAddress, _context }: PlaceInput,
  slug: string,
  core: (port: CoalitionPort) => Promise<T>,
): Promise<T | StepFailure> {
  const context = await resolveOrganizationContext(_context ?? {}, '[Coalition]', slug)
  if (!context.success) return { success: false, error: context.error }
  const place = { network, contractAddress: coalitionAddress, abi: JSON.stringify(coalitionAbi), _context }
  return core({
    chainId: getChainIdFromNetwork(network),
    coalition: coalitionAddress,
    read: (abiFunction, args) => readContractCore({ ...place, abiFunction, functionArgs: JSON.stringify(args) }),
    write: (abiFunction, args) =>
      writeContractCore({ ...place, abiFunction, functionArgs: JSON.stringify(args), gasLimitMultiplier: '1.3' }),
    sign: typedData => signTypedDataCore({ typedData: JSON.stringify(typedData), _context }),
    walletAddress: () => getOrganizationWalletAddress(context.organizationId),
    nowSeconds: () => Math.floor(Date.now() / 1000),
    pause: seconds => sleep(seconds * 1000),
  })
}
