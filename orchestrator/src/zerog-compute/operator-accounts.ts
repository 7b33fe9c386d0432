/**
 * What operators are owed and were paid out of the fees that 0G's users paid, as lines of the fee book tell it. A wallet has one payout at a time,
 * and keeps every signed version of it until the chain says what became of it. It knows no chain and no file.
 */
import type { Hex } from 'viem'
import { z } from 'zod'
import type { SignedTransaction } from '../keeper/transaction-sender.ts'
import type { Shares, Takings } from './split-fee.ts'
import { divide } from './split-fee.ts'

export interface Payout {
  readonly amountNeuron: bigint
  readonly atMs: number
  /** None: nothing was ever sent. All have one nonce, so one of them at most is mined. */
  readonly versions: readonly SignedTransaction[]
}

export interface OperatorAccount {
  /** Lower case. */
  readonly wallet: Hex
  /** Without what its payout holds. */
  readonly owedNeuron: bigint
  readonly paidNeuron: bigint
  /** Sent by payouts of which nobody can see whether they arrived; never sent again by itself. */
  readonly doubtedNeuron: bigint
  /** It refused a payout, and is left alone until then. */
  readonly restUntilMs: number
  /** Under way. */
  readonly payout: Payout | null
}

/** Since the book began: received = what operators are owed, were paid, have under way and may have been paid + carried + gas + cut. */
export interface EarningsTotals extends Takings {
  /** What rounding left, and fees that nobody served; below zero what gas took more than there was. */
  readonly carriedNeuron: bigint
}

export const amount = z
  .string()
  .regex(/^\d{1,78}$/)
  .transform(BigInt)
const signedAmount = z
  .string()
  .regex(/^-?\d{1,78}$/)
  .transform(BigInt)
export const wallet = z.string().regex(/^0x[0-9a-f]{40}$/) as unknown as z.ZodType<Hex>
export const hash = z.string().regex(/^0x[0-9a-f]{64}$/) as unknown as z.ZodType<Hex>
const bytes = z.string().regex(/^0x[0-9a-f]+$/) as unknown as z.ZodType<Hex>
export const atMs = z.number().nonnegative()
const version = { hash, nonce: z.int().nonnegative(), raw: bytes }

export const operatorLines = [
  z.strictObject({ type: z.literal('payout'), wallet, amount, atMs }),
  z.strictObject({ type: z.literal('signed'), wallet, ...version }),
  z.strictObject({ type: z.literal('paid'), wallet, gas: amount }),
  z.strictObject({ type: z.literal('put-back'), wallet, gas: amount, restUntilMs: atMs }),
  z.strictObject({ type: z.literal('doubted'), wallet }),
  z.strictObject({
    ...{ type: z.literal('operator'), wallet, owed: amount, paid: amount, restUntilMs: atMs },
    doubted: amount.optional(),
    payout: z.strictObject({ amount, atMs, versions: z.array(z.strictObject(version)) }).nullable(),
  }),
  z.strictObject({ type: z.literal('totals'), received: amount, gas: amount, cut: amount, carried: signedAmount }),
] as const
export type OperatorLine = z.infer<(typeof operatorLines)[number]>

export interface OperatorAccounts {
  operators(): OperatorAccount[]
  operator(wallet: string): OperatorAccount
  totals(): EarningsTotals
  /** A voucher was settled. */
  credit(takings: Takings, shares: Shares): void
  apply(line: OperatorLine): void
  /** As text, ready for JSON. */
  asLines(): object[]
}

export function createOperatorAccounts(): OperatorAccounts {
  const accounts = new Map<Hex, OperatorAccount>()
  let totals: EarningsTotals = { receivedNeuron: 0n, gasNeuron: 0n, cutNeuron: 0n, carriedNeuron: 0n }
  const accountOf = (wallet: Hex): OperatorAccount =>
    accounts.get(wallet) ?? { wallet, owedNeuron: 0n, paidNeuron: 0n, doubtedNeuron: 0n, restUntilMs: 0, payout: null }
  const change = (wallet: Hex, changes: Partial<OperatorAccount>): void =>
    void accounts.set(wallet, { ...accountOf(wallet), ...changes })
  /** Of a payout: whoever is paid next bears it, and never the provider. */
  const spend = (gasNeuron: bigint): void => {
    const { carriedNeuron } = totals
    totals = { ...totals, gasNeuron: totals.gasNeuron + gasNeuron, carriedNeuron: carriedNeuron - gasNeuron }
  }

  return {
    operators: () => [...accounts.values()],
    operator: of => accountOf(of.toLowerCase() as Hex),
    totals: () => totals,
    credit: (takings, shares) => {
      const { credits, carriedNeuron } = divide(takings, totals.carriedNeuron, shares)
      for (const [wallet, neuron] of credits) change(wallet, { owedNeuron: accountOf(wallet).owedNeuron + neuron })
      totals = {
        receivedNeuron: totals.receivedNeuron + takings.receivedNeuron,
        gasNeuron: totals.gasNeuron + takings.gasNeuron,
        cutNeuron: totals.cutNeuron + takings.cutNeuron,
        carriedNeuron,
      }
    },
    apply: line => {
      if (line.type === 'totals') {
        const { received, gas, cut, carried } = line
        totals = { receivedNeuron: received, gasNeuron: gas, cutNeuron: cut, carriedNeuron: carried }
        return
      }
      const { owedNeuron, paidNeuron, doubtedNeuron, payout } = accountOf(line.wallet)
      if (line.type === 'payout') {
        const { amount: amountNeuron, atMs } = line
        change(line.wallet, { owedNeuron: owedNeuron - amountNeuron, payout: { amountNeuron, atMs, versions: [] } })
      } else if (line.type === 'signed') {
        const { hash, nonce, raw } = line
        if (payout === null || payout.versions.some(known => known.hash === hash)) return
        change(line.wallet, { payout: { ...payout, versions: [...payout.versions, { hash, nonce, raw }] } })
      } else if (line.type === 'paid') {
        change(line.wallet, { paidNeuron: paidNeuron + (payout?.amountNeuron ?? 0n), payout: null })
        spend(line.gas)
      } else if (line.type === 'put-back') {
        const { restUntilMs } = line
        change(line.wallet, { owedNeuron: owedNeuron + (payout?.amountNeuron ?? 0n), payout: null, restUntilMs })
        spend(line.gas)
      } else if (line.type === 'doubted') {
        change(line.wallet, { doubtedNeuron: doubtedNeuron + (payout?.amountNeuron ?? 0n), payout: null })
      } else {
        const { owed, paid, doubted = 0n, restUntilMs, payout: kept } = line
        const restored = kept && { amountNeuron: kept.amount, atMs: kept.atMs, versions: kept.versions }
        const sums = { owedNeuron: owed, paidNeuron: paid, doubtedNeuron: doubted }
        change(line.wallet, { ...sums, restUntilMs, payout: restored })
      }
    },
    asLines: () => [
      {
        ...{ type: 'totals', received: String(totals.receivedNeuron), gas: String(totals.gasNeuron) },
        ...{ cut: String(totals.cutNeuron), carried: String(totals.carriedNeuron) },
      },
      ...[...accounts.values()].map(({ wallet, owedNeuron, paidNeuron, doubtedNeuron, restUntilMs, payout }) => ({
        ...{ type: 'operator', wallet, owed: String(owedNeuron), paid: String(paidNeuron), restUntilMs },
        doubted: String(doubtedNeuron),
        payout: payout && { ...{ amount: String(payout.amountNeuron), atMs: payout.atMs }, versions: payout.versions },
      })),
    ],
  }
}
