/** Proposes terms with the consents that are there; where they are proposed already, gives it the consents that are missing. */
import { type CoalitionPort, failed, type StepFailure } from '../coalition-port.ts'
import { answering, list, object } from '../step-inputs.ts'
import { coalitionOf, isMember } from './read-coalition.ts'

export interface ProposeInput {
  /** As signed: an object or JSON of one. */
  readonly terms: unknown
  /** Of `sign`, one for each party that has signed so far. */
  readonly consents: unknown
}

export type ProposeResult =
  | {
      readonly success: true
      readonly coalitionId: string
      readonly termsHash: string
      readonly wasProposed: boolean
      /** Consents that this step brought. */
      readonly consentsTaken: number
      readonly transactionHash: string | null
    }
  | StepFailure

export const proposeCore = (input: ProposeInput, port: CoalitionPort): Promise<ProposeResult> =>
  answering(async (): Promise<ProposeResult> => {
    const terms = object(input.terms, 'terms')
    const consents = list(input.consents, 'consents').map((each, at) => object(each, `consents[${at}]`))
    const known = await coalitionOf(terms, port)
    if (!known.success) return known
    const { termsHash, coalitionId } = known
    if (coalitionId !== null) return bringMissing({ terms, consents, termsHash, coalitionId }, port)

    const written = await port.write('propose', [terms, consents])
    // Somebody else may have been faster with the same terms: then they are proposed, and that is what was asked for.
    const now = await coalitionOf(terms, port)
    if (!now.success) return now
    if (now.coalitionId === null)
      return written.success ? failed('The coalition was not found after it was proposed.') : written
    if (!written.success) return bringMissing({ terms, consents, termsHash, coalitionId: now.coalitionId }, port)
    return {
      success: true,
      coalitionId: now.coalitionId,
      termsHash,
      wasProposed: false,
      consentsTaken: consents.length,
      transactionHash: written.transactionHash ?? null,
    }
  })

interface Proposed {
  readonly terms: Record<string, unknown>
  readonly consents: readonly Record<string, unknown>[]
  readonly termsHash: string
  readonly coalitionId: string
}

async function bringMissing(proposed: Proposed, port: CoalitionPort): Promise<ProposeResult> {
  const { terms, consents, termsHash, coalitionId } = proposed
  const missing: Record<string, unknown>[] = []
  for (const consent of consents) {
    const member = await isMember(coalitionId, String(consent.operator), port)
    if (!member.success) return member
    if (!member.isMember) missing.push(consent)
  }
  const told = { success: true, coalitionId, termsHash, wasProposed: true, consentsTaken: missing.length } as const
  if (missing.length === 0) return { ...told, transactionHash: null }
  const written = await port.write('consent', [coalitionId, terms, missing])
  return written.success ? { ...told, transactionHash: written.transactionHash ?? null } : written
}
