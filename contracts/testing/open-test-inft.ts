/**
 * An anvil with a pool's token contract and the verifier that it asks, and what people do there. The first of them deploys both, and owns the
 * verifier; tokens, oracles and grants are the test's own to make.
 */
import { type Address, type Hex, parseEther, parseEventLogs, type TransactionReceipt } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { poolInftAbi, teeDataVerifierAbi } from '../abi/pool-inft.ts'
import { artifactOf } from '../build/compile.ts'
import { embeddedChain } from '../chain/known-chains.ts'
import { spawnAnvil } from './spawn-anvil.ts'
import { clientsFor, type TestClients } from './test-clients.ts'

export interface TestInft {
  readonly url: string
  readonly clients: TestClients
  readonly token: Address
  readonly verifier: Address
  /** Another of these contracts. */
  deploy(name: string, args: readonly unknown[]): Promise<Address>
  /** Calls the token's contract, or another of them, and waits. */
  send(
    from: PrivateKeyAccount,
    functionName: string,
    args: readonly unknown[],
    to?: Address,
  ): Promise<TransactionReceipt>
  /** A token of the first person's, by default of one entry that nobody can open. */
  mint(entries?: readonly TestEntry[]): Promise<bigint>
  close(): Promise<void>
}

export interface TestEntry {
  readonly dataDescription: string
  readonly dataHash: Hex
  readonly sealedKey: Hex
}

const someEntry: TestEntry = { dataDescription: 'pool', dataHash: `0x${'11'.repeat(32)}`, sealedKey: '0x01' }
const abi = [...poolInftAbi, ...teeDataVerifierAbi]

/** Coins for each of them. */
export async function openTestInft(
  owner: PrivateKeyAccount,
  ...others: readonly PrivateKeyAccount[]
): Promise<TestInft> {
  const anvil = await spawnAnvil()
  try {
    const clients = clientsFor(embeddedChain(anvil.url), anvil.url)
    for (const { address } of [owner, ...others]) {
      await clients.testClient.setBalance({ address, value: parseEther('100') })
    }
    const mined = (hash: Hex) => clients.publicClient.waitForTransactionReceipt({ hash })
    const deploy: TestInft['deploy'] = async (name, args) => {
      const { abi, bytecode } = await artifactOf(name)
      return (await mined(await clients.wallet(owner).deployContract({ abi, bytecode, args }))).contractAddress!
    }
    const verifier = await deploy('TeeDataVerifier', [owner.address, true])
    const token = await deploy('PoolINFT', [verifier])
    const send: TestInft['send'] = async (from, functionName, args, address = token) =>
      mined(await clients.wallet(from).writeContract({ address, abi, functionName, args } as never))
    return {
      ...{ url: anvil.url, clients, token, verifier, deploy, send, close: anvil.close },
      mint: async (entries = [someEntry]) => {
        const data = entries.map(({ dataDescription, dataHash }) => ({ dataDescription, dataHash }))
        const { logs } = await send(owner, 'mint', [owner.address, data, entries.map(({ sealedKey }) => sealedKey)])
        return parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Minted' })[0]!.args.tokenId
      },
    }
  } catch (thrown) {
    await anvil.close()
    throw thrown
  }
}
