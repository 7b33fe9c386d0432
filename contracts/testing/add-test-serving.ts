/**
 * Puts the mock of 0G Compute's serving contract and its ledger on a chain that is open already, and does what users and 0G's team do there.
 * It knows no provider's code.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Abi, type Address, type Hex, parseAbi, parseEther } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { inferenceServingAbi } from '../abi/inference-serving.ts'
import { artifactOf } from '../build/compile.ts'
import { testAccount } from './test-accounts.ts'
import type { TestClients } from './test-clients.ts'

const ledgerAbi = parseAbi(['function lockFor(address provider) payable', 'function retrieveFrom(address provider)'])
const folders = ['test/zerog']

export type TestServing = Awaited<ReturnType<typeof addTestServing>>

/** `lockSeconds`: how long a user waits for money that it asks back. */
export async function addTestServing({ publicClient, testClient, wallet }: TestClients, lockSeconds = 3600) {
  /** Owns the contract, as 0G's team does. */
  const team = testAccount('0G team')
  const people: PrivateKeyAccount[] = []
  async function fund(account: PrivateKeyAccount) {
    people.push(account)
    await testClient.setBalance({ address: account.address, value: parseEther('1000') })
  }
  /** Whoever acts first gets coins first. */
  async function send(
    from: PrivateKeyAccount,
    to: Address,
    abi: Abi,
    functionName: string,
    args: unknown[],
    value = 0n,
  ) {
    if (!people.includes(from)) await fund(from)
    const hash = await wallet(from).writeContract({ address: to, abi, functionName, args, value } as never)
    const receipt = await publicClient.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success')
      throw new ComputePoolError('chain_reverted', `${functionName} reverted (${hash}).`)
    return receipt
  }

  await testClient.setBalance({ address: team.address, value: parseEther('1000') })
  const { abi, bytecode } = await artifactOf('MockInferenceServing', folders)
  const args = [team.address, BigInt(lockSeconds)]
  const hash = await wallet(team).deployContract({ abi: abi as Abi, bytecode, args })
  const serving = (await publicClient.waitForTransactionReceipt({ hash })).contractAddress!.toLowerCase() as Address
  const contract = { address: serving, abi: inferenceServingAbi } as const
  const ledger = await publicClient.readContract({ ...contract, functionName: 'ledgerAddress' })

  return {
    serving,
    team,
    /** Coins, for who acts by other code. */
    fund,
    send: (from: PrivateKeyAccount, functionName: string, args: unknown[], value?: bigint) =>
      send(from, serving, inferenceServingAbi as Abi, functionName, args, value),
    /** What a user locks for a provider. */
    lock: (user: PrivateKeyAccount, provider: Address, neuron: bigint) =>
      send(user, ledger, ledgerAbi, 'lockFor', [provider], neuron),
    /** Asks all of it back. */
    retrieve: (user: PrivateKeyAccount, provider: Address) => send(user, ledger, ledgerAbi, 'retrieveFrom', [provider]),
    acknowledge: (provider: Address) =>
      send(team, serving, inferenceServingAbi as Abi, 'acknowledgeTEESignerByOwner', [provider]),
    accountOf: (user: Address, provider: Address) =>
      publicClient.readContract({ ...contract, functionName: 'getAccount', args: [user, provider] }),
    serviceOf: (provider: Address) =>
      publicClient.readContract({ ...contract, functionName: 'getService', args: [provider] }),
    /** The contract's own digest of one item. */
    digestOf: (item: object): Promise<Hex> =>
      publicClient.readContract({
        address: serving,
        abi: abi as Abi,
        functionName: 'settlementDigest',
        args: [item],
      }) as Promise<Hex>,
  }
}
