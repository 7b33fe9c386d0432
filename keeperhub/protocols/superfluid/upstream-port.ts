/** Upstream's: the port of the steps, out of KeeperHub's own cores and ethers. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { ethers } from 'ethers'
import { getChainIdFromNetwork } from '@/lib/rpc/network-utils'
import { getRpcProvider } from '@/lib/rpc/provider-factory'
import { resolveOrganizationContext } from '@/lib/web3/resolve-org-context'
import { getOrganizationWalletAddress } from '@/lib/web3/wallet-helpers'
import { readContractCore } from '@/plugins/web3/steps/read-contract-core'
import { writeContractCore } from '@/plugins/web3/steps/write-contract-core'
import { superfluidAbi } from './superfluid-abi'
import type { StepFailure, SuperfluidPort } from './superfluid-port'

export interface PlaceInput {
  readonly network: string
  readonly _context?: { readonly executionId?: string; readonly organizationId?: string; readonly workflowId?: string }
}

const contracts = new ethers.Interface(superfluidAbi as ethers.InterfaceAbi)

/** The core with its port, or why there is none. */
export async function withPort<T>(
  { network, _context }: PlaceInput,
  slug: string,
  core: (port: SuperfluidPort) => Promise<T>,
): Promise<T | StepFailure> {
  const context = await resolveOrganizationContext(_context ?? {}, '[Superfluid]', slug)
  if (!context.success) return { success: false, error: context.error }
  const place = { network, abi: JSON.stringify(superfluidAbi), _context }
  return core({
    read: (contractAddress, abiFunction, args) =>
      readContractCore({ ...place, contractAddress, abiFunction, functionArgs: JSON.stringify(args) }),
    write: (contractAddress, abiFunction, args) =>
      writeContractCore({
        ...place,
        contractAddress,
        abiFunction,
        functionArgs: JSON.stringify(args),
        // An estimate falls short of Superfluid's nested calls.
        gasLimitMultiplier: '1.5',
      }),
    async logsOf(transactionHash) {
      const rpc = await getRpcProvider({ chainId: getChainIdFromNetwork(network) })
      const receipt = await rpc.executeWithFailover(provider => provider.getTransactionReceipt(transactionHash))
      if (!receipt) return { success: false, error: `The receipt of ${transactionHash} is not there yet.` }
      return { success: true, logs: receipt.logs }
    },
    encodeCall: (abiFunction, args) => contracts.encodeFunctionData(abiFunction, args),
    encodeValues: (types, values) => ethers.AbiCoder.defaultAbiCoder().encode(types, values),
    walletAddress: () => getOrganizationWalletAddress(context.organizationId),
  })
}
