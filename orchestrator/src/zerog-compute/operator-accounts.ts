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

/** A payout of which nobody could see whether it arrived. It stays in the book when it is resolved: how, and when. */
export interface Doubt {
  /** Of the provider's key, and so of no other payout. */
  readonly nonce: number
  readonly amountNeuron: bigint
  /** When the payout was written. */
  readonly atMs: number
  /** Of all versions that were signed. */
  readonly hashes: readonly Hex[]
  readonly resolution: Resolution | null
}

/** `hash`: the transfer that arrived; or what took the nonce in its place, null where no node showed it and it is the provider's word alone. */
export interface Resolution {
  readonly did: 'sent' | 'not-sent'
  readonly hash: Hex | null
  readonly atMs: number
}

export interface OperatorAccount {
  /** Lower case. */
  readonly wallet: Hex
  /** Without what its payout holds. */
  readonly owedNeuron: bigint
  readonly paidNeuron: bigint
  /** Sent by payouts of which nobody can see whether they arrived; never sent again by itself. Of doubts that are open. */
  readonly doubtedNeuron: bigint
  readonly doubts: readonly Doubt[]
  /** What later payouts were paid by, while a doubt is open: none of it is what became of the doubted one. */
  readonly paidHashes: readonly Hex[]
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
const did = z.enum(['sent', 'not-sent'])
const version = { hash, nonce: z.int().nonnegative(), raw: bytes }

const doubt = {
  ...{ nonce: version.nonce, amount, atMs, hashes: z.array(hash) },
  resolution: z.strictObject({ did, hash: hash.nullable(), atMs }).nullable(),
}

export const operatorLines = [
  z.strictObject({ type: z.literal('payout'), wallet, amount, atMs }),
  z.strictObject({ type: z.literal('signed'), wallet, ...version }),
  z.strictObject({ type: z.literal('paid'), wallet, gas: amount }),
  z.strictObject({ type: z.literal('put-back'), wallet, gas: amount, restUntilMs: atMs }),
  z.strictObject({ type: z.literal('doubted'), wallet }),
  z.strictObject({
    ...{ type: z.literal('resolved'), wallet, nonce: version.nonce, did, hash: hash.nullable(), gas: amount, atMs },
  }),
  z.strictObject({
    ...{ type: z.literal('operator'), wallet, owed: amount, paid: amount, restUntilMs: atMs },
    doubted: amount.optional(),
    doubts: z.array(z.strictObject(doubt)).optional(),
    paidHashes: z.array(hash).optional(),
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
    accounts.get(wallet) ?? {
      ...{ wallet, owedNeuron: 0n, paidNeuron: 0n, doubtedNeuron: 0n, restUntilMs: 0, payout: null },
      ...{ doubts: [], paidHashes: [] },
    }
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
      const account = accountOf(line.wallet)
      const { owedNeuron, paidNeuron, doubtedNeuron, payout, doubts } = account
      if (line.type === 'payout') {
        const { amount: amountNeuron, atMs } = line
        change(line.wallet, { owedNeuron: owedNeuron - amountNeuron, payout: { amountNeuron, atMs, versions: [] } })
      } else if (line.type === 'signed') {
        const { hash, nonce, raw } = line
        if (payout === null || payout.versions.some(known => known.hash === hash)) return
        change(line.wallet, { payout: { ...payout, versions: [...payout.versions, { hash, nonce, raw }] } })
      } else if (line.type === 'paid') {
        const added = hasOpen(doubts) ? (payout?.versions ?? []).map(({ hash }) => hash) : []
        const paidHashes = [...account.paidHashes, ...added]
        change(line.wallet, { paidNeuron: paidNeuron + (payout?.amountNeuron ?? 0n), payout: null, paidHashes })
        spend(line.gas)
      } else if (line.type === 'put-back') {
        const { restUntilMs } = line
        change(line.wallet, { owedNeuron: owedNeuron + (payout?.amountNeuron ?? 0n), payout: null, restUntilMs })
        spend(line.gas)
      } else if (line.type === 'doubted') {
        const sum = doubtedNeuron + (payout?.amountNeuron ?? 0n)
        change(line.wallet, { doubtedNeuron: sum, payout: null, doubts: [...doubts, ...doubtsOf(payout)] })
      } else if (line.type === 'resolved') {
        const { nonce, did, hash, atMs } = line
        const found = doubts.find(each => each.nonce === nonce && each.resolution === null)
        if (found === undefined) return
        const resolved = doubts.map(each => (each === found ? { ...each, resolution: { did, hash, atMs } } : each))
        const [sent, owed] = did === 'sent' ? [found.amountNeuron, 0n] : [0n, found.amountNeuron]
        change(line.wallet, {
          ...{ owedNeuron: owedNeuron + owed, paidNeuron: paidNeuron + sent },
          ...{ doubtedNeuron: doubtedNeuron - found.amountNeuron, doubts: resolved },
          ...(hasOpen(resolved) ? {} : { paidHashes: [] }),
        })
        spend(line.gas)
      } else {
        const { owed, paid, doubted = 0n, doubts = [], paidHashes = [], restUntilMs, payout: kept } = line
        const restored = kept && { amountNeuron: kept.amount, atMs: kept.atMs, versions: kept.versions }
        const sums = { owedNeuron: owed, paidNeuron: paid, doubtedNeuron: doubted }
        const listed = doubts.map(({ amount: amountNeuron, ...each }) => ({ ...each, amountNeuron }))
        change(line.wallet, { ...sums, restUntilMs, payout: restored, doubts: listed, paidHashes })
      }
    },
    asLines: () => [
      {
        ...{ type: 'totals', received: String(totals.receivedNeuron), gas: String(totals.gasNeuron) },
        ...{ cut: String(totals.cutNeuron), carried: String(totals.carriedNeuron) },
      },
      ...[...accounts.values()].map(asOperatorLine),
    ],
  }
}

const hasOpen = (doubts: readonly Doubt[]): boolean => doubts.some(({ resolution }) => resolution === null)

/** None where nothing was signed: then nothing can have arrived either, and nobody doubts it. */
function doubtsOf(payout: Payout | null): Doubt[] {
  const nonce = payout?.versions[0]?.nonce
  if (payout === null || nonce === undefined) return []
  const { amountNeuron, atMs, versions } = payout
  return [{ nonce, amountNeuron, atMs, hashes: versions.map(({ hash }) => hash), resolution: null }]
}

function asOperatorLine(account: OperatorAccount): object {
  const { wallet, owedNeuron, paidNeuron, doubtedNeuron, restUntilMs, payout, doubts, paidHashes } = account
  return {
    ...{ type: 'operator', wallet, owed: String(owedNeuron), paid: String(paidNeuron), restUntilMs },
    doubted: String(doubtedNeuron),
    doubts: doubts.map(({ amountNeuron, ...doubt }) => ({ ...doubt, amount: String(amountNeuron) })),
    paidHashes,
    payout: payout && { ...{ amount: String(payout.amountNeuron), atMs: payout.atMs }, versions: payout.versions },
  }
}
