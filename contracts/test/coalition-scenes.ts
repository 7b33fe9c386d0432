/** Scenes that tests of a Coalition begin or end with: founded, accused, decided, and all paid out. */
import { type Hex, keccak256, stringToHex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { expect } from 'vitest'
import type { SignedAccusation, SignedTerms } from '../testing/coalition-signing.ts'
import { accusers, auditors, type CoalitionBench, config, noHash, operators, treasury } from './coalition-bench.ts'

type Person = PrivateKeyAccount
export const [ann, ben, cay, dot] = operators as unknown as readonly [Person, Person, Person, Person, Person]
export const [harmed, watcher] = accusers as unknown as readonly [Person, Person]
export const evidenceHash: Hex = keccak256(stringToHex('evidence'))
/** Reasons whose slash takes all of a stake, and about half of it. */
export const [wholly, half] = [0, 1] as const

/** An active coalition of these operators; the first has id 1. */
export async function found(on: CoalitionBench, of: readonly Person[], change: Partial<SignedTerms> = {}) {
  const terms = on.terms(of, change)
  const consents = await Promise.all(of.map(one => on.signer.consent(one, terms)))
  await on.send('propose', [terms, consents])
  const id = await on.read<bigint>('coalitionCount')
  await on.send('activate', [id])
  return { id, terms }
}

export const against = (id: bigint, accused: Person, change: Partial<SignedAccusation> = {}): SignedAccusation => ({
  ...{ id, accused: accused.address, reason: wholly, session: noHash, evidenceHash },
  ...change,
})

export async function accuse(on: CoalitionBench, by: Person, what: SignedAccusation): Promise<bigint> {
  await on.send('accuse', await on.accusation(by, what))
  return on.read<bigint>('disputeCount')
}

export const ballot = async (
  on: CoalitionBench,
  by: Person,
  dispute: bigint,
  isGuilty: boolean,
  evidence = evidenceHash,
) => [dispute, isGuilty, by.address, await on.signer.vote(by, dispute, isGuilty, evidence)] as const

/** Lets the time for an answer pass. */
export async function passResponse(on: CoalitionBench, dispute: bigint): Promise<void> {
  const { respondUntil } = await on.disputeOf(dispute)
  if (Number(respondUntil) >= on.now()) await on.wait(Number(respondUntil) - on.now() + 1)
}

/** Lets the time for an answer pass, and a quorum vote. */
export async function decide(on: CoalitionBench, dispute: bigint, isGuilty: boolean): Promise<void> {
  await passResponse(on, dispute)
  const { evidenceHash: evidence } = await on.disputeOf(dispute)
  for (const auditor of auditors.slice(0, config.quorum)) {
    await on.send('vote', await ballot(on, auditor, dispute, isGuilty, evidence))
  }
}

/** What each of them could withdraw. */
export const creditsOf = (on: CoalitionBench, of: readonly Person[]): Promise<bigint[]> =>
  Promise.all(of.map(({ address }) => on.creditOf(address)))

/** Waits until all is over, lets everybody take what is theirs, and expects that nothing is left. */
export async function expectEmptied(on: CoalitionBench): Promise<void> {
  const ids = Array.from({ length: Number(await on.read<bigint>('coalitionCount')) }, (_, index) => BigInt(index + 1))
  await on.wait(config.maxTermSeconds)
  for (const id of ids) await on.attempt('end', [id])
  await on.wait(config.unbondingSeconds)
  for (const id of ids) for (const { address } of operators) await on.attempt('release', [id, address])
  const everybody = [...operators, ...accusers, ...auditors].map(({ address }) => address)
  for (const account of [...everybody, treasury]) await on.attempt('withdraw', [account])
  expect({ held: await on.read('heldAtomic'), balance: await on.usdcOf(on.coalition) }).toEqual({
    held: 0n,
    balance: 0n,
  })
}
