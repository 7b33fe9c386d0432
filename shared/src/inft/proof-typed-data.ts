/**
 * What an oracle and a receiver sign when a pool's INFT changes hands, as EIP-712 data that wallets and viem take unchanged, and the
 * `nonce` in which the contract finds what a proof is about. Hashes are made by who signs and by who checks; none is made here.
 */
import type { Hex } from '../coalition/index.ts'

/** The verifier that a proof is for. */
export interface VerifierPlace {
  readonly chainId: number
  readonly verifier: Hex
}

/** `ProofContext` of the contracts: what a proof is about, and until when it is good. */
export interface ProofContext {
  /** 32 random bytes: makes the proof usable once. */
  readonly salt: Hex
  /** Unix seconds of the chain; the last second at which the proof is good. */
  readonly deadline: bigint
  readonly tokenId: bigint
  readonly from: Hex
  readonly to: Hex
  readonly isClone: boolean
}

/** What both words say about the data. */
export interface ProofData {
  readonly oldDataHash: Hex
  readonly newDataHash: Hex
  /** The key that the data's key is sealed to; of an access proof, `0x` for the key of the receiver's own address. */
  readonly encryptedPubKey: Hex
}

const about = [
  { name: 'token', type: 'address' },
  { name: 'tokenId', type: 'uint256' },
  { name: 'from', type: 'address' },
  { name: 'to', type: 'address' },
  { name: 'isClone', type: 'bool' },
  { name: 'oldDataHash', type: 'bytes32' },
  { name: 'newDataHash', type: 'bytes32' },
] as const
const until = [
  { name: 'encryptedPubKey', type: 'bytes' },
  { name: 'salt', type: 'bytes32' },
  { name: 'deadline', type: 'uint256' },
] as const
const ownershipTypes = {
  OwnershipProof: [{ name: 'oracleType', type: 'uint8' }, ...about, { name: 'sealedKey', type: 'bytes' }, ...until],
} as const
const accessTypes = { AccessProof: [...about, ...until] } as const

/** `OracleType` as the standard counts it; proofs of zero knowledge are taken by no verifier of ours. */
export const teeOracle = 0

export const verifierDomain = ({ chainId, verifier }: VerifierPlace) =>
  ({ name: 'ComputePool INFT Verifier', version: '1', chainId, verifyingContract: verifier }) as const

/** An oracle's: the data of `newDataHash` are those of `oldDataHash` under a fresh key, which `sealedKey` holds for `encryptedPubKey`. */
export const ownershipTypedData = (
  place: VerifierPlace,
  token: Hex,
  context: ProofContext,
  data: ProofData & { readonly sealedKey: Hex },
) =>
  ({
    domain: verifierDomain(place),
    types: ownershipTypes,
    primaryType: 'OwnershipProof',
    message: { oracleType: teeOracle, token, ...context, ...data },
  }) as const

/** A receiver's, or its assistant's: it fetched the data of `newDataHash`, and wants their key sealed to `encryptedPubKey`. */
export const accessTypedData = (place: VerifierPlace, token: Hex, context: ProofContext, data: ProofData) =>
  ({
    domain: verifierDomain(place),
    types: accessTypes,
    primaryType: 'AccessProof',
    message: { token, ...context, ...data },
  }) as const

/** `nonce` of both proofs: the ABI encoding of a context, six words. */
export const proofNonce = ({ salt, deadline, tokenId, from, to, isClone }: ProofContext): Hex =>
  `0x${[salt.slice(2), deadline.toString(16), tokenId.toString(16), from.slice(2), to.slice(2), isClone ? '1' : '0']
    .map(word => word.toLowerCase().padStart(64, '0'))
    .join('')}`

/** The context of a proof's `nonce`; null where it is no encoding of one. */
export function proofContextOf(nonce: Hex): ProofContext | null {
  const words = /^0x[0-9a-f]{384}$/i.test(nonce) ? nonce.slice(2).toLowerCase().match(/.{64}/g)! : []
  const [salt, deadline, tokenId, from, to, isClone] = words
  const isAddress = (word: string): boolean => word.startsWith('0'.repeat(24))
  if (isClone === undefined || !isAddress(from!) || !isAddress(to!) || !/^0{63}[01]$/.test(isClone)) return null
  return {
    salt: `0x${salt}`,
    deadline: BigInt(`0x${deadline}`),
    tokenId: BigInt(`0x${tokenId}`),
    from: `0x${from!.slice(24)}`,
    to: `0x${to!.slice(24)}`,
    isClone: isClone.endsWith('1'),
  }
}
