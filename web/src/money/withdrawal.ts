/**
 * What a withdrawal does, step by step: gas where the faucet can give it, the pool's waiting money claimed, then USDCx unwrapped straight
 * to the address. It knows the chain as functions and draws nothing.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { atomicToWei, weiToAtomicFloor } from '@computepool/shared/money'
import type { ChainEarnings, ChainReads, OperatorWrites } from './chain-port.ts'

export type WithdrawalStep = 'gas' | 'claim' | 'unwrap'

export interface WithdrawalResult {
  readonly to: `0x${string}`
  readonly amountAtomic: bigint
  readonly transactions: readonly { readonly kind: 'claim' | 'unwrap'; readonly hash: `0x${string}` }[]
}

export interface WithdrawalParts {
  readonly to: string
  /** Null: all that is there, rounded down to a whole atomic unit. */
  readonly amountAtomic: bigint | null
  readonly reads: Pick<ChainReads, 'earnings'>
  readonly writes: OperatorWrites
  /** Null where the chain has none. */
  readonly askFaucet: ((address: string) => Promise<void>) | null
  onStep(step: WithdrawalStep): void
}

/** Rejects with `input_invalid` for an address or an amount that cannot be (`param` names the field), `chain_…` where the chain refuses. */
export async function withdraw(parts: WithdrawalParts): Promise<WithdrawalResult> {
  const { reads, writes, askFaucet } = parts
  const to = parseReceiver(parts.to, writes)
  const before = await reads.earnings(writes.address)
  const wanted = parts.amountAtomic ?? availableAtomic(before)
  if (wanted <= 0n || wanted > availableAtomic(before)) {
    throw new ComputePoolError('input_invalid', 'There is less to withdraw than that.', {
      remedy: 'Ask for less, or wait until more was earned.',
      context: { param: 'amount', availableAtomic: availableAtomic(before).toString() },
    })
  }
  if (before.funds.nativeWei === 0n && askFaucet !== null) {
    parts.onStep('gas')
    await askFaucet(writes.address)
  }
  const transactions: WithdrawalResult['transactions'][number][] = []
  if (atomicToWei(wanted) > before.balanceWei) {
    parts.onStep('claim')
    transactions.push({ kind: 'claim', hash: await writes.claim() })
  }
  parts.onStep('unwrap')
  transactions.push({ kind: 'unwrap', hash: await writes.unwrapTo(to, atomicToWei(wanted)) })
  return { to, amountAtomic: wanted, transactions }
}

/** Balance and what waits in the pool, in whole atomic units, rounded down: the rest is dust that USDC cannot carry. */
export function availableAtomic({
  balanceWei,
  claimableWei,
}: Pick<ChainEarnings, 'balanceWei' | 'claimableWei'>): bigint {
  return weiToAtomicFloor(balanceWei + claimableWei)
}

/** The address to pay to, as it was written. Throws `input_invalid` with `param: 'to'` where it is none, or its checksum does not fit. */
export function parseReceiver(text: string, { isAddress }: Pick<OperatorWrites, 'isAddress'>): `0x${string}` {
  const trimmed = text.trim()
  const context = { param: 'to' }
  if (!/^0x[0-9a-fA-F]{40}$/.test(trimmed) || /^0x0{40}$/.test(trimmed)) {
    const remedy = 'Paste an address of 0x and 40 hexadecimal digits.'
    throw new ComputePoolError('input_invalid', 'That is no address.', { remedy, context })
  }
  if (isAddress(trimmed)) return trimmed
  throw new ComputePoolError('input_invalid', 'That address was mistyped: its capital letters do not fit its digits.', {
    remedy: 'Copy it again from where it came.',
    context,
  })
}
