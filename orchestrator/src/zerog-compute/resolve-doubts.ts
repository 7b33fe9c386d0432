/**
 * What the provider says became of a payout that is in doubt, held to what the chain shows: a transfer must be that sum to that wallet, and no
 * other payment's; that nothing was sent is not believed where a node knows the payment. It sends nothing itself.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { DoubtClaim, ZerogDoubt, ZerogDoubts, ZerogResolved } from '@computepool/shared/zerog-compute'
import { type Chain, formatEther, type Hex, type PublicClient, type Transaction, TransactionNotFoundError } from 'viem'
import { chainError } from '../chain/chain-error.ts'
import type { TransactionSender } from '../keeper/transaction-sender.ts'
import type { EarningsBook } from './fee-book.ts'
import { findNonce } from './find-nonce.ts'
import { requireChain } from './held-to-chain.ts'
import type { Doubt, OperatorAccount, Resolution } from './operator-accounts.ts'

export interface DoubtResolver {
  /** The open ones first, then the newest. */
  list(): ZerogDoubts
  /**
   * The same again changes nothing. Errors: `input_not_found` for a doubt that there is not; `input_invalid` where it is resolved otherwise, or
   * the chain shows something else; `chain_wrong` where the node is of another chain; `chain_unreachable`.
   */
  resolve(nonce: number, claim: DoubtClaim): Promise<ZerogResolved>
}

export interface DoubtResolverOptions {
  readonly book: EarningsBook
  readonly chain: Pick<Chain, 'id' | 'name'>
  /** The provider's key. */
  readonly queue: Pick<TransactionSender, 'address' | 'receipt' | 'minedNonce'>
  readonly client: Pick<
    PublicClient,
    'getChainId' | 'getTransaction' | 'getTransactionCount' | 'getBlock' | 'getBlockNumber'
  >
  readonly onNotice: (text: string) => void
}

const mostListed = 200

interface Finding {
  readonly hash: Hex | null
  readonly gasNeuron: bigint
}

export function createDoubtResolver({ book, chain, queue, client, onNotice }: DoubtResolverOptions): DoubtResolver {
  let line: Promise<unknown> = Promise.resolve()

  const known = async (hash: Hex): Promise<Transaction | null> => {
    try {
      return await client.getTransaction({ hash })
    } catch (thrown) {
      if (thrown instanceof TransactionNotFoundError) return null
      throw thrown
    }
  }
  const isOwn = (from: string): boolean => from.toLowerCase() === queue.address.toLowerCase()

  /** It is in a block, or its nonce is used: it comes no more. */
  const isOver = async ({ blockNumber, from, nonce }: Transaction): Promise<boolean> =>
    blockNumber !== null || (isOwn(from) && (await queue.minedNonce()) > nonce)

  const checkSent = async (account: OperatorAccount, doubt: Doubt, hash: Hex): Promise<Finding> => {
    const { wallet } = account
    const found = await known(hash)
    if (found === null) {
      throw refused(
        `The node knows no transaction ${hash}.`,
        'Check it; was it long ago, start the pool with an endpoint that keeps old transactions.',
      )
    }
    const { from, to, value, nonce, blockNumber } = found
    if (to?.toLowerCase() !== wallet || value !== doubt.amountNeuron) {
      const is = `${hash} is ${formatEther(value)} 0G to ${to ?? 'a new contract'}`
      throw refused(
        `${is}, and not ${formatEther(doubt.amountNeuron)} 0G to ${wallet}.`,
        'Name the transfer of that very sum.',
      )
    }
    const mined = await queue.receipt(hash)
    if (mined === null || blockNumber === null) {
      throw (await isOver(found))
        ? withoutReceipt(hash)
        : refused(`${hash} is in no block yet.`, 'Try again when it is.')
    }
    if (mined.status !== 'success')
      throw refused(`${hash} was refused by ${wallet}: nothing arrived.`, 'Say --not-sent.')
    if (!doubt.hashes.includes(hash)) {
      // What is another payment's would be counted twice, and the wallet would never have this sum.
      if (countedFor(account, doubt).has(hash))
        throw refused(`${hash} is another payment to ${wallet}.`, 'Name the one that was sent for this.')
      const isBefore = isOwn(from)
        ? nonce < doubt.nonce
        : Number((await client.getBlock({ blockNumber })).timestamp) * 1000 < doubt.atMs
      if (isBefore) throw refused(`${hash} is older than this payout.`, 'Name the one that was sent for this.')
    }
    return { hash, gasNeuron: isOwn(from) ? mined.gasUsed * mined.effectiveGasPrice : 0n }
  }

  const checkNotSent = async (
    { wallet }: OperatorAccount,
    { nonce, amountNeuron, hashes }: Doubt,
  ): Promise<Finding> => {
    for (const hash of hashes) {
      const found = await known(hash)
      if (found === null) continue
      const mined = await queue.receipt(hash)
      if (mined?.status === 'reverted') return { hash, gasNeuron: mined.gasUsed * mined.effectiveGasPrice }
      if (mined !== null) throw refused(`${hash} is on the chain: ${wallet} has it.`, `Say --sent ${hash}.`)
      if (await isOver(found)) throw withoutReceipt(hash)
      throw refused(
        `The node knows ${hash}, and it may still arrive.`,
        'Wait until it has, or its nonce is used by another.',
      )
    }
    if ((await queue.minedNonce()) <= nonce) {
      throw refused(
        `Nonce ${nonce} of ${queue.address} is not used yet: the payment may still arrive.`,
        'Wait until it is.',
      )
    }
    const taker = await findNonce(client, queue.address, nonce)
    if (taker === null) return { hash: null, gasNeuron: 0n }
    const isIt = hashes.includes(taker.hash) || (taker.to?.toLowerCase() === wallet && taker.value === amountNeuron)
    if (isIt && (await queue.receipt(taker.hash))?.status !== 'reverted') {
      throw refused(`${taker.hash} is on the chain with that nonce: ${wallet} has it.`, `Say --sent ${taker.hash}.`)
    }
    return { hash: taker.hash, gasNeuron: 0n }
  }

  const resolveNow = async (nonce: number, claim: DoubtClaim): Promise<ZerogResolved> => {
    const account = book.operators().find(({ doubts }) => doubts.some(doubt => doubt.nonce === nonce))
    const doubt = account?.doubts.find(each => each.nonce === nonce)
    if (account === undefined || doubt === undefined) {
      throw new ComputePoolError('input_not_found', `No payout with nonce ${nonce} is in doubt.`, {
        remedy: '`computepool zerog doubts` lists them.',
      })
    }
    const { wallet } = account
    const hash = claim.did === 'sent' ? (claim.hash.toLowerCase() as Hex) : null
    if (doubt.resolution !== null) {
      const { did } = doubt.resolution
      if (did !== claim.did || (hash !== null && hash !== doubt.resolution.hash)) {
        throw refused(
          `The payout with nonce ${nonce} is resolved: ${wordsOf(doubt.resolution)}.`,
          'That stands: money was counted by it.',
        )
      }
      return { isNew: false, doubt: viewOf(wallet, doubt) }
    }
    const check = async (): Promise<Finding> => {
      // Each time: which node answers may have changed since the pool was started.
      requireChain(chain, await client.getChainId())
      return hash === null ? checkNotSent(account, doubt) : checkSent(account, doubt, hash)
    }
    const finding = await check().catch((thrown: unknown) => {
      throw chainError(thrown, `The payout with nonce ${nonce}`)
    })
    await book.resolve(wallet, nonce, { did: claim.did, hash: finding.hash }, finding.gasNeuron)
    const resolved = book.operator(wallet).doubts.find(each => each.nonce === nonce)!
    const sum = `${formatEther(doubt.amountNeuron)} 0G to ${wallet}`
    onNotice(
      `The doubted payout with nonce ${nonce}, ${sum}: ${wordsOf(resolved.resolution!)}, by the provider’s word.`,
    )
    return { isNew: true, doubt: viewOf(wallet, resolved) }
  }

  return {
    list: () => {
      const accounts = book.operators()
      const all = accounts.flatMap(({ wallet, doubts }) => doubts.map(doubt => viewOf(wallet, doubt)))
      all.sort((a, b) => Number(a.resolution !== null) - Number(b.resolution !== null) || b.atMs - a.atMs)
      const unlisted = accounts.reduce((sum, { doubtedNeuron, doubts }) => sum + doubtedNeuron - openOf(doubts), 0n)
      return { doubts: all.slice(0, mostListed), unlistedNeuron: String(unlisted) }
    },
    // One after the other: two that say different things of one doubt must not both be taken.
    resolve: (nonce, claim) => {
      const run = line.then(() => resolveNow(nonce, claim))
      line = run.catch(() => {})
      return run
    },
  }
}

const openOf = (doubts: readonly Doubt[]): bigint =>
  doubts.reduce((sum, { amountNeuron, resolution }) => (resolution === null ? sum + amountNeuron : sum), 0n)

function countedFor({ payout, paidHashes, doubts }: OperatorAccount, { nonce }: Doubt): ReadonlySet<Hex> {
  const others = doubts.filter(each => each.nonce !== nonce)
  const ofOthers = others.flatMap(({ hashes, resolution }) => [
    ...hashes,
    ...(resolution?.hash ? [resolution.hash] : []),
  ])
  return new Set([...paidHashes, ...(payout?.versions ?? []).map(({ hash }) => hash), ...ofOthers])
}

const viewOf = (wallet: Hex, { nonce, amountNeuron, atMs, hashes, resolution }: Doubt): ZerogDoubt => ({
  ...{ nonce, wallet, amountNeuron: String(amountNeuron), atMs, hashes: [...hashes], resolution },
})

const wordsOf = ({ did, hash }: Resolution): string =>
  did === 'sent'
    ? `sent by ${hash}`
    : `not sent, and owed again (${hash === null ? 'no node showed what took its nonce' : `its nonce was used by ${hash}`})`

const withoutReceipt = (hash: Hex): ComputePoolError =>
  refused(
    `The node knows ${hash}, whose nonce is used, and keeps no receipt of it.`,
    'Start the pool with an endpoint that keeps old receipts.',
  )

const refused = (message: string, remedy: string): ComputePoolError =>
  new ComputePoolError('input_invalid', message, { remedy })
