/**
 * Signs what a party, an accuser or an auditor says about a coalition. Whoever signs must have looked at what is signed first: nothing
 * here asks whether the terms are good. It sends nothing.
 */
import {
  type Accusation,
  type AuthorizationTimes,
  type BondSubject,
  type CoalitionPlace,
  type CoalitionTerms,
  type Consent,
  emptySignature,
  type LeaveWord,
  leaveTypedData,
  type ResponseWord,
  respondTypedData,
  type StakeToken,
  termsTypedData,
  transferTypedData,
  type VoteWord,
  voteTypedData,
} from '@computepool/shared/coalition'
import type { Hex, LocalAccount } from 'viem'
import { bondNonceOf, stakeNonceOf, termsHashOf } from './hash-terms.ts'

/** A key, or whatever signs typed data for one. */
export type WordSigner = Pick<LocalAccount, 'address' | 'signTypedData'>

export interface SignContext {
  readonly signer: WordSigner
  readonly place: CoalitionPlace
  readonly token: StakeToken
}

/** `stake`: when its authorization is good; null where the party's stake lies in the contract already. */
export async function signConsent(
  { signer, place, token }: SignContext,
  terms: CoalitionTerms,
  stake: AuthorizationTimes | null,
): Promise<Consent> {
  const operator = ownAddress(signer)
  const termsSignature = await signer.signTypedData(termsTypedData(place, terms))
  if (stake === null) {
    return { operator, termsSignature, validAfter: 0n, validBefore: 0n, stakeSignature: emptySignature }
  }
  const { validAfter, validBefore } = stake
  const nonce = stakeNonceOf(termsHashOf(place, terms), operator)
  const transfer = { from: operator, amountAtomic: terms.stakeAtomic, validAfter, validBefore, nonce }
  const stakeSignature = await signer.signTypedData(transferTypedData(place, token, transfer))
  return { operator, termsSignature, validAfter, validBefore, stakeSignature }
}

/** `version`: of the terms in force. */
export async function signLeave(
  { signer, place }: Omit<SignContext, 'token'>,
  { id, version }: { readonly id: bigint; readonly version: number },
): Promise<LeaveWord> {
  const message = { id, operator: ownAddress(signer), version }
  return { ...message, signature: await signer.signTypedData(leaveTypedData(place, message)) }
}

export interface AccusationToSign extends BondSubject, AuthorizationTimes {
  readonly evidenceUri: string
  readonly bondAtomic: bigint
}

/** The bond's authorization is the accuser's signature: its nonce is made of everything that is accused. */
export async function signAccusation(
  { signer, place, token }: SignContext,
  accusation: AccusationToSign,
): Promise<Accusation> {
  const accuser = ownAddress(signer)
  const { bondAtomic, validAfter, validBefore } = accusation
  const nonce = bondNonceOf(accusation)
  const transfer = { from: accuser, amountAtomic: bondAtomic, validAfter, validBefore, nonce }
  return {
    ...accusation,
    accuser,
    bondSignature: await signer.signTypedData(transferTypedData(place, token, transfer)),
  }
}

export interface ResponseToSign {
  readonly dispute: bigint
  readonly responseHash: Hex
  readonly responseUri: string
}

export async function signResponse(
  { signer, place }: Omit<SignContext, 'token'>,
  response: ResponseToSign,
): Promise<ResponseWord> {
  const { dispute, responseHash } = response
  const signature = await signer.signTypedData(respondTypedData(place, { dispute, responseHash }))
  return { ...response, signature }
}

export interface VoteToSign {
  readonly dispute: bigint
  readonly isGuilty: boolean
  /** The dispute's: what the auditor has seen. */
  readonly evidenceHash: Hex
}

export async function signVote({ signer, place }: Omit<SignContext, 'token'>, vote: VoteToSign): Promise<VoteWord> {
  const { dispute, isGuilty } = vote
  const signature = await signer.signTypedData(voteTypedData(place, { ...vote }))
  return { dispute, isGuilty, auditor: ownAddress(signer), signature }
}

const ownAddress = (signer: WordSigner): Hex => signer.address.toLowerCase() as Hex
