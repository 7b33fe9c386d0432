/**
 * The price that a vault posts, brought to what the owner asked for on start: by the owner's key where it is at hand, else by saying how.
 * Sessions that are open keep the price of their opening.
 */
import { streamVaultAbi } from '@computepool/contracts/abi'
import { encodeFunctionData, type Hex, type PublicClient } from 'viem'
import type { SignerQueue } from '../chain/signer-queue.ts'

export interface PostPriceOptions {
  readonly client: PublicClient
  readonly vault: Hex
  /** Atomic USDC per second; absent: whatever is posted. */
  readonly wantedAtomic: bigint | undefined
  /** Null where the owner's key is not here. */
  readonly owner: Pick<SignerQueue, 'execute'> | null
  readonly onNotice: (text: string) => void
}

/** What new sessions pay from now on. Errors: `chain_reverted` where the key is not the vault's owner's, `chain_unreachable`. */
export async function postPrice({ client, vault, wantedAtomic, owner, onNotice }: PostPriceOptions): Promise<bigint> {
  const posted = await client.readContract({
    address: vault,
    abi: streamVaultAbi,
    functionName: 'pricePerSecondAtomic',
  })
  if (wantedAtomic === undefined || wantedAtomic === posted) return posted
  if (owner === null) {
    onNotice(
      `The vault ${vault} asks ${perMinute(posted)} a minute, and --price was ${perMinute(wantedAtomic)}. It stays as it is: only its owner can change it. Start once with COMPUTEPOOL_OWNER_KEY set, or send setPrice(${wantedAtomic}) to the vault from the owner's key.`,
    )
    return posted
  }
  const data = encodeFunctionData({ abi: streamVaultAbi, functionName: 'setPrice', args: [wantedAtomic] })
  await owner.execute({ to: vault, data })
  onNotice(
    `The vault ${vault} asked ${perMinute(posted)} a minute; new sessions now pay ${perMinute(wantedAtomic)}. Open ones keep their price.`,
  )
  return wantedAtomic
}

/** Exact: six decimals are all there are. */
function perMinute(perSecondAtomic: bigint): string {
  const atomic = perSecondAtomic * 60n
  const decimals = (atomic % 1_000_000n)
    .toString()
    .padStart(6, '0')
    .replace(/0{1,4}$/, '')
  return `$${atomic / 1_000_000n}.${decimals}`
}
