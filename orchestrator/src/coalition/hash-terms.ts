/** Hashes of what is signed about a coalition, equal to the contract's own. It signs nothing and asks no chain. */
import {
  type BondSubject,
  bondNonceValues,
  type CoalitionPlace,
  type CoalitionTerms,
  stakeNonceValues,
  termsTypedData,
} from '@computepool/shared/coalition'
import { encodeAbiParameters, type Hex, hashTypedData, keccak256 } from 'viem'

/** The EIP-712 digest of the terms: what `ICoalition.termsHash` gives, and what stands in its events. */
export const termsHashOf = (place: CoalitionPlace, terms: CoalitionTerms): Hex =>
  hashTypedData(termsTypedData(place, terms))

/** The nonce of the authorization that brings an operator's stake for these terms. */
export function stakeNonceOf(termsHash: Hex, operator: Hex): Hex {
  const { parameters, values } = stakeNonceValues(termsHash, operator)
  return keccak256(encodeAbiParameters(parameters, values))
}

/** The nonce of the authorization that brings an accuser's bond for this accusation. */
export function bondNonceOf(subject: BondSubject): Hex {
  const { parameters, values } = bondNonceValues(subject)
  return keccak256(encodeAbiParameters(parameters, values))
}
