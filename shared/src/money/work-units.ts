/**
 * How operators share what a coalition earns: layers held, weighted by measured speed, as small integers. All sums are of integers, so
 * that every node finds the same units in whatever order the seats come.
 */
import { ComputePoolError } from '../errors/index.ts'

export interface WorkSeat {
  /** The operator's wallet. */
  readonly operator: string
  readonly layers: number
  /** Measured milliseconds of one layer; less is faster. */
  readonly msPerLayer: number
}

export interface MemberUnits {
  /** Lower case. */
  readonly member: string
  readonly units: number
  /** How many of the units it has for checks of others' work; absent: none. They are a part of what operators have, and nothing without these. */
  readonly forChecks?: number
}

/** Superfluid rounds a flow to a multiple of the units: few of them keep that loss small. */
const wantedUnits = 1000
/** The vault's own bound. */
export const mostMembers = 32
const mostLayers = 10_000
const weightScale = 1_000_000

/**
 * Units of each wallet, in the order of their addresses. A seat's share is layers × (median milliseconds ÷ its own), that factor held
 * between one half and two; a wallet's seats add up; everybody gets at least 1. Beyond 32 wallets the ones with the least share are
 * left out. Errors: `input_invalid` for an address or a figure that makes no sense.
 */
export function workUnits(seats: readonly WorkSeat[]): MemberUnits[] {
  for (const seat of seats) checkSeat(seat)
  const medianMs = medianOf(seats.map(seat => seat.msPerLayer))
  const weights = new Map<string, bigint>()
  for (const { operator, layers, msPerLayer } of seats) {
    const factor = Math.min(2, Math.max(0.5, medianMs / msPerLayer))
    const member = operator.toLowerCase()
    weights.set(member, (weights.get(member) ?? 0n) + BigInt(layers) * BigInt(Math.round(factor * weightScale)))
  }
  const members = [...weights]
    .sort(([a, weightA], [b, weightB]) => compare(weightB, weightA) || compare(a, b))
    .slice(0, mostMembers)
  const total = members.reduce((sum, [, weight]) => sum + weight, 0n)
  return members
    .map(([member, weight]) => ({ member, units: shareOf(weight, total) }))
    .sort((a, b) => compare(a.member, b.member))
}

/** Rounded half up, at least 1: the sum is 1,000 give or take one a member. */
function shareOf(weight: bigint, total: bigint): number {
  const units = Number((weight * BigInt(wantedUnits) * 2n + total) / (total * 2n))
  return Math.max(1, units)
}

/** Of an even count the lower middle: an element, so that no rounding enters. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? 1
}

function checkSeat({ operator, layers, msPerLayer }: WorkSeat): void {
  if (!/^0x[0-9a-fA-F]{40}$/.test(operator)) {
    throw new ComputePoolError('input_invalid', `"${operator}" is no operator's address.`)
  }
  if (!Number.isInteger(layers) || layers < 1 || layers > mostLayers) {
    throw new ComputePoolError('input_invalid', `${operator} holds ${layers} layers; that must be 1 to ${mostLayers}.`)
  }
  if (!Number.isFinite(msPerLayer) || msPerLayer <= 0) {
    throw new ComputePoolError('input_invalid', `${operator} takes ${msPerLayer} ms a layer; that must be above 0.`)
  }
}

const compare = <T extends bigint | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
