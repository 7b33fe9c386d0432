/** What the command line and the environment say of 0G Compute. Returns data. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Hex, isAddress, parseEther } from 'viem'
import type { ChainChoice } from './payments/money-chain.ts'
import type { ZerogSettings } from './zerog-compute/index.ts'

export interface ZerogOptions {
  readonly 'zerog-provider'?: string | undefined
  readonly 'zerog-contract'?: string | undefined
  readonly 'zerog-cut'?: string | undefined
  readonly 'zerog-payout-at'?: string | undefined
}

const options = ['zerog-contract', 'zerog-cut', 'zerog-payout-at'] as const

/**
 * Null where it is not asked for. `money` is the chain that everybody else pays on; null: nothing is paid. Errors: `input_invalid`; neither the
 * key nor an endpoint is ever repeated.
 */
export function zerogOf(
  values: ZerogOptions,
  money: ChainChoice | null,
  environment: Readonly<Record<string, string | undefined>>,
): ZerogSettings | null {
  const { 'zerog-provider': chain, 'zerog-contract': contract } = values
  if (chain === undefined) {
    const alone = options.find(name => values[name] !== undefined)
    if (alone === undefined) return null
    throw invalid(`--${alone}`, `--${alone} came without --zerog-provider.`)
  }
  if (contract !== undefined && !isAddress(contract)) {
    throw invalid('--zerog-contract', `--zerog-contract is "${contract}"; it must be an address.`)
  }
  const key = environment.COMPUTEPOOL_ZEROG_KEY ?? ''
  if (!/^0x[0-9a-f]{64}$/i.test(key)) {
    throw invalid('COMPUTEPOOL_ZEROG_KEY', 'COMPUTEPOOL_ZEROG_KEY must be a private key: 0x and 64 hex digits.')
  }
  if (money?.kind === 'embedded' && !isHere(chain)) {
    const message =
      'Everybody else would get for test money what 0G’s users pay for: --zerog-provider is on a real chain, --chain is embedded.'
    const remedy =
      'Name the chain that payers come by (--chain 0g-galileo), or say --free if answers are to be given away.'
    throw new ComputePoolError('input_invalid', message, { remedy, context: { param: '--zerog-provider' } })
  }
  const rpcUrl = rpcUrlOf(chain, money, environment.COMPUTEPOOL_RPC_URL)
  return {
    ...{ chain, serving: contract ?? null, key: key as Hex },
    ...(rpcUrl === null ? {} : { rpcUrl }),
    ...(values['zerog-cut'] === undefined ? {} : { cutBasisPoints: basisPointsOf(values['zerog-cut']) }),
    ...(values['zerog-payout-at'] === undefined ? {} : { pay: { atNeuron: payoutOf(values['zerog-payout-at']) } }),
  }
}

function basisPointsOf(percent: string): number {
  const basisPoints = /^\d{1,3}(\.\d{1,2})?$/.test(percent) ? Math.round(Number(percent) * 100) : Number.NaN
  if (basisPoints <= 10_000) return basisPoints
  throw invalid(
    '--zerog-cut',
    `--zerog-cut is "${percent}"; it must be a percentage from 0 to 100, in hundredths at most.`,
  )
}

function payoutOf(coins: string): bigint {
  const neuron = /^\d{1,9}(\.\d{1,18})?$/.test(coins) ? parseEther(coins) : 0n
  if (neuron > 0n) return neuron
  throw invalid('--zerog-payout-at', `--zerog-payout-at is "${coins}"; it must be an amount of 0G above 0.`)
}

/** A chain on this machine is there to try things out. */
const isHere = (chain: string): boolean => /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])([:/]|$)/i.test(chain)

/** The endpoint is of the chain that is paid on: another chain’s provider does not speak to it. */
function rpcUrlOf(chain: string, money: ChainChoice | null, url: string | undefined): string | null {
  if (!url || (money !== null && (money.kind === 'embedded' || money.name !== chain))) return null
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url
  throw invalid('COMPUTEPOOL_RPC_URL', 'COMPUTEPOOL_RPC_URL must be an address with http:// or https://.')
}

const invalid = (param: string, message: string): ComputePoolError =>
  new ComputePoolError('input_invalid', message, { remedy: 'See `npm start -- --help`.', context: { param } })
