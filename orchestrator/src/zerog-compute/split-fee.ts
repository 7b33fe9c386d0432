/**
 * Whose work a fee was, and what each of them gets of what was paid for it. All divisions round down; what that leaves, and what gas took more than
 * there was, is carried on to the next payment. Pure sums of integers: it knows no chain and no file.
 */
import type { Hex } from 'viem'

/** Wallets (lower case) and weights of those who served one answer: units, times the tokens that were drawn while they served. Nobody: empty. */
export type Served = readonly (readonly [wallet: Hex, weight: number])[]

/** Neuron by wallet (lower case). */
export type Shares = ReadonlyMap<Hex, bigint>

/** The wallets' parts of one fee; together at most the fee, and less by the rounding. */
export function sharesOf(feeNeuron: bigint, served: Served): Shares {
  const total = served.reduce((sum, [, weight]) => sum + BigInt(weight), 0n)
  return new Map(served.map(([wallet, weight]) => [wallet, (feeNeuron * BigInt(weight)) / total]))
}

export function addShares(some: Shares, more: Shares): Shares {
  const sum = new Map(some)
  for (const [wallet, neuron] of more) sum.set(wallet, (sum.get(wallet) ?? 0n) + neuron)
  return sum
}

/** What is left of the shares where so much of the fee stays unpaid. */
export const unpaidShares = (shares: Shares, unpaidNeuron: bigint, feeNeuron: bigint): Shares =>
  unpaidNeuron === 0n || feeNeuron === 0n
    ? new Map()
    : new Map([...shares].map(([wallet, neuron]) => [wallet, (neuron * unpaidNeuron) / feeNeuron]))

/** What one settled voucher brought the provider, and cost it. */
export interface Takings {
  readonly receivedNeuron: bigint
  readonly gasNeuron: bigint
  /** The provider's own. */
  readonly cutNeuron: bigint
}

/** Rounded down. */
export const cutOf = (receivedNeuron: bigint, basisPoints: number): bigint =>
  (receivedNeuron * BigInt(basisPoints)) / 10_000n

/**
 * Divides takings, and what was carried to here, among the shares. received − gas − cut + carried = Σ credits + carried on, always; where gas was
 * more than all of it nobody gets anything and the lack is carried on, below zero.
 */
export function divide(
  { receivedNeuron, gasNeuron, cutNeuron }: Takings,
  carriedNeuron: bigint,
  shares: Shares,
): { readonly credits: Shares; readonly carriedNeuron: bigint } {
  const pot = receivedNeuron - gasNeuron - cutNeuron + carriedNeuron
  const total = [...shares.values()].reduce((sum, neuron) => sum + neuron, 0n)
  if (pot <= 0n || total === 0n) return { credits: new Map(), carriedNeuron: pot }
  const credits = new Map([...shares].map(([wallet, neuron]) => [wallet, (pot * neuron) / total]))
  const given = [...credits.values()].reduce((sum, neuron) => sum + neuron, 0n)
  return { credits, carriedNeuron: pot - given }
}
