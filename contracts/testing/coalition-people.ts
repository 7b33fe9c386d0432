/**
 * People whom no other test knows, and what a coalition of theirs says next: for tests that share one chain. Knows no rule of the
 * contract.
 */
import { type Address, type Hex, keccak256, type PrivateKeyAccount, stringToHex } from 'viem'
import type { SignedConsent, SignedTerms } from './coalition-signing.ts'
import type { TestCoalition } from './open-test-coalition.ts'
import { testAccount } from './test-accounts.ts'

let made = 0

/** Named, so that a test says who does what; as many as are asked for. */
export const newPeople = (count: number) =>
  // Four at least by type: a test takes the first of them by name.
  Array.from({ length: count }, () => testAccount(`coalition person ${made++}`)) as [
    Person,
    Person,
    Person,
    Person,
    ...Person[],
  ]
type Person = PrivateKeyAccount

export const newSalt = (): Hex => keccak256(stringToHex(`coalition salt ${made++}`))
export const addressesOf = (all: readonly Person[]): Address[] => all.map(({ address }) => address)

export const consentsOf = (
  { signer }: TestCoalition,
  all: readonly Person[],
  terms: SignedTerms,
  hasStake: (one: Person) => boolean = () => false,
): Promise<SignedConsent[]> => Promise.all(all.map(one => signer.consent(one, terms, hasStake(one))))

/** These spans for the terms' parties, one each. */
export const spannedBy = (terms: SignedTerms, spans: readonly (readonly [number, number])[]) =>
  terms.parties.map((party, at) => ({ ...party, firstLayer: spans[at]![0], endLayer: spans[at]![1] }))

/** The next terms of a coalition, with these parties: a layer each, and all that remain for the last. */
export async function nextTerms(
  bench: TestCoalition,
  id: bigint,
  of: SignedTerms,
  all: readonly Person[],
): Promise<SignedTerms> {
  const { parties, proposalEndsAt, endsAt } = await bench.terms(all)
  const tiling = parties.map((party, at) => (at === parties.length - 1 ? { ...party, endLayer: of.layers } : party))
  return { ...of, proposalEndsAt, endsAt, id, version: of.version + 1, parties: tiling }
}
