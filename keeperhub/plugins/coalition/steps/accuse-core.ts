/**
 * Accuses a party, with a bond whose authorization comes from outside (it moves money). The contract takes a bond's nonce once, so the
 * same accusation is one dispute: where it is open already, that one is told.
 */
import { type CoalitionPort, failed, type StepFailure } from '../coalition-port.ts'
import { address, answering, bytes, hash32, id, reason, wholeNumber } from '../step-inputs.ts'
import { type DisputeState, disputeOf } from './read-coalition.ts'

export interface AccuseInput {
  readonly coalitionId: unknown
  readonly accused: unknown
  /** wrong-output, broken-receipts, withheld or false-witness. */
  readonly reason: unknown
  /** Session of the vault whose payer was harmed; empty where none was. */
  readonly session?: unknown
  readonly evidenceHash: unknown
  readonly evidenceUri?: unknown
  readonly accuser: unknown
  readonly bondAtomic: unknown
  /** Of an EIP-3009 ReceiveWithAuthorization to the contract, with the nonce that `bondNonce` tells. */
  readonly bondSignature: unknown
  readonly bondValidAfter?: unknown
  readonly bondValidBefore: unknown
}

export type AccuseResult =
  | {
      readonly success: true
      readonly disputeId: string
      readonly wasOpen: boolean
      readonly respondUntil: number
      readonly voteUntil: number
      readonly transactionHash: string | null
    }
  | StepFailure

/** How many of the newest disputes are looked through. */
const mostLookedThrough = 64
const noSession = `0x${'0'.repeat(64)}`
const mostUriChars = 400

export const accuseCore = (input: AccuseInput, port: CoalitionPort): Promise<AccuseResult> =>
  answering(async (): Promise<AccuseResult> => {
    const coalitionId = id(input.coalitionId, 'coalitionId')
    const accused = address(input.accused, 'accused')
    const accuser = address(input.accuser, 'accuser')
    const why = reason(input.reason)
    const session = input.session ? hash32(input.session, 'session') : noSession
    const evidenceHash = hash32(input.evidenceHash, 'evidenceHash')
    const uri = String(input.evidenceUri ?? '')
    if (uri.length > mostUriChars) return failed(`evidenceUri is longer than ${mostUriChars} characters.`)
    const bond = {
      operator: accuser,
      termsSignature: '0x',
      validAfter: wholeNumber(input.bondValidAfter || '0', 'bondValidAfter'),
      validBefore: wholeNumber(input.bondValidBefore, 'bondValidBefore'),
      stakeSignature: bytes(input.bondSignature, 'bondSignature'),
    }
    const bondAtomic = wholeNumber(input.bondAtomic, 'bondAtomic')
    const isThis = (d: DisputeState): boolean =>
      d.coalitionId === coalitionId &&
      [d.accused, d.accuser, d.reason, d.session, d.evidenceHash].join().toLowerCase() ===
        [accused, accuser, why, session, evidenceHash].join().toLowerCase()

    const before = await findDispute(isThis, port)
    if (!before.success) return before
    if (before.found) return { ...before.found, success: true, wasOpen: true, transactionHash: null }
    const written = await port.write('accuse', [
      coalitionId,
      accused,
      why,
      session,
      evidenceHash,
      uri,
      bond,
      bondAtomic,
    ])
    if (!written.success) return written
    const after = await findDispute(isThis, port)
    if (!after.success) return after
    if (!after.found) return failed('The dispute was not found after the accusation.')
    return { ...after.found, success: true, wasOpen: false, transactionHash: written.transactionHash ?? null }
  })

interface Found {
  readonly disputeId: string
  readonly respondUntil: number
  readonly voteUntil: number
}

async function findDispute(
  isThis: (d: DisputeState) => boolean,
  port: CoalitionPort,
): Promise<{ readonly success: true; readonly found: Found | null } | StepFailure> {
  const count = await port.read('disputeCount', [])
  if (!count.success) return count
  const newest = BigInt(String(count.result))
  for (let at = newest; at > 0n && newest - at < BigInt(mostLookedThrough); at--) {
    const dispute = await disputeOf(String(at), port)
    if (!dispute.success) return dispute
    const { respondUntil, voteUntil } = dispute
    if (isThis(dispute)) return { success: true, found: { disputeId: String(at), respondUntil, voteUntil } }
  }
  return { success: true, found: null }
}
