/** A real StreamVault beside a Coalition, with one closed session that owes its operators something. Knows no coalition. */
import { ComputePoolError } from '@computepool/shared/errors'
import { transferWithAuthorizationTypes } from '@computepool/shared/money'
import type { Address, Hex, PrivateKeyAccount } from 'viem'
import { streamVaultAbi } from '../abi/index.ts'
import { deployVault } from '../deploy/index.ts'
import type { TestChain } from './open-test-chain.ts'
import { testAccount } from './test-accounts.ts'

const priceAtomic = 1_000n
let payers = 0

export interface TillSession {
  readonly vault: Address
  readonly session: Hex
  readonly payer: Address
  readonly dueAtomic: bigint
  /** What the payer got back when the session was closed. */
  readonly refundedAtomic: bigint
}

/** `dueAtomic`: at most 3,000, the three seconds that a session may be charged for without a stream. */
export async function openTillSession(chain: TestChain, { dueAtomic }: { dueAtomic: bigint }): Promise<TillSession> {
  const { settler, keeper } = chain.accounts
  const { manifest, vault } = await deployVault({
    ...{
      deployer: chain.deployer,
      manifest: chain.manifest,
      model: `till ${payers}`,
      pricePerSecondAtomic: priceAtomic,
    },
    ...{ settler: settler.address, keeper: keeper.address },
  })
  const payer = testAccount(`till payer ${payers++}`)
  const capAtomic = 1_000_000n
  await chain.mintUsdc(payer.address, capAtomic)
  const content = { value: capAtomic, validAfter: 0n, validBefore: 2n ** 40n, nonce: `0x${'01'.repeat(32)}` as Hex }
  const { name, version } = manifest.usdc
  const signature = await payer.signTypedData({
    domain: { name, version, chainId: chain.chain.id, verifyingContract: manifest.contracts.usdc },
    types: transferWithAuthorizationTypes,
    primaryType: 'TransferWithAuthorization',
    message: { ...content, from: payer.address, to: vault.address },
  })
  const send = async (from: PrivateKeyAccount, functionName: string, args: readonly unknown[]): Promise<void> => {
    // An estimate of a second ago falls short of what Superfluid takes in this one.
    const call = { address: vault.address, abi: streamVaultAbi, functionName, args, gas: 3_000_000n } as never
    const hash = await chain.wallet(from).writeContract(call)
    const { status } = await chain.publicClient.waitForTransactionReceipt({ hash })
    if (status !== 'success') throw new ComputePoolError('chain_reverted', `The vault refused to ${functionName}.`)
  }
  await send(settler, 'open', [{ payer: payer.address, ...content, signature }])
  const session = await chain.publicClient.readContract({
    ...{ address: vault.address, abi: streamVaultAbi, functionName: 'sessionIdOf' },
    args: [payer.address, content.nonce],
  })
  await send(keeper, 'close', [session, 1n, dueAtomic])
  return { vault: vault.address, session, payer: payer.address, dueAtomic, refundedAtomic: capAtomic - dueAtomic }
}
