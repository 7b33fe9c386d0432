/**
 * Pays operators what the fee book owes them: a transaction each, written down before it is signed and again before it is sent, and over only by what
 * the chain says of it. In doubt nobody is paid twice. It knows no fees and no users.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { mostSettlements } from '@computepool/shared/zerog-compute'
import { formatEther, type Hex, type PublicClient } from 'viem'
import { chainError } from '../chain/chain-error.ts'
import type { SignerQueue } from '../chain/signer-queue.ts'
import type { SignedTransaction, TransactionSender } from '../keeper/transaction-sender.ts'
import type { EarningsBook } from './fee-book.ts'
import type { OperatorAccount, Payout } from './operator-accounts.ts'

export interface PayTerms {
  /** Who is owed so much is paid. */
  readonly atNeuron: bigint
  /** Whoever refused is not asked again for so long. */
  readonly restMs: number
  /** A payment whose nonce another transaction seems to have is looked for so long before it is put back. */
  readonly lostAfterMs: number
}

export const payTerms: PayTerms = {
  // Some hundred times what a payment costs at 4 gwei.
  atNeuron: 10_000_000_000_000_000n,
  restMs: 24 * 3_600_000,
  lostAfterMs: 30 * 60_000,
}

/** A wallet that takes more gas than this to receive counts as one that cannot: all operators bear what payments cost. */
const mostGas = 100_000n
const gasMultiplier = 1.3
/** What one payment may use. */
const payoutGas = 130_000n
/** What the largest settlement may use: the money for it is never paid out, since only settlements bring more. */
const settlementGas = 100_000n * BigInt(mostSettlements)
/** A node may have forgotten what was mined before; then nothing is put back by itself. */
const surelyKnownMs = 24 * 3_600_000

export interface OperatorPayer {
  /** What became of payments under way; hands in again what a kill left. Before anything else is sent from the key. One's trouble is told, and holds up nobody. */
  follow(): Promise<void>
  /** Sends what is due. Errors: `chain_unreachable`. */
  pay(): Promise<void>
}

export interface OperatorPayerOptions {
  readonly book: EarningsBook
  /** The provider's key. */
  readonly queue: TransactionSender & Pick<SignerQueue, 'maxFeePerGas' | 'skip'>
  readonly client: Pick<PublicClient, 'getBalance' | 'getCode' | 'estimateGas'>
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs'>
  readonly onNotice: (text: string) => void
  readonly onFault: (fault: unknown) => void
  readonly terms?: Partial<PayTerms>
}

export function createOperatorPayer(options: OperatorPayerOptions): OperatorPayer {
  const { book, queue, client, clock, onNotice, onFault } = options
  const { atNeuron, restMs, lostAfterMs } = { ...payTerms, ...options.terms }
  /** Wallets whose payment the queue of this process knows. */
  const handedIn = new Set<Hex>()
  const lostSinceMs = new Map<Hex, number>()
  const refusesUntilMs = new Map<Hex, number>()
  let isShortTold = false
  /** Wallets whose payment the key has no money for. */
  const isUnaffordable = new Set<Hex>()

  const keep =
    (wallet: Hex) =>
    (signed: SignedTransaction): Promise<void> =>
      book.signed(wallet, signed)

  const over = (wallet: Hex): void => {
    handedIn.delete(wallet)
    isUnaffordable.delete(wallet)
    lostSinceMs.delete(wallet)
  }

  const handIn = async (wallet: Hex, last: SignedTransaction): Promise<void> => {
    try {
      await queue.resubmit(last, keep(wallet))
    } catch (thrown) {
      // With a nonce that is used it is mined, or never will be; both are seen below.
      if ((await queue.minedNonce()) <= last.nonce) {
        if (chainError(thrown, '').code !== 'chain_underfunded') throw thrown
        return giveWay(wallet, last)
      }
    }
    handedIn.add(wallet)
  }

  /** No node takes it, and what is sent after it would wait for ever: settlements, which alone bring money. */
  const giveWay = async (wallet: Hex, { nonce }: SignedTransaction): Promise<void> => {
    const { payout } = book.operator(wallet)
    if (!isUnaffordable.has(wallet) && payout !== null) {
      const needed = `needs ${formatEther(payout.amountNeuron)} 0G and gas`
      onNotice(`The provider’s key ${queue.address} ${needed} to pay ${wallet}: it is paid later.`)
      isUnaffordable.add(wallet)
    }
    await queue.skip(nonce)
  }

  const followOne = async (wallet: Hex, payout: Payout): Promise<void> => {
    const last = payout.versions.at(-1)
    // Killed before anything was signed.
    if (last === undefined) return book.putBack(wallet, 0n, 0)
    if (!handedIn.has(wallet)) await handIn(wallet, last)
    const isUsed = (await queue.minedNonce()) > last.nonce
    for (const { hash } of book.operator(wallet).payout?.versions ?? []) {
      const mined = await queue.receipt(hash)
      if (mined === null) continue
      const gasNeuron = mined.gasUsed * mined.effectiveGasPrice
      if (mined.status === 'success') await book.paid(wallet, gasNeuron)
      else {
        await book.putBack(wallet, gasNeuron, clock.wallMs() + restMs)
        onNotice(`${wallet} refused ${formatEther(payout.amountNeuron)} 0G (${hash}); it stays owed, for another try.`)
      }
      return over(wallet)
    }
    if (!isUsed) return
    isUnaffordable.delete(wallet)
    const since = lostSinceMs.get(wallet)
    if (since === undefined) lostSinceMs.set(wallet, clock.monotonicMs())
    else if (clock.monotonicMs() - since >= lostAfterMs) {
      if (clock.wallMs() - payout.atMs < surelyKnownMs) {
        await book.putBack(wallet, 0n, 0)
        return over(wallet)
      }
      await book.doubt(wallet)
      over(wallet)
      const { address } = queue
      const what = `Whether ${formatEther(payout.amountNeuron)} 0G reached ${wallet} cannot be seen: nonce ${last.nonce} of ${address} is used, and the node knows no receipt of ${last.hash}. It is set aside as doubted, and is not sent again.`
      onFault(new ComputePoolError('chain_state_invalid', what, { remedy: doubtRemedy }))
    }
  }

  /** Someone whose wallet is a contract may take coins or not. A node that does not answer throws. */
  const canReceive = async (wallet: Hex, value: bigint): Promise<boolean> => {
    if (((await client.getCode({ address: wallet })) ?? '0x') === '0x') return true
    try {
      return (await client.estimateGas({ account: queue.address, to: wallet, value })) <= mostGas
    } catch (thrown) {
      if (/revert/i.test(String((thrown as Error).message))) return false
      throw thrown
    }
  }

  const isDue = ({ wallet, owedNeuron, payout, restUntilMs }: OperatorAccount): boolean =>
    owedNeuron >= atNeuron &&
    owedNeuron > 0n &&
    payout === null &&
    restUntilMs <= clock.wallMs() &&
    (refusesUntilMs.get(wallet) ?? 0) <= clock.monotonicMs()

  const payOne = async ({ wallet, owedNeuron }: OperatorAccount): Promise<void> => {
    if (!(await canReceive(wallet, owedNeuron))) {
      refusesUntilMs.set(wallet, clock.monotonicMs() + restMs)
      onNotice(`${wallet} is a contract that takes no coins: ${formatEther(owedNeuron)} 0G stay owed to it.`)
      return
    }
    await book.writePayout(wallet, owedNeuron)
    try {
      await queue.submit({ to: wallet, data: '0x', valueWei: owedNeuron, gasMultiplier, isOnce: true }, keep(wallet))
    } catch (thrown) {
      // Signed, it may be sent already, and is followed.
      if (book.operator(wallet).payout?.versions.length === 0) await book.putBack(wallet, 0n, 0)
      throw thrown
    }
    handedIn.add(wallet)
  }

  return {
    follow: async () => {
      for (const { wallet, payout } of book.operators()) {
        if (payout !== null) await followOne(wallet, payout).catch(onFault)
      }
    },
    pay: async () => {
      const due = book.operators().filter(isDue)
      if (due.length === 0) return
      const [balanceNeuron, maxFeePerGas] = await Promise.all([
        client.getBalance({ address: queue.address }),
        queue.maxFeePerGas(),
      ])
      const costOf = (neuron: bigint): bigint => neuron + payoutGas * maxFeePerGas
      let leftNeuron = balanceNeuron - settlementGas * maxFeePerGas
      for (const { payout } of book.operators()) if (payout !== null) leftNeuron -= costOf(payout.amountNeuron)
      let lackingNeuron = 0n
      for (const operator of due) {
        const costNeuron = costOf(operator.owedNeuron)
        if (leftNeuron < costNeuron) {
          lackingNeuron += costNeuron
          continue
        }
        try {
          await payOne(operator)
        } catch (thrown) {
          // The others do not wait for this one's.
          onFault(thrown)
        }
        leftNeuron -= costNeuron
      }
      if (lackingNeuron > 0n && !isShortTold) {
        const needed = `needs ${formatEther(lackingNeuron - leftNeuron)} 0G more`
        onNotice(`The provider’s key ${queue.address} ${needed} to pay what operators are owed, with gas to settle on.`)
      }
      isShortTold = lackingNeuron > 0n
    },
  }
}

const doubtRemedy =
  'Ask an explorer for that transaction, and tell the pool: `computepool zerog resolve`. An endpoint that keeps old blocks spares you this.'
