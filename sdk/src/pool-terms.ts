/** What a pool says that work costs there, and where its contracts are: `GET /api/money`, with addresses made whole. */
import { moneyTermsSchema } from '@computepool/shared/money'
import type { Hex } from 'viem'
import { askJson } from './ask-pool.ts'
import type { CallOptions, PoolDoor } from './pool-door.ts'
import { PoolError } from './pool-error.ts'

export interface PaidPoolTerms {
  readonly mode: 'paid'
  readonly chain: {
    readonly id: number
    readonly name: string
    /** Where the pool says that the chain can be read. To take nobody's word, use an RPC of your own. */
    readonly rpcUrl: string
    /** True: a test chain of this pool alone, with test money. */
    readonly isEmbedded: boolean
  }
  readonly usdc: Hex
  readonly usdcName: string
  readonly usdcVersion: string
  readonly usdcx: Hex
  readonly vault: Hex
  /** Of one running request. */
  readonly pricePerSecondAtomic: bigint
  readonly minCapAtomic: bigint
  readonly maxCapAtomic: bigint
  /** The pool gives test money: `pool.askFaucet`. */
  readonly hasFaucet: boolean
}

export type PoolTerms = { readonly mode: 'free' } | PaidPoolTerms

/** What its user knows of a pool beforehand; what the pool says must agree. */
export interface ExpectedContracts {
  readonly chainId?: number
  readonly usdc?: Hex
  readonly vault?: Hex
}

export async function readTerms(
  door: PoolDoor,
  expect: ExpectedContracts = {},
  options: CallOptions = {},
): Promise<PoolTerms> {
  const told = await askJson(door, '/api/money', moneyTermsSchema, options)
  if (told.mode === 'free') return told
  const { chain, usdcName, usdcVersion, pricePerSecondAtomic, minCapAtomic, maxCapAtomic, hasFaucet } = told
  const terms: PaidPoolTerms = {
    mode: 'paid',
    chain: {
      id: chain.id,
      name: chain.name,
      rpcUrl: new URL(chain.rpcUrl, door.origin).href,
      isEmbedded: chain.isEmbedded,
    },
    usdc: told.usdc.toLowerCase() as Hex,
    usdcName,
    usdcVersion,
    usdcx: told.usdcx.toLowerCase() as Hex,
    vault: told.vault.toLowerCase() as Hex,
    pricePerSecondAtomic,
    minCapAtomic,
    maxCapAtomic,
    hasFaucet,
  }
  demand('chain', expect.chainId, terms.chain.id)
  demand('USDC', expect.usdc?.toLowerCase(), terms.usdc)
  demand('vault', expect.vault?.toLowerCase(), terms.vault)
  return terms
}

function demand(what: string, expected: string | number | undefined, told: string | number): void {
  if (expected === undefined || expected === told) return
  throw new PoolError({
    kind: 'payment',
    code: 'sdk_contracts_unexpected',
    message: `The pool’s ${what} is ${told}, not ${expected}.`,
    remedy: 'Nothing was signed. Pay only where chain, token and vault are those that you know.',
  })
}
