/** The part of the settings that is about money: parsed from options and environment, no chain touched. Keys are never repeated. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Hex } from 'viem'
import type { ChainChoice, ForeignKeys } from './payments/money-chain.ts'

export interface MoneyChoice {
  /** Null where work is given away. */
  readonly chain: ChainChoice | null
  readonly databaseUrl: string | null
  /** Null: the default price, or what the vault asks for already. */
  readonly pricePerSecondAtomic: bigint | null
  readonly keeperHub: { readonly url: string; readonly apiKey: string } | null
  /** What each operator puts at stake, 6 decimals; 0: the pool is unstaked. */
  readonly stakeAtomic: bigint
}

export interface MoneyValues {
  readonly free?: boolean | undefined
  readonly chain?: string | undefined
  readonly price?: string | undefined
  readonly 'keeper-url'?: string | undefined
  readonly stake?: string | undefined
}

/** On a chain of its own, where stakes are test money: 5 USDC. */
const embeddedStakeAtomic = 5_000_000n

type Environment = Readonly<Record<string, string | undefined>>

/** Errors: `input_invalid` with the option's name. */
export function moneyChoiceOf(values: MoneyValues, environment: Environment): MoneyChoice {
  const isFree = values.free ?? false
  const stray = (['chain', 'price', 'keeper-url', 'stake'] as const).find(name => values[name] !== undefined)
  if (isFree && stray !== undefined) throw invalid('--free', `--free and --${stray} were both given.`)
  const chain = isFree ? null : chainOf(values.chain ?? 'embedded', environment)
  return {
    chain,
    stakeAtomic: stakeOf(values.stake, chain),
    databaseUrl: environment.DATABASE_URL || null,
    pricePerSecondAtomic: values.price === undefined ? null : priceOf(values.price),
    keeperHub: keeperOf(values['keeper-url'], environment),
  }
}

function chainOf(name: string, environment: Environment): ChainChoice {
  if (name === 'embedded') return { kind: 'embedded' }
  // Not repeated: an endpoint's address may carry a key.
  if (name.includes('://') && !isWebAddress(name)) throw invalid('--chain', '--chain must be http:// or https://.')
  if (environment.COMPUTEPOOL_RPC_URL && !isWebAddress(environment.COMPUTEPOOL_RPC_URL)) {
    throw invalid('COMPUTEPOOL_RPC_URL', 'COMPUTEPOOL_RPC_URL must be an address with http:// or https://.')
  }
  const rpcUrl = environment.COMPUTEPOOL_RPC_URL
  const owner = environment.COMPUTEPOOL_OWNER_KEY
  const keys: ForeignKeys = {
    owner: owner ? keyOf('COMPUTEPOOL_OWNER_KEY', environment) : null,
    settler: keyOf('COMPUTEPOOL_SETTLER_KEY', environment),
    keeper: keyOf('COMPUTEPOOL_KEEPER_KEY', environment),
    ...(environment.COMPUTEPOOL_ACCUSER_KEY ? { accuser: keyOf('COMPUTEPOOL_ACCUSER_KEY', environment) } : {}),
  }
  return { kind: 'foreign', name, keys, ...(rpcUrl ? { rpcUrl } : {}) }
}

function keyOf(name: string, environment: Environment): Hex {
  const key = environment[name] ?? ''
  if (/^0x[0-9a-f]{64}$/i.test(key)) return key as Hex
  throw invalid(name, `${name} must be a private key: 0x and 64 hex digits.`)
}

/** Dollars a minute as atomic USDC a second, rounded to the nearest; at least one. */
function priceOf(text: string): bigint {
  const match = /^(\d{1,6})(?:\.(\d{1,6}))?$/.exec(text)
  if (match === null) throw invalid('--price', `--price is "${text}"; it must be dollars a minute, like 0.03.`)
  const perMinute = BigInt(match[1]!) * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0'))
  const perSecond = (perMinute + 30n) / 60n
  if (perSecond > 0n) return perSecond
  throw invalid('--price', `--price is "${text}"; a millionth of a dollar a second is the least. For nothing: --free.`)
}

/** Dollars, exactly; elsewhere than on a chain of its own nothing unless it is asked for. */
function stakeOf(text: string | undefined, chain: ChainChoice | null): bigint {
  if (text === undefined) return chain?.kind === 'embedded' ? embeddedStakeAtomic : 0n
  const match = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text)
  if (match === null) throw invalid('--stake', `--stake is "${text}"; it must be dollars, like 5, or 0 for none.`)
  return BigInt(match[1]!) * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0'))
}

function keeperOf(option: string | undefined, environment: Environment): MoneyChoice['keeperHub'] {
  if (option === undefined) return null
  const apiKey = environment.KEEPERHUB_API_KEY
  if (!isWebAddress(option)) {
    throw invalid('--keeper-url', `--keeper-url is "${option}"; it must be like https://app.keeperhub.com/api.`)
  }
  if (!apiKey) throw invalid('KEEPERHUB_API_KEY', '--keeper-url was given, but KEEPERHUB_API_KEY is not set.')
  return { url: option.replace(/\/$/, ''), apiKey }
}

const isWebAddress = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

const invalid = (param: string, message: string): ComputePoolError =>
  new ComputePoolError('input_invalid', message, { remedy: 'See `npm start -- --help`.', context: { param } })
