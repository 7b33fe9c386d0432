/**
 * Turns what users owe into settlements that the contract pays, each of them once: a voucher is on the disk before it is signed, and is closed
 * only by what the chain says of its nonce. In doubt a user is charged less, never twice. It knows no HTTP and no answers.
 */
import type { Clock } from '@computepool/shared/ports'
import { mostSettlements, settlementTypedData, type ZerogSettled } from '@computepool/shared/zerog-compute'
import { type Address, isAddressEqual, type LocalAccount } from 'viem'
import type { Debt, FeeBook, FeeVoucher } from './fee-book.ts'
import type { OperatorPayer } from './pay-operators.ts'
import type { ItemOutcome, ServiceOnChain, ServingClient, SignedItem } from './serving-client.ts'
import { cutOf } from './split-fee.ts'

export interface SettlerOptions {
  readonly book: FeeBook
  readonly serving: ServingClient
  readonly chainId: number
  /** The attested key. */
  readonly signer: () => Promise<LocalAccount>
  readonly clock: Clock
  /** A user's account is not what it was. */
  readonly onSettled: (user: string) => void
  readonly onFault: (fault: unknown) => void
  readonly terms?: Partial<SettleTerms>
  /** Of what is received, the provider's own; default: nothing. */
  readonly cutBasisPoints?: number
  /** Pays operators in the same line, so that nothing else is sent meanwhile; default: nobody is paid. */
  readonly payer?: OperatorPayer
}

export interface SettleTerms {
  /** A user who owes so much is asked for it. */
  readonly atNeuron: bigint
  /** Who owes for so long is asked for less: 0G's users get their money back an hour after they asked, and then nothing is left to take. */
  readonly afterMs: number
  /** Less than this is not worth its gas. */
  readonly leastNeuron: bigint
  readonly everyMs: number
}

export const settleTerms: SettleTerms = {
  atNeuron: 4_000_000_000_000_000n,
  afterMs: 30 * 60_000,
  leastNeuron: 500_000_000_000_000n,
  everyMs: 60_000,
}

export interface Settler {
  /** `isAll`: whatever is owed, however little. One at a time; who comes meanwhile waits. */
  settle(options?: { readonly isAll?: boolean }): Promise<ZerogSettled>
  /** From here on by itself. */
  start(): void
  /** Waits for what is under way. */
  close(): Promise<void>
}

type SettledItem = ZerogSettled['items'][number]

/** Why nothing can be settled now; null where it can. */
export function problemOf(service: ServiceOnChain | null, signer: Address): string | null {
  if (service === null) return 'The provider is not registered in 0G Compute’s contract.'
  if (!isAddressEqual(service.signer, signer)) {
    return `The contract names ${service.signer} as the signer; this orchestrator signs with ${signer}.`
  }
  return service.isAcknowledged ? null : '0G’s team has not acknowledged the signer yet; only they can.'
}

const notFound = { status: 'success', unsettledNeuron: 0n, gasNeuron: 0n, transaction: null } as const

/** A user whose settlement was refused although all looked well is left alone for so long. */
const refusedForMs = 3_600_000

export function createSettler(options: SettlerOptions): Settler {
  const { book, serving, chainId, signer, clock, onSettled, onFault, payer, cutBasisPoints = 0 } = options
  const terms = { ...settleTerms, ...options.terms }
  const refusedUntil = new Map<string, number>()
  let line: Promise<unknown> = Promise.resolve()
  let cancel: (() => void) | null = null
  let isClosed = false

  const isDue = (debt: Debt, isAll: boolean): boolean => {
    if (debt.voucher !== null || isAll) return true
    if ((refusedUntil.get(debt.user) ?? 0) > clock.monotonicMs()) return false
    if (debt.owedNeuron >= terms.atNeuron) return true
    return debt.owedNeuron >= terms.leastNeuron && clock.wallMs() - debt.sinceMs >= terms.afterMs
  }

  const close = async (user: string, voucher: FeeVoucher, outcome: Outcome): Promise<SettledItem> => {
    const { status, unsettledNeuron } = outcome
    const isTaken = status === 'success' || status === 'partial'
    // The account first: what was read of it before the payment must not stand beside a debt without it.
    onSettled(user)
    const paidNeuron = isTaken ? voucher.feeNeuron - unsettledNeuron : 0n
    // What no transaction shows was not received, whatever it counts for the user.
    const receivedNeuron = outcome.transaction === null ? 0n : paidNeuron
    // What came to nothing is the provider's loss, and no operator's.
    const gasNeuron = isTaken ? outcome.gasNeuron : 0n
    const cutNeuron = cutOf(receivedNeuron, cutBasisPoints)
    await book.close(user, paidNeuron, { receivedNeuron, gasNeuron, cutNeuron })
    return itemOf(user, voucher, outcome)
  }

  /** What a call of now made of it. */
  const take = async (user: string, voucher: FeeVoucher, outcome: ItemOutcome): Promise<SettledItem> => {
    // An earlier sending of the same words may have come first: the next round asks the chain.
    if (outcome.status === 'invalid-nonce') return itemOf(user, voucher, outcome)
    if (outcome.status !== 'success' && outcome.status !== 'partial') {
      refusedUntil.set(user, clock.monotonicMs() + refusedForMs)
    }
    return close(user, voucher, outcome)
  }

  /** The user's voucher that is to be sent now; null where there is none, and then `done` may tell why. */
  const voucherFor = async ({ user, voucher }: Debt, done: (item: SettledItem) => void): Promise<FeeVoucher | null> => {
    const account = await serving.account(user)
    if (account === null) return null
    if (voucher !== null && account.nonce >= voucher.nonce) {
      const found = await serving.outcomeOf({ user, nonce: voucher.nonce }, voucher.fromBlock)
      // Used, and its transaction is not to be found: it was most likely ours. Whoever doubts does not ask twice.
      done(await close(user, voucher, found ?? notFound))
      return null
    }
    if (!account.isAcknowledged || account.balanceNeuron === 0n) return null
    return voucher ?? book.write(user, account.nonce, await serving.blockNumber())
  }

  const round = async (isAll: boolean): Promise<ZerogSettled> => {
    const items: SettledItem[] = []
    const told = (problem: string | null): ZerogSettled => ({
      items,
      problem,
      unsettledNeuron: String(book.debts().reduce((sum, { owedNeuron }) => sum + owedNeuron, 0n)),
    })
    const lost = book.problem()
    if (lost !== null) return told(lost)
    const due = book.debts().filter(debt => isDue(debt, isAll))
    if (due.length === 0) return told(null)
    const account = await signer()
    const problem = problemOf(await serving.service(), account.address)
    if (problem !== null) return told(problem)
    const vouchers = new Map<string, FeeVoucher>()
    for (const debt of due) {
      if (isClosed || book.problem() !== null) return told(book.problem())
      try {
        const voucher = await voucherFor(debt, item => void items.push(item))
        if (voucher !== null) vouchers.set(debt.user, voucher)
      } catch (thrown) {
        // The others' fees do not wait for this one's.
        if (!isClosed) onFault(thrown)
        items.push(inDoubt(debt.user, debt.voucher ?? { feeNeuron: debt.owedNeuron }))
      }
    }
    const { provider } = serving
    const sign = async ([user, { feeNeuron, requestsHash, nonce }]: [string, FeeVoucher]): Promise<SignedItem> => {
      const item = { user: user as Address, provider, totalFee: feeNeuron, requestsHash, nonce }
      const typed = settlementTypedData({ chainId, serving: serving.serving }, item)
      return { ...item, signature: await account.signTypedData(typed) }
    }
    const all = [...vouchers]
    for (let at = 0; at < all.length && !isClosed && book.problem() === null; at += mostSettlements) {
      const batch = all.slice(at, at + mostSettlements)
      let outcomes: readonly ItemOutcome[]
      try {
        outcomes = await serving.settle(await Promise.all(batch.map(sign)))
      } catch (thrown) {
        if (!isClosed) onFault(thrown)
        for (const [user, voucher] of batch) items.push(inDoubt(user, voucher))
        continue
      }
      for (const [index, [user, voucher]] of batch.entries()) {
        try {
          items.push(await take(user, voucher, outcomes[index]!))
        } catch (thrown) {
          if (!isClosed) onFault(thrown)
          items.push(inDoubt(user, voucher))
        }
      }
    }
    return told(book.problem())
  }

  const settle: Settler['settle'] = ({ isAll = false } = {}) => {
    const run = line.then(async () => {
      // First: a payout that was signed has its nonce, which nothing else may take.
      if (book.problem() === null) await payer?.follow()
      const told = await round(isAll)
      if (!isClosed && book.problem() === null) await payer?.pay().catch(thrown => !isClosed && onFault(thrown))
      return told
    })
    line = run.catch(() => {})
    return run
  }

  const wait = (): void => {
    if (isClosed) return
    cancel = clock.schedule(terms.everyMs, () => {
      settle()
        .catch(thrown => {
          if (!isClosed) onFault(thrown)
        })
        .then(wait)
    })
  }

  return {
    settle,
    start: wait,
    close: async () => {
      isClosed = true
      cancel?.()
      await line
    },
  }
}

interface Outcome extends Omit<ItemOutcome, 'status' | 'transaction'> {
  readonly status: ItemOutcome['status'] | 'unknown'
  readonly transaction: string | null
}

const itemOf = (
  user: string,
  { feeNeuron }: Pick<FeeVoucher, 'feeNeuron'>,
  { status, unsettledNeuron, transaction }: Outcome,
): SettledItem => ({
  ...{ user, outcome: status, transaction },
  feeNeuron: String(feeNeuron),
  unsettledNeuron: String(unsettledNeuron),
})

const inDoubt = (user: string, fee: Pick<FeeVoucher, 'feeNeuron'>): SettledItem =>
  itemOf(user, fee, { status: 'unknown', unsettledNeuron: fee.feeNeuron, gasNeuron: 0n, transaction: null })
