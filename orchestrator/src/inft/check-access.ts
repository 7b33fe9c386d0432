/** Whether a receiver's proofs fit a prepared transfer, before a seller pays gas for them. The contract checks the same again. */
import { poolInftAbi } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import { accessTypedData, type ProofContext, proofContextOf } from '@computepool/shared/inft'
import { type Hex, isAddressEqual, keccak256, type PublicClient, verifyTypedData, zeroAddress } from 'viem'
import type { SignedAccess } from './accept-transfer.ts'
import type { InftPlace } from './inft-reader.ts'
import type { PreparedTransfer } from './transfer-oracle.ts'

/** @throws input_invalid saying which proof is wrong, and how; chain_unreachable. */
export async function checkAccess(
  client: PublicClient,
  place: InftPlace,
  prepared: PreparedTransfer,
  proofs: readonly SignedAccess[],
): Promise<void> {
  const { entries, to } = prepared
  if (proofs.length !== entries.length) throw wrong(`There are ${proofs.length} for ${entries.length} containers.`)
  const { timestamp } = await client.getBlock({ blockTag: 'latest' })
  for (const [index, proof] of proofs.entries()) {
    const { ownershipProof: ours } = entries[index]!
    const context = proofContextOf(proof.nonce)
    if (context === null || !isAbout(context, prepared)) throw wrong(`Proof ${index} is about another transfer.`)
    if (context.deadline <= timestamp) throw wrong(`Proof ${index} is out of date.`)
    if (proof.oldDataHash !== ours.oldDataHash || proof.newDataHash !== ours.newDataHash) {
      throw wrong(`Proof ${index} is about other data.`)
    }
    if (!isKey(proof.encryptedPubKey, ours.encryptedPubKey, to)) throw wrong(`Proof ${index} wants another key.`)
    const { chainId, verifier, token } = place
    const data = accessTypedData({ chainId, verifier }, token, context, proof)
    if (!(await isSignedFor(client, place, to, { ...data, signature: proof.proof } as never))) {
      throw wrong(`Proof ${index} is not signed by ${to}, nor by its assistant.`)
    }
  }
}

const isAbout = (context: ProofContext, { tokenId, from, to, isClone }: PreparedTransfer): boolean =>
  context.tokenId === tokenId &&
  isAddressEqual(context.from, from) &&
  isAddressEqual(context.to, to) &&
  context.isClone === isClone

/** The contract takes an empty key for that of the receiver's own address. */
const isKey = (wanted: Hex, sealedTo: Hex, to: Hex): boolean =>
  wanted === '0x'
    ? isAddressEqual(`0x${keccak256(sealedTo).slice(-40)}`, to)
    : wanted.toLowerCase() === sealedTo.toLowerCase()

async function isSignedFor(client: PublicClient, { token }: InftPlace, to: Hex, data: never): Promise<boolean> {
  const by = (address: Hex) => verifyTypedData({ ...(data as object), address } as never).catch(() => false)
  if (await by(to)) return true
  const assistant = await client.readContract({
    address: token,
    abi: poolInftAbi,
    functionName: 'getDelegateAccess',
    args: [to],
  })
  if (assistant !== zeroAddress && (await by(assistant))) return true
  // A wallet that is a contract (ERC-1271).
  return client.verifyTypedData({ ...(data as object), address: to } as never).catch(() => false)
}

const wrong = (what: string): ComputePoolError =>
  new ComputePoolError('input_invalid', `The access proofs do not fit. ${what}`, {
    remedy: 'Fetch the transfer again, open its containers, and sign what is there.',
  })
