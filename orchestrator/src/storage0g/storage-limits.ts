/**
 * Whom storage may be paid at, and how much at most. A node says which contract it follows, and its market what it asks: neither is
 * believed with a key that has money. It knows no chain's state.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { chunkBytes, paddedChunks } from '@computepool/shared/storage0g'
import { type Address, getAddress, isAddress } from 'viem'

/** 0G's flow contracts by chain, as its documentation named them in November 2026. */
export const zeroGFlows: Readonly<Record<number, Address>> = {
  16602: '0x22E03a6A89B950F1c82ec5e74F8eCa321a105296',
  16661: '0x62D4144dB0F0a6fBBaeb6296c785C71B3D57C526',
}

/** Ten times what 0G's test network asked for a sector of 256 bytes: 1.45 coins for a GiB. */
export const usualMostWeiPerSector = 345_700_000_000n

export interface StorageLimits {
  /** Instead of the chain's known one. */
  readonly flow?: Address | undefined
  /** Default: `usualMostWeiPerSector`. */
  readonly mostWeiPerSector?: bigint | undefined
}

/** What the environment says. Errors: `input_invalid` with the variable's name. */
export function storageLimitsOf(environment: Readonly<Record<string, string | undefined>>): StorageLimits {
  const { COMPUTEPOOL_STORAGE_FLOW: flow, COMPUTEPOOL_STORAGE_MOST_WEI: most } = environment
  if (flow && !isAddress(flow))
    throw invalid('COMPUTEPOOL_STORAGE_FLOW', `"${flow.slice(0, 80)}"; it must be an address`)
  if (most && !/^[1-9]\d{0,29}$/.test(most)) {
    throw invalid(
      'COMPUTEPOOL_STORAGE_MOST_WEI',
      `"${most.slice(0, 80)}"; it must be wei for 256 bytes, a whole number`,
    )
  }
  return { ...(flow && { flow: getAddress(flow) }), ...(most && { mostWeiPerSector: BigInt(most) }) }
}

/** For a file of so many bytes, filled up as the contract fills it up. */
export const mostWeiFor = (sizeBytes: number, mostWeiPerSector: bigint): bigint =>
  BigInt(paddedChunks(Math.ceil(sizeBytes / chunkBytes))) * mostWeiPerSector

const invalid = (param: string, what: string): ComputePoolError =>
  new ComputePoolError('input_invalid', `${param} is ${what}.`, {
    remedy: 'Correct it, or leave it out.',
    context: { param },
  })
