/**
 * EIP-712 data of everything that is signed about a coalition, and of the transfers that stakes and bonds come by (EIP-3009), in the
 * shape that wallets and viem take unchanged. Hashes are made by who signs and by who checks; none is made here.
 */
import { authorizationFields } from '../money/index.ts'
import { type BreachReason, type Hex, reasonIndex } from './coalition-values.ts'
import type { CoalitionTerms } from './terms.ts'

/** The contract that a signature is for. */
export interface CoalitionPlace {
  readonly chainId: number
  readonly coalition: Hex
}

/** The token that stakes are of; name and version are its EIP-712 domain. */
export interface StakeToken {
  readonly address: Hex
  readonly name: string
  readonly version: string
}

/** When an authorization of the token's is good: Unix seconds, both ends exclusive. */
export interface AuthorizationTimes {
  readonly validAfter: bigint
  readonly validBefore: bigint
}

export const coalitionTypes = {
  Terms: [
    { name: 'modelDigest', type: 'bytes32' },
    { name: 'layers', type: 'uint16' },
    { name: 'pool', type: 'address' },
    { name: 'vault', type: 'address' },
    { name: 'pricePerSecondAtomic', type: 'uint96' },
    { name: 'stakeAtomic', type: 'uint96' },
    { name: 'proposalEndsAt', type: 'uint64' },
    { name: 'endsAt', type: 'uint64' },
    { name: 'version', type: 'uint32' },
    { name: 'id', type: 'uint256' },
    { name: 'salt', type: 'bytes32' },
    { name: 'parties', type: 'Party[]' },
  ],
  Party: [
    { name: 'operator', type: 'address' },
    { name: 'firstLayer', type: 'uint16' },
    { name: 'endLayer', type: 'uint16' },
    { name: 'units', type: 'uint32' },
  ],
} as const
const leaveTypes = {
  Leave: [
    { name: 'id', type: 'uint256' },
    { name: 'operator', type: 'address' },
    { name: 'version', type: 'uint32' },
  ],
} as const
const respondTypes = {
  Respond: [
    { name: 'dispute', type: 'uint256' },
    { name: 'responseHash', type: 'bytes32' },
  ],
} as const
/** Of the token: only the payee may hand it in, so that nobody can part the money from what it is for. */
const receiveTypes = { ReceiveWithAuthorization: authorizationFields } as const
const voteTypes = {
  Vote: [
    { name: 'dispute', type: 'uint256' },
    { name: 'isGuilty', type: 'bool' },
    { name: 'evidenceHash', type: 'bytes32' },
  ],
} as const

export const coalitionDomain = ({ chainId, coalition }: CoalitionPlace) =>
  ({ name: 'ComputePool Coalition', version: '1', chainId, verifyingContract: coalition }) as const

/** Its EIP-712 digest is the terms' hash, on the chain as here. */
export const termsTypedData = (place: CoalitionPlace, terms: CoalitionTerms) =>
  ({ domain: coalitionDomain(place), types: coalitionTypes, primaryType: 'Terms', message: terms }) as const

/** `version`: of the terms in force, so that the word is worth nothing once its operator came back. */
export const leaveTypedData = (
  place: CoalitionPlace,
  message: { readonly id: bigint; readonly operator: Hex; readonly version: number },
) => ({ domain: coalitionDomain(place), types: leaveTypes, primaryType: 'Leave', message }) as const

export const respondTypedData = (
  place: CoalitionPlace,
  message: { readonly dispute: bigint; readonly responseHash: Hex },
) => ({ domain: coalitionDomain(place), types: respondTypes, primaryType: 'Respond', message }) as const

/** `evidenceHash` is the dispute's: an auditor votes on what it has seen. */
export const voteTypedData = (
  place: CoalitionPlace,
  message: { readonly dispute: bigint; readonly isGuilty: boolean; readonly evidenceHash: Hex },
) => ({ domain: coalitionDomain(place), types: voteTypes, primaryType: 'Vote', message }) as const

export interface StakeTransfer extends AuthorizationTimes {
  readonly from: Hex
  readonly amountAtomic: bigint
  /** Keccak-256 of the ABI encoding of `stakeNonceValues` or `bondNonceValues`. */
  readonly nonce: Hex
}

/** The transfer of a stake or a bond to the contract, signed for the token. */
export const transferTypedData = (place: CoalitionPlace, token: StakeToken, transfer: StakeTransfer) =>
  ({
    domain: { name: token.name, version: token.version, chainId: place.chainId, verifyingContract: token.address },
    types: receiveTypes,
    primaryType: 'ReceiveWithAuthorization',
    message: {
      from: transfer.from,
      to: place.coalition,
      value: transfer.amountAtomic,
      validAfter: transfer.validAfter,
      validBefore: transfer.validBefore,
      nonce: transfer.nonce,
    },
  }) as const

const stakeNonceParameters = [{ type: 'string' }, { type: 'bytes32' }, { type: 'address' }] as const
const bondNonceParameters = [
  { type: 'string' },
  { type: 'uint256' },
  { type: 'address' },
  { type: 'uint8' },
  { type: 'bytes32' },
  { type: 'bytes32' },
] as const

/** A stake's nonce is keccak256(abi.encode(values)): a stake that was signed for these terms can pay for no others. */
export const stakeNonceValues = (termsHash: Hex, operator: Hex) =>
  ({ parameters: stakeNonceParameters, values: ['stake', termsHash, operator] }) as const

export interface BondSubject {
  readonly id: bigint
  readonly accused: Hex
  readonly reason: BreachReason
  readonly session: Hex
  readonly evidenceHash: Hex
}

/** The same for a bond: it pays for this accusation and no other. */
export const bondNonceValues = ({ id, accused, reason, session, evidenceHash }: BondSubject) =>
  ({
    parameters: bondNonceParameters,
    values: ['bond', id, accused, reasonIndex(reason), session, evidenceHash],
  }) as const
