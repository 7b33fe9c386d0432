/**
 * The terms of a coalition as every party signs them: which model, who holds which layers, units, price, stake and until when. Values
 * are as in `ICoalition.Terms`, so that they go into a signature and into a call unchanged. It knows neither keys nor chain.
 */
import { z } from 'zod'
import {
  addressValueSchema,
  hash32Schema,
  uint16Schema,
  uint32Schema,
  uint64Schema,
  uint96Schema,
  uint256Schema,
} from './coalition-values.ts'

/** The vault's own bound on who shares its pool. */
export const mostParties = 32

export const partySchema = z.strictObject({
  operator: addressValueSchema,
  /** Layers [firstLayer, endLayer). */
  firstLayer: uint16Schema,
  endLayer: uint16Schema,
  units: uint32Schema,
})
export type Party = z.output<typeof partySchema>

/** Amounts and times are bigint, in JSON decimal strings; smaller figures are numbers. Whether they fit together `termsFault` says. */
export const coalitionTermsSchema = z.strictObject({
  /** SHA-256 of the pack's manifest. */
  modelDigest: hash32Schema,
  layers: uint16Schema,
  /** Superfluid pool that the units are of, and the vault that pays it. */
  pool: addressValueSchema,
  vault: addressValueSchema,
  pricePerSecondAtomic: uint96Schema,
  /** Of each party. */
  stakeAtomic: uint96Schema,
  /** Unix seconds of the chain: until when all must have signed, and until when the coalition lasts. */
  proposalEndsAt: uint64Schema,
  endsAt: uint64Schema,
  /** 0 for a proposal, then 1 more for each re-split. */
  version: uint32Schema,
  /** 0 for a proposal; the coalition that is re-split. */
  id: uint256Schema,
  /** Makes two proposals of the same content two. */
  salt: hash32Schema,
  parties: z.array(partySchema).max(mostParties),
})
export type CoalitionTerms = z.output<typeof coalitionTermsSchema>

export type TermsFaultCode =
  | 'stake-zero'
  | 'layers-none'
  | 'parties-none'
  | 'parties-many'
  | 'operator-twice'
  | 'units-zero'
  | 'spans-untiled'
  | 'order-wrong'
  | 'version-wrong'
  | 'times-wrong'

export interface TermsFault {
  readonly code: TermsFaultCode
  /** With the values. */
  readonly text: string
}

/** Parties in the one order in which they are signed: by first layer, then by address. */
export const orderParties = (parties: readonly Party[]): Party[] => [...parties].sort(compareParties)

/** What makes terms worthless before anybody looks at a chain; null where nothing does. */
export function termsFault(terms: CoalitionTerms): TermsFault | null {
  const { parties, layers } = terms
  if (terms.stakeAtomic === 0n) return fault('stake-zero', 'A coalition without stake binds nobody: the stake is 0.')
  if (layers === 0) return fault('layers-none', 'The model has no layers.')
  if (parties.length === 0) return fault('parties-none', 'There is no party.')
  if (parties.length > mostParties) {
    return fault('parties-many', `There are ${parties.length} parties; ${mostParties} are allowed.`)
  }
  const operators = new Set<string>()
  for (const { operator, units } of parties) {
    const key = operator.toLowerCase()
    if (operators.has(key)) return fault('operator-twice', `${operator} is a party twice.`)
    operators.add(key)
    if (units === 0) return fault('units-zero', `${operator} has no units.`)
  }
  if (orderParties(parties).some((party, at) => party !== parties[at])) {
    return fault('order-wrong', 'Parties do not stand in the order of their layers and addresses.')
  }
  const gap = untiledAt(parties, layers)
  if (gap !== null) return fault('spans-untiled', gap)
  if ((terms.version === 0) !== (terms.id === 0n)) {
    return fault(
      'version-wrong',
      `Version ${terms.version} of coalition ${terms.id}: a proposal has neither, a re-split both.`,
    )
  }
  // A re-split needs no time for a proposal: it is signed by all when it is sent.
  if (terms.endsAt <= terms.proposalEndsAt) {
    return fault('times-wrong', `The coalition would end at ${terms.endsAt}, its proposal at ${terms.proposalEndsAt}.`)
  }
  return null
}

/** Where spans, which several parties may share, do not cover [0, layers) once; null where they do. */
function untiledAt(parties: readonly Party[], layers: number): string | null {
  let covered = 0
  let start = 0
  for (const { firstLayer, endLayer } of parties) {
    const isShared = covered > 0 && firstLayer === start && endLayer === covered
    if (isShared) continue
    if (firstLayer !== covered || endLayer <= firstLayer) {
      return `Layers [${firstLayer}, ${endLayer}) follow [0, ${covered}).`
    }
    start = firstLayer
    covered = endLayer
  }
  return covered === layers ? null : `The spans cover [0, ${covered}) of ${layers} layers.`
}

const fault = (code: TermsFaultCode, text: string): TermsFault => ({ code, text })

function compareParties(a: Party, b: Party): number {
  if (a.firstLayer !== b.firstLayer) return a.firstLayer - b.firstLayer
  const [first, second] = [a.operator.toLowerCase(), b.operator.toLowerCase()]
  return first < second ? -1 : first > second ? 1 : 0
}
