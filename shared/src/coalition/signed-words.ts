/**
 * What parties, accusers and auditors sign about a coalition, as it travels to whoever relays it: strict, capped, amounts as decimal
 * strings. That a signature is good is for others to say.
 */
import { z } from 'zod'
import {
  addressValueSchema,
  breachReasonSchema,
  hash32Schema,
  optionalSignatureSchema,
  signatureSchema,
  uint32Schema,
  uint96Schema,
  uint256Schema,
} from './coalition-values.ts'

/** What people may write into an event: an address of evidence, not evidence. */
export const mostUriChars = 400
const uri = z.string().max(mostUriChars)

/**
 * One party's word: its signature over the terms, and the authorization of its stake (`0x` where a stake of it lies in the coalition
 * already, a member's or one that unbonds). Times are the authorization's, Unix seconds, both ends exclusive.
 */
export const consentSchema = z.strictObject({
  operator: addressValueSchema,
  termsSignature: signatureSchema,
  validAfter: uint256Schema,
  validBefore: uint256Schema,
  stakeSignature: optionalSignatureSchema,
})
export type Consent = z.output<typeof consentSchema>

export const leaveSchema = z.strictObject({
  id: uint256Schema,
  operator: addressValueSchema,
  /** Of the terms in force; with others the signature is worth nothing. */
  version: uint32Schema,
  signature: signatureSchema,
})
export type LeaveWord = z.output<typeof leaveSchema>

/** An accusation; the bond is an authorization whose nonce is made of all that is said here. */
export const accusationSchema = z.strictObject({
  id: uint256Schema,
  accused: addressValueSchema,
  reason: breachReasonSchema,
  /** Session of the vault whose payer was harmed; zeros where none was. */
  session: hash32Schema,
  evidenceHash: hash32Schema,
  evidenceUri: uri,
  accuser: addressValueSchema,
  bondAtomic: uint96Schema,
  validAfter: uint256Schema,
  validBefore: uint256Schema,
  bondSignature: signatureSchema,
})
export type Accusation = z.output<typeof accusationSchema>

export const responseSchema = z.strictObject({
  dispute: uint256Schema,
  responseHash: hash32Schema,
  responseUri: uri,
  signature: signatureSchema,
})
export type ResponseWord = z.output<typeof responseSchema>

export const voteSchema = z.strictObject({
  dispute: uint256Schema,
  isGuilty: z.boolean(),
  auditor: addressValueSchema,
  signature: signatureSchema,
})
export type VoteWord = z.output<typeof voteSchema>
