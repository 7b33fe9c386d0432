/**
 * What tokens need on a chain of our own, put there behind the open till: the owner's transactions go through its one queue, beside those
 * that the till sends. What is there already is found, and costs nothing.
 */
import {
  type Deployer,
  deployInft,
  type InftManifest,
  localSettings,
  writeChainManifest,
} from '@computepool/contracts/deploy'
import { type Address, type PrivateKeyAccount, parseEther } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import type { SignerQueue } from '../chain/signer-queue.ts'
import type { MoneyChain, OpenedChain } from '../payments/money-chain.ts'
import { simulatedOracle } from './oracle-key.ts'

/** A container's upload costs a fraction of a coin. */
const storageWei = parseEther('100')

/** Null on other people's chains where there is none. Errors: `chain_*`. */
export async function ensureContracts(chain: OpenedChain, dataDir: string): Promise<InftManifest | null> {
  const { money, owner, oracleKey } = chain
  if (!money.isEmbedded || owner === null) return money.manifest.inft ?? null
  const deployer = deployerOver(money, owner)
  const { manifest, inft } = await deployInft({ deployer, manifest: money.manifest, ...simulatedOracle(oracleKey) })
  if (manifest.inft?.token !== money.manifest.inft?.token) await writeChainManifest(dataDir, manifest)
  if (money.storageKey !== null) await money.fund?.(privateKeyToAddress(money.storageKey), storageWei)
  return inft
}

function deployerOver({ client, owner }: MoneyChain, queue: SignerQueue): Deployer {
  const hasCode = async (address: Address) => ((await client.getCode({ address })) ?? '0x') !== '0x'
  return {
    client,
    // Only its address is asked for: the queue signs.
    account: owner as PrivateKeyAccount,
    settings: localSettings,
    async send({ to, data = '0x', value: valueWei = 0n }) {
      const { hash } = await queue.execute({ to, data, valueWei })
      return client.getTransactionReceipt({ hash })
    },
    receipt: hash => client.waitForTransactionReceipt({ hash }),
    // The queue hands in itself what an earlier run left.
    settle: queue.heal,
    hasCode,
    waitForCode: hasCode,
  }
}
