/**
 * Whether a party's or an auditor's word would be taken by the contract: the same signatures, checked in the same way, before anybody
 * pays gas for them. Expected refusals are values. It sends nothing.
 */
import { usdcAbi } from '@computepool/contracts/abi'
import {
  type Accusation,
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
import { type Hex, hashTypedData, type PublicClient, parseAbi, recoverAddress } from 'viem'
import { chainError } from '../chain/chain-error.ts'
import type { StakeView } from './coalition-reader.ts'
import { bondNonceOf, stakeNonceOf, termsHashOf } from './hash-terms.ts'

export interface VerifyContext {
  readonly client: PublicClient
  readonly place: CoalitionPlace
  readonly token: StakeToken
}

export type WordFault =
  /** Whoever signed is no party of these terms. */
  | 'not-party'
  /** Found guilty in this coalition: never again its member. */
  | 'party-guilty'
  | 'signature-wrong'
  | 'transfer-signature-wrong'
  /** Not yet, or no longer, good. */
  | 'transfer-untimely'
  /** Its nonce was used or cancelled. */
  | 'transfer-used'
  | 'transfer-unfunded'
  /** No authorization, and no stake that lies there already. */
  | 'stake-missing'

export interface ConsentToVerify {
  readonly terms: CoalitionTerms
  readonly consent: Consent
  /** Of the operator, in the coalition that these terms re-split; null for a proposal. */
  readonly stake: Pick<StakeView, 'amountAtomic' | 'isGuilty'> | null
}

/** Null where the consent is good now. Errors: `chain_unreachable`. */
export async function verifyConsent(
  context: VerifyContext,
  { terms, consent, stake }: ConsentToVerify,
): Promise<WordFault | null> {
  const operator = consent.operator.toLowerCase()
  if (!terms.parties.some(party => party.operator.toLowerCase() === operator)) return 'not-party'
  if (stake?.isGuilty) return 'party-guilty'
  const typed = termsTypedData(context.place, terms)
  if (!(await isSigned(context.client, consent.operator, hashTypedData(typed), consent.termsSignature))) {
    return 'signature-wrong'
  }
  // What lies there is not brought again: the contract does not look at an authorization then.
  if (stake !== null && stake.amountAtomic > 0n) return null
  if (consent.stakeSignature === emptySignature) return 'stake-missing'
  return verifyTransfer(context, {
    from: consent.operator,
    amountAtomic: terms.stakeAtomic,
    nonce: stakeNonceOf(termsHashOf(context.place, terms), consent.operator),
    validAfter: consent.validAfter,
    validBefore: consent.validBefore,
    signature: consent.stakeSignature,
  })
}

/** Null where the bond is good now; whether the accusation is true is the auditors' to say. Errors: `chain_unreachable`. */
export const verifyAccusation = (context: VerifyContext, accusation: Accusation): Promise<WordFault | null> =>
  verifyTransfer(context, {
    from: accusation.accuser,
    amountAtomic: accusation.bondAtomic,
    nonce: bondNonceOf(accusation),
    validAfter: accusation.validAfter,
    validBefore: accusation.validBefore,
    signature: accusation.bondSignature,
  })

type Signed = Pick<VerifyContext, 'client' | 'place'>

/** True where the operator signed that it leaves these terms. Errors of this and the next two: `chain_unreachable`. */
export const verifyLeave = ({ client, place }: Signed, { signature, ...message }: LeaveWord): Promise<boolean> =>
  isSigned(client, message.operator, hashTypedData(leaveTypedData(place, message)), signature)

export const verifyResponse = (
  { client, place }: Signed,
  { dispute, responseHash, signature }: ResponseWord,
  accused: Hex,
): Promise<boolean> =>
  isSigned(client, accused, hashTypedData(respondTypedData(place, { dispute, responseHash })), signature)

/** Whether the auditor is registered is another question. */
export const verifyVote = (
  { client, place }: Signed,
  { dispute, isGuilty, auditor, signature }: VoteWord,
  evidenceHash: Hex,
): Promise<boolean> =>
  isSigned(client, auditor, hashTypedData(voteTypedData(place, { dispute, isGuilty, evidenceHash })), signature)

interface TransferToVerify {
  readonly from: Hex
  readonly amountAtomic: bigint
  readonly nonce: Hex
  readonly validAfter: bigint
  readonly validBefore: bigint
  readonly signature: Hex
}

async function verifyTransfer(
  { client, place, token }: VerifyContext,
  { signature, ...transfer }: TransferToVerify,
): Promise<WordFault | null> {
  const usdc = { address: token.address, abi: usdcAbi } as const
  const typed = transferTypedData(place, token, transfer)
  if (!(await isSigned(client, transfer.from, hashTypedData(typed), withParity(signature)))) {
    return 'transfer-signature-wrong'
  }
  const [{ timestamp }, isUsed, held] = await asked('a transfer', () =>
    Promise.all([
      client.getBlock({ blockTag: 'latest' }),
      client.readContract({ ...usdc, functionName: 'authorizationState', args: [transfer.from, transfer.nonce] }),
      client.readContract({ ...usdc, functionName: 'balanceOf', args: [transfer.from] }),
    ]),
  )
  if (timestamp <= transfer.validAfter || timestamp >= transfer.validBefore) return 'transfer-untimely'
  if (isUsed) return 'transfer-used'
  return held < transfer.amountAtomic ? 'transfer-unfunded' : null
}

const erc1271 = parseAbi(['function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)'])
const validMagic = '0x1626ba7e'
/** Half of secp256k1's order: a signature above it is another spelling of one below, which the contract refuses. */
const mostS = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

/** Some wallets write the parity bit itself; the contract adds 27 for the token, but takes no other signature so. */
const withParity = (signature: Hex): Hex =>
  /^0x[0-9a-f]{128}0[01]$/i.test(signature)
    ? `0x${signature.slice(2, 130)}${signature.endsWith('0') ? '1b' : '1c'}`
    : signature

/** As OpenZeppelin's SignatureChecker: a key's own signature, or where there is code what that code takes (ERC-1271). */
export async function isSigned(client: PublicClient, signer: Hex, hash: Hex, signature: Hex): Promise<boolean> {
  const code = await asked('code', () => client.getCode({ address: signer }))
  if (code === undefined || code === '0x') return isKeySignature(signer, hash, signature)
  return client
    .readContract({ address: signer, abi: erc1271, functionName: 'isValidSignature', args: [hash, signature] })
    .then(
      answer => answer === validMagic,
      thrown => {
        // A wallet that refuses by reverting has answered; a node that did not is no answer.
        const fault = chainError(thrown, `Asking the wallet ${signer}`)
        if (fault.code === 'chain_unreachable') throw fault
        return false
      },
    )
}

async function isKeySignature(signer: Hex, hash: Hex, signature: Hex): Promise<boolean> {
  if (!/^0x[0-9a-f]{128}(1b|1c)$/i.test(signature)) return false
  if (BigInt(`0x${signature.slice(66, 130)}`) > mostS) return false
  const found = await recoverAddress({ hash, signature }).catch(() => null)
  return found !== null && found.toLowerCase() === signer.toLowerCase()
}

async function asked<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (thrown) {
    throw chainError(thrown, `Reading ${what}`)
  }
}
