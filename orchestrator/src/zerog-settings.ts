/** What the command line and the environment say of 0G Compute. Returns data. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Hex, isAddress } from 'viem'
import type { ZerogSettings } from './zerog-compute/index.ts'

export interface ZerogOptions {
  readonly 'zerog-provider'?: string | undefined
  readonly 'zerog-contract'?: string | undefined
}

/** Null where it is not asked for. Errors: `input_invalid`; the key itself is never repeated. */
export function zerogOf(
  options: ZerogOptions,
  environment: Readonly<Record<string, string | undefined>>,
): ZerogSettings | null {
  const { 'zerog-provider': chain, 'zerog-contract': contract } = options
  if (chain === undefined) {
    if (contract === undefined) return null
    throw invalid('--zerog-contract', '--zerog-contract came without --zerog-provider.')
  }
  if (contract !== undefined && !isAddress(contract)) {
    throw invalid('--zerog-contract', `--zerog-contract is "${contract}"; it must be an address.`)
  }
  const key = environment.COMPUTEPOOL_ZEROG_KEY ?? ''
  if (!/^0x[0-9a-f]{64}$/i.test(key)) {
    throw invalid('COMPUTEPOOL_ZEROG_KEY', 'COMPUTEPOOL_ZEROG_KEY must be a private key: 0x and 64 hex digits.')
  }
  return { chain, serving: contract ?? null, key: key as Hex }
}

const invalid = (param: string, message: string): ComputePoolError =>
  new ComputePoolError('input_invalid', message, { remedy: 'See `npm start -- --help`.', context: { param } })
