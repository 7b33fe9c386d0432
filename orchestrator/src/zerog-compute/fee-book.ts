/**
 * What users owe for answers, in neuron, over restarts: fees come one by one, and leave as vouchers, of which a user has one at a time. A
 * voucher's nonce is fixed before anybody signs it, so that what became of it can always be asked of the chain. With each fee stands who served it,
 * and in the line that closes a voucher what was received for it, so that no kill comes between a user's debt and the operators' money. It knows no
 * chain.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '@computepool/shared/ports'
import type { Hex } from 'viem'
import { z } from 'zod'
import type { SignedTransaction } from '../keeper/transaction-sender.ts'
import { damaged, openFeeJournal } from './fee-journal.ts'
import {
  amount,
  atMs,
  createOperatorAccounts,
  type EarningsTotals,
  hash,
  type OperatorAccount,
  type OperatorAccounts,
  type OperatorLine,
  operatorLines,
  type Resolution,
  wallet,
} from './operator-accounts.ts'
import { addShares, type Served, type Shares, sharesOf, type Takings, unpaidShares } from './split-fee.ts'

/** Fees of one user that are asked for together. */
export interface FeeVoucher {
  readonly nonce: bigint
  readonly feeNeuron: bigint
  readonly requestsHash: Hex
  /** The chain's head before it was first sent. */
  readonly fromBlock: bigint
}

export interface Debt {
  /** Lower case. */
  readonly user: Hex
  /** All that the user owes, a voucher's fee included. */
  readonly owedNeuron: bigint
  /** Of the oldest fee that is unpaid. */
  readonly sinceMs: number
  readonly voucher: FeeVoucher | null
}

export interface FeeBook {
  owedNeuron(user: string): bigint
  debts(): Debt[]
  /** Counts at once, and is on the disk soon. `served` nobody: the next who serve have it. */
  add(user: string, feeNeuron: bigint, requestId: string, served?: Served): void
  /** All that the user owes, under a nonce above `nonceNow` and above every one that this book ever gave. Resolves when it is on the disk. */
  write(user: string, nonceNow: bigint, fromBlock: bigint): Promise<FeeVoucher>
  /**
   * The user's voucher is over: so much of it was paid, and the rest is owed still. What the provider received is owed to who served, from then on;
   * by default nothing is known of it. Resolves when it is on the disk.
   */
  close(user: string, paidNeuron: bigint, takings?: Takings): Promise<void>
  readonly earnings: EarningsBook
  /** Why nothing may be settled out of this book any more; null where all is well. */
  problem(): string | null
  /** After the last line is on the disk. */
  end(): Promise<void>
}

/** What operators are owed, and paid. Each step resolves when it is on the disk, and counts from then on. */
export interface EarningsBook {
  operators(): OperatorAccount[]
  operator(wallet: string): OperatorAccount
  totals(): EarningsTotals
  /** So much of what the wallet is owed is about to be sent. */
  writePayout(wallet: string, amountNeuron: bigint): Promise<void>
  /** Before it is sent. */
  signed(wallet: string, transaction: SignedTransaction): Promise<void>
  paid(wallet: string, gasNeuron: bigint): Promise<void>
  /** Nothing was paid, and the wallet is owed it again. */
  putBack(wallet: string, gasNeuron: bigint, restUntilMs: number): Promise<void>
  /** Nobody can see what became of it: its sum is set aside until somebody resolves it, and the wallet may be paid what it earns from now on. */
  doubt(wallet: string): Promise<void>
  /** A doubt is over: it was paid, or is owed again. One that is over already stays as it is. */
  resolve(wallet: string, nonce: number, resolution: Omit<Resolution, 'atMs'>, gasNeuron: bigint): Promise<void>
}

const user = wallet
const voucherFields = { nonce: amount, fee: amount, requestsHash: hash, fromBlock: amount }
const shareList = z.array(z.tuple([wallet, amount]))
const lineSchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...{ type: z.literal('fee'), user, fee: amount, request: z.string().max(256), atMs },
    served: z.array(z.tuple([wallet, z.int().positive()])).optional(),
  }),
  z.strictObject({ type: z.literal('voucher'), user, ...voucherFields }),
  z.strictObject({
    ...{ type: z.literal('closed'), user, paid: amount, atMs },
    ...{ received: amount.optional(), gas: amount.optional(), cut: amount.optional() },
  }),
  z.strictObject({ type: z.literal('nonce'), nonce: amount }),
  z.strictObject({
    ...{ type: z.literal('debt'), user, owed: amount, sinceMs: atMs, requests: hash },
    voucher: z.strictObject(voucherFields).nullable(),
    ...{ shares: shareList.optional(), voucherShares: shareList.optional() },
  }),
  ...operatorLines,
])
type Line = z.infer<typeof lineSchema>

interface Account {
  owedNeuron: bigint
  sinceMs: number
  /** Over the requests whose fees no voucher names yet. */
  requests: Hex
  /** Of the fees that no voucher names yet, by who served. */
  shares: Shares
  voucher: FeeVoucher | null
  voucherShares: Shares
}

const noRequests: Hex = `0x${'00'.repeat(32)}`
const nobody: Shares = new Map()
const noTakings: Takings = { receivedNeuron: 0n, gasNeuron: 0n, cutNeuron: 0n }

export interface FeeBookOptions {
  readonly file: string
  readonly clock: Pick<Clock, 'wallMs'>
  /** A fee that could not be written: it counts as long as the process lives, and is lost with it. */
  readonly onFault: (fault: unknown) => void
}

/** Errors: `chain_state_invalid`. */
export async function openFeeBook({ file, clock, onFault }: FeeBookOptions): Promise<FeeBook> {
  const replay = (lines: readonly unknown[]): Accounts => {
    const replayed = createAccounts()
    for (const [at, line] of lines.entries()) {
      const parsed = lineSchema.safeParse(line)
      if (!parsed.success) throw damaged(file, at, parsed.error)
      replayed.apply(parsed.data)
    }
    return replayed
  }
  const journal = await openFeeJournal({ file, shorten: lines => replay(lines).asLines(), onFault })
  const { accounts, operators, accountOf, voucherOf, apply, lastNonce } = replay(journal.lines)
  const step = async (line: OperatorLine): Promise<void> => {
    await journal.append(asText(line))
    apply(line)
  }
  const lower = (of: string): Hex => of.toLowerCase() as Hex

  return {
    owedNeuron: of => accounts.get(of.toLowerCase() as Hex)?.owedNeuron ?? 0n,
    debts: () =>
      [...accounts].map(([user, { owedNeuron, sinceMs, voucher }]) => ({ user, owedNeuron, sinceMs, voucher })),
    add: (of, feeNeuron, request, served = []) => {
      if (feeNeuron === 0n) return
      const line = {
        type: 'fee',
        user: of.toLowerCase() as Hex,
        fee: feeNeuron,
        request,
        atMs: clock.wallMs(),
        ...(served.length === 0 ? {} : { served: served.map(([by, weight]): [Hex, number] => [lower(by), weight]) }),
      } as const
      apply(line)
      journal.append({ ...line, fee: String(feeNeuron) }).catch(onFault)
    },
    write: async (of, nonceNow, fromBlock) => {
      const user = of.toLowerCase() as Hex
      const account = accountOf(user)
      // As 0G's own broker counts: ten million a second, so that a lost book still goes on above what was used.
      const nonce = [nonceNow + 1n, lastNonce() + 1n, BigInt(Math.floor(clock.wallMs())) * 10_000n].reduce(larger)
      const fee = account.owedNeuron
      const line = { nonce, fee, requestsHash: account.requests, fromBlock }
      const voucher = voucherOf(line)
      // Fees that come while it is written stand after it in the file, and belong to the next one.
      account.requests = noRequests
      account.voucherShares = account.shares
      account.shares = nobody
      await journal.append(asText({ type: 'voucher', user, ...line }))
      // Not before: what a restart does not know would be asked for again under another nonce.
      account.voucher = voucher
      return voucher
    },
    close: async (of, paid, { receivedNeuron, gasNeuron, cutNeuron } = noTakings) => {
      const taken = { received: receivedNeuron, gas: gasNeuron, cut: cutNeuron }
      const line = { type: 'closed', user: of.toLowerCase() as Hex, paid, atMs: clock.wallMs(), ...taken } as const
      await journal.append(asText(line))
      apply(line)
    },
    earnings: {
      ...{ operators: operators.operators, operator: operators.operator, totals: operators.totals },
      writePayout: (of, amount) => step({ type: 'payout', wallet: lower(of), amount, atMs: clock.wallMs() }),
      signed: (of, { hash, nonce, raw }) => step({ type: 'signed', wallet: lower(of), hash, nonce, raw }),
      paid: (of, gas) => step({ type: 'paid', wallet: lower(of), gas }),
      putBack: (of, gas, restUntilMs) => step({ type: 'put-back', wallet: lower(of), gas, restUntilMs }),
      doubt: of => step({ type: 'doubted', wallet: lower(of) }),
      resolve: (of, nonce, { did, hash }, gas) =>
        step({ type: 'resolved', wallet: lower(of), nonce, did, hash, gas, atMs: clock.wallMs() }),
    },
    problem: () =>
      journal.hasFailed()
        ? 'The fee book could not be written: nothing is settled until the pool is started again.'
        : null,
    end: () => journal.close(),
  }
}

interface Accounts {
  readonly accounts: ReadonlyMap<Hex, Account>
  readonly operators: OperatorAccounts
  lastNonce(): bigint
  accountOf(user: Hex): Account
  /** Its nonce is used from now on. */
  voucherOf(line: VoucherLine): FeeVoucher
  apply(line: Line): void
  /** Fewer lines, of which the same accounts come. */
  asLines(): object[]
}

function createAccounts(): Accounts {
  const accounts = new Map<Hex, Account>()
  const operators = createOperatorAccounts()
  let lastNonce = 0n

  const accountOf = (of: Hex): Account => {
    const known = accounts.get(of)
    if (known !== undefined) return known
    const fresh: Account = {
      ...{ owedNeuron: 0n, sinceMs: 0, requests: noRequests, shares: nobody },
      ...{ voucher: null, voucherShares: nobody },
    }
    accounts.set(of, fresh)
    return fresh
  }
  const voucherOf = ({ nonce, fee, requestsHash, fromBlock }: VoucherLine): FeeVoucher => {
    if (nonce > lastNonce) lastNonce = nonce
    return { nonce, feeNeuron: fee, requestsHash, fromBlock }
  }
  /** The one place where an account's money changes: what is read back and what happens go the same way. */
  const apply = (line: Line): void => {
    if (line.type === 'nonce') {
      if (line.nonce > lastNonce) lastNonce = line.nonce
      return
    }
    if (!('user' in line)) {
      operators.apply(line)
      return
    }
    const account = accountOf(line.user)
    if (line.type === 'fee') {
      if (account.owedNeuron === 0n) account.sinceMs = line.atMs
      account.owedNeuron += line.fee
      account.requests = next(account.requests, line.request)
      if (line.served !== undefined) account.shares = addShares(account.shares, sharesOf(line.fee, line.served))
    } else if (line.type === 'voucher') {
      account.voucher = voucherOf(line)
      account.requests = noRequests
      account.voucherShares = account.shares
      account.shares = nobody
    } else if (line.type === 'closed') {
      const { received = 0n, gas = 0n, cut = 0n } = line
      const feeNeuron = account.voucher?.feeNeuron ?? 0n
      operators.credit({ receivedNeuron: received, gasNeuron: gas, cutNeuron: cut }, account.voucherShares)
      const unpaid = line.paid < feeNeuron ? feeNeuron - line.paid : 0n
      account.shares = addShares(unpaidShares(account.voucherShares, unpaid, feeNeuron), account.shares)
      account.voucherShares = nobody
      account.owedNeuron -= line.paid < account.owedNeuron ? line.paid : account.owedNeuron
      account.voucher = null
      account.sinceMs = line.atMs
      if (account.owedNeuron === 0n) accounts.delete(line.user)
    } else {
      const { owed: owedNeuron, sinceMs, requests, voucher, shares = [], voucherShares = [] } = line
      accounts.set(line.user, {
        ...{ owedNeuron, sinceMs, requests, shares: new Map(shares), voucherShares: new Map(voucherShares) },
        voucher: voucher === null ? null : voucherOf(voucher),
      })
    }
  }

  return {
    ...{ accounts, operators, accountOf, voucherOf, apply, lastNonce: () => lastNonce },
    asLines: () => [
      { type: 'nonce', nonce: String(lastNonce) },
      ...[...accounts].map(asDebtLine),
      ...operators.asLines(),
    ],
  }
}

type VoucherLine = Pick<Extract<Line, { type: 'voucher' }>, 'nonce' | 'fee' | 'requestsHash' | 'fromBlock'>

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/** Binds the requests in their order. */
const next = (hashSoFar: Hex, request: string): Hex =>
  `0x${createHash('sha256').update(hashSoFar).update('\0').update(request).digest('hex')}`

const asText = (line: object): object =>
  Object.fromEntries(
    Object.entries(line).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]),
  )

function asDebtLine([user, account]: readonly [Hex, Account]): object {
  const { owedNeuron, sinceMs, requests, voucher } = account
  const [shares, voucherShares] = [account.shares, account.voucherShares].map(each =>
    [...each].map(([by, neuron]) => [by, String(neuron)]),
  )
  const kept = voucher && asText(lineOf(voucher))
  return { type: 'debt', user, owed: String(owedNeuron), sinceMs, requests, voucher: kept, shares, voucherShares }
}

const lineOf = ({ feeNeuron: fee, nonce, requestsHash, fromBlock }: FeeVoucher): VoucherLine => ({
  ...{ nonce, fee, requestsHash, fromBlock },
})
