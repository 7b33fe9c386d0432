/**
 * The two contracts that lie at the same address on every chain because a signature that nobody made sends them (Nick's method):
 * the ERC-1820 registry, which Super Tokens need, and the CREATE2 proxy. It knows the two transactions and no more.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, type Hex, parseEther } from 'viem'
import type { Deployer } from './deployer.ts'

export const ERC1820_REGISTRY: Address = '0x1820a4B7618BdE71Dce8cdc73aAB6C95905faD24'
export const CREATE2_PROXY: Address = '0x4e59b44847b379578588920cA78FbF26c0B4956C'

interface GenesisContract {
  readonly label: string
  readonly address: Address
  /** The sender that the made-up signature recovers to; it must hold exactly what the transaction may cost. */
  readonly sender: Address
  readonly costWei: bigint
  readonly raw: Hex
}

/** `code` is the registry's creation code, as Superfluid's package has it. Source: EIP-1820. */
export function erc1820(code: string): GenesisContract {
  return {
    label: 'ERC-1820 registry',
    address: ERC1820_REGISTRY,
    sender: '0xa990077c3205cbDf861e17Fa532eeB069cE9fF96',
    costWei: parseEther('0.08'),
    raw: `0xf90a388085174876e800830c35008080b909e5${code.replace(/^0x/, '')}1ba0${'1820'.repeat(16)}a0${'1820'.repeat(16)}`,
  }
}

/** Source: github.com/Arachnid/deterministic-deployment-proxy. */
export const create2Proxy: GenesisContract = {
  label: 'CREATE2 proxy',
  address: CREATE2_PROXY,
  sender: '0x3fAB184622Dc19b6109349B94811493BF2a45362',
  costWei: parseEther('0.01'),
  raw: `0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7f${'f'.repeat(62)}e03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba0${'2'.repeat(64)}a0${'2'.repeat(64)}`,
}

/**
 * Puts `contract` on the chain where it is not there yet; says how many transactions that took and the gas that it burned.
 * @throws chain_deploy_refused where the endpoint takes no transaction without a chain id: these have none, by construction.
 */
export async function ensureGenesisContract(
  deployer: Deployer,
  contract: GenesisContract,
): Promise<{ transactions: number; gasUsed: bigint }> {
  const { client } = deployer
  if (await deployer.hasCode(contract.address)) return { transactions: 0, gasUsed: 0n }
  let transactions = 0
  let gasUsed = 0n
  const balance = await client.getBalance({ address: contract.sender })
  if (balance < contract.costWei) {
    const value = contract.costWei - balance
    const funded = await deployer.send({ label: `coins for the ${contract.label}`, to: contract.sender, value })
    gasUsed += funded.gasUsed
    transactions++
  }
  const hash = await client.sendRawTransaction({ serializedTransaction: contract.raw }).catch(thrown => {
    throw unprotectedRefusal(thrown, contract)
  })
  await deployer.settings.afterSend?.()
  const mined = await deployer.receipt(hash, contract.label)
  if (!(await deployer.waitForCode(contract.address))) {
    throw new ComputePoolError('chain_deploy_refused', `The ${contract.label} did not come to ${contract.address}.`, {
      remedy: 'The chain may charge more gas than the fixed transaction allows; this chain cannot hold Super Tokens.',
    })
  }
  return { transactions: transactions + 1, gasUsed: gasUsed + mined.gasUsed }
}

function unprotectedRefusal(thrown: unknown, contract: GenesisContract): ComputePoolError {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const isProtection = /replay.?protected|eip-?155|unprotected|chain.?id/i.test(text)
  return new ComputePoolError(
    'chain_deploy_refused',
    isProtection
      ? `The endpoint takes no transaction without a chain id (before EIP-155), and the ${contract.label} can only come by one.`
      : `The endpoint refused the ${contract.label}: ${text.split('\n', 1)[0]}`,
    {
      remedy:
        `Use an endpoint that allows unprotected transactions (geth: --rpc.allow-unprotected-txs), or ask who runs the chain ` +
        `to send the ${contract.label} once; then run the same command again.`,
      context: { address: contract.address },
      cause: thrown,
    },
  )
}
