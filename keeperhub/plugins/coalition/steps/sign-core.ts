/**
 * One party's consent: its signature over the terms, by the organisation's wallet, after a look at what the wallet would be bound to.
 * The stake's authorization moves money, which KeeperHub's wallet signs for no step: it comes from outside, or the stake lies there.
 */
import { type CoalitionPort, failed, type StepFailure } from '../coalition-port.ts'
import { address, answering, bytes, object, wholeNumber } from '../step-inputs.ts'
import { typedData } from '../typed-data.ts'
import { field } from './read-coalition.ts'

export interface SignInput {
  readonly terms: unknown
  /** Of an EIP-3009 ReceiveWithAuthorization to the contract; empty where the stake lies there already. */
  readonly stakeSignature?: unknown
  readonly stakeValidAfter?: unknown
  readonly stakeValidBefore?: unknown
  /** What the organisation agrees to at most; empty asks for nothing. */
  readonly mostStakeAtomic?: unknown
  readonly expectedVault?: unknown
}

export interface SignedConsent {
  readonly operator: string
  readonly termsSignature: string
  readonly validAfter: string
  readonly validBefore: string
  readonly stakeSignature: string
}

export type SignResult =
  | {
      readonly success: true
      readonly operator: string
      readonly termsHash: string
      /** The nonce that the stake's authorization must carry. */
      readonly stakeNonce: string
      /** For `propose`. */
      readonly consent: SignedConsent
    }
  | StepFailure

export const signCore = (input: SignInput, port: CoalitionPort): Promise<SignResult> =>
  answering(async (): Promise<SignResult> => {
    const terms = object(input.terms, 'terms')
    const operator = await port.walletAddress()
    const parties = Array.isArray(terms.parties) ? terms.parties : []
    const isParty = parties.some(party => isSame(field(party, 'operator'), operator))
    if (!isParty) return failed(`${operator} is no party of these terms.`)
    const stakeAtomic = BigInt(wholeNumber(terms.stakeAtomic, 'terms.stakeAtomic'))
    if (isGiven(input.mostStakeAtomic)) {
      const most = BigInt(wholeNumber(input.mostStakeAtomic, 'mostStakeAtomic'))
      if (stakeAtomic > most) return failed(`The terms ask for a stake of ${stakeAtomic}; ${most} is allowed.`)
    }
    if (isGiven(input.expectedVault) && !isSame(terms.vault, address(input.expectedVault, 'expectedVault'))) {
      return failed(`The terms name the vault ${String(terms.vault)}, not ${String(input.expectedVault)}.`)
    }
    const hash = await port.read('termsHash', [terms])
    if (!hash.success) return hash
    const termsHash = String(hash.result)
    const nonce = await port.read('stakeNonce', [termsHash, operator])
    if (!nonce.success) return nonce
    const stakeSignature = isGiven(input.stakeSignature) ? bytes(input.stakeSignature, 'stakeSignature') : '0x'
    const [validAfter, validBefore] = [
      wholeNumber(input.stakeValidAfter || '0', 'stakeValidAfter'),
      wholeNumber(input.stakeValidBefore || '0', 'stakeValidBefore'),
    ]
    const signed = await port.sign(typedData(port, 'Terms', terms))
    if (!signed.success) return signed
    return {
      success: true,
      operator,
      termsHash,
      stakeNonce: String(nonce.result),
      consent: { operator, termsSignature: signed.signature, validAfter, validBefore, stakeSignature },
    }
  })

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && String(value).trim() !== ''
const isSame = (one: unknown, other: string): boolean => String(one ?? '').toLowerCase() === other.toLowerCase()
