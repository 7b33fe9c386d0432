/**
 * One key's transactions: numbered, priced, signed, stored, then broadcast, one after the other; receipts are waited for side by side.
 * What gets stuck is signed again with a higher fee; what a crash left is handed in again. It does not know what the calls mean.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import {
  type Address,
  type Hex,
  keccak256,
  type LocalAccount,
  type PublicClient,
  parseTransaction,
  TransactionNotFoundError,
  TransactionReceiptNotFoundError,
} from 'viem'
import type { MinedTransaction, SignedTransaction, TransactionCall } from '../keeper/transaction-sender.ts'
import { chainError } from './chain-error.ts'
import type { SignerStore } from './signer-store.ts'

export interface SignerQueueOptions {
  readonly client: PublicClient
  readonly account: LocalAccount
  readonly chainId: number
  readonly store: SignerStore
  readonly clock: Clock
  /** Least tip a node takes. */
  readonly tipFloorWei?: bigint
  /** Blocks on top of a transaction before it counts as mined; 1 is the block itself. */
  readonly confirmations?: number
  /** Blocks after which a transaction that is still not mined is priced anew. */
  readonly stuckAfterBlocks?: number
  readonly pollMs?: number
}

export interface SignerQueue {
  readonly address: Address
  /** See keeper/transaction-sender.ts. */
  submit(call: TransactionCall, onSigned: (signed: SignedTransaction) => Promise<void>): Promise<SignedTransaction>
  resubmit(signed: SignedTransaction, onSigned?: (signed: SignedTransaction) => Promise<void>): Promise<void>
  receipt(hash: Hex): Promise<MinedTransaction | null>
  minedNonce(): Promise<number>
  /** Broadcasts and returns the hash. Errors: `chain_reverted` with the contract's reason, `chain_unreachable`, `chain_underfunded`. */
  send(call: { to: Address; data: Hex; valueWei?: bigint }): Promise<Hex>
  /** The same, and waits until it is mined. A receipt that says reverted is an error too. */
  execute(call: { to: Address; data: Hex; valueWei?: bigint }): Promise<MinedTransaction & { hash: Hex }>
  /** What a transaction that is signed now may cost at most, for each unit of gas. Errors: viem's own. */
  maxFeePerGas(): Promise<bigint>
  /**
   * Uses the nonce for nothing, where what was signed with it cannot be paid for: what comes after would wait for ever. Receipts say which of the
   * two was mined. Errors: viem's own.
   */
  skip(nonce: number): Promise<void>
  /** Hands in again what a crash left, and fills a gap in the nonces. Done before the first transaction by itself. */
  heal(): Promise<void>
  close(): Promise<void>
}

interface Pending {
  readonly nonce: number
  readonly request: { to: Address; data: Hex; value: bigint; gas: bigint }
  /** Replaced where somebody comes after a restart and says that it is theirs. */
  onSigned: (signed: SignedTransaction) => Promise<void>
  readonly hashes: Hex[]
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
  pricedAtBlock: bigint
}

export function createSignerQueue(options: SignerQueueOptions): SignerQueue {
  const { client, account, chainId, store, clock } = options
  const { tipFloorWei = 0n, confirmations = 1, stuckAfterBlocks = 6, pollMs = 500 } = options
  const { address } = account
  const pending = new Map<number, Pending>()
  let nextNonce: number | null = null
  /** Since when the lowest transaction under way stands behind a nonce that nobody uses; null where none does. */
  let gapSinceBlock: bigint | null = null
  let line: Promise<unknown> = Promise.resolve()
  let cancelWatch: (() => void) | null = null
  let isClosed = false

  /** One at a time; a failure of one does not poison the next. */
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const run = line.then(work, work)
    line = run.catch(() => {})
    return run
  }

  const minedNonce = () => client.getTransactionCount({ address, blockTag: 'latest' })

  const fees = async () => {
    const [block, tip] = await Promise.all([
      client.getBlock({ blockTag: 'latest' }),
      client.estimateMaxPriorityFeePerGas().catch(() => tipFloorWei),
    ])
    const maxPriorityFeePerGas = tip > tipFloorWei ? tip : tipFloorWei
    return {
      maxPriorityFeePerGas,
      maxFeePerGas: (block.baseFeePerGas ?? 0n) * 2n + maxPriorityFeePerGas,
      pricedAtBlock: block.number,
    }
  }

  const sign = async (entry: Omit<Pending, 'hashes' | 'onSigned' | 'pricedAtBlock'>): Promise<SignedTransaction> => {
    const { nonce, request, maxFeePerGas, maxPriorityFeePerGas } = entry
    const raw = await account.signTransaction({
      ...request,
      chainId,
      nonce,
      maxFeePerGas,
      maxPriorityFeePerGas,
      type: 'eip1559',
    })
    return { hash: keccak256(raw), nonce, raw }
  }

  // The caller's books first: a kill between the two would else let `heal` send what nobody remembers having asked for, and its
  // caller ask again. The other way round only the caller knows it, and hands it in again or sees its nonce used.
  const keep = async (signed: SignedTransaction, entry: Pending): Promise<void> => {
    await entry.onSigned(signed)
    await store.add({ ...signed, chainId, address, recipient: entry.request.to, createdAtMs: clock.wallMs() })
  }

  const broadcast = async (raw: Hex): Promise<void> => {
    try {
      await client.sendRawTransaction({ serializedTransaction: raw })
    } catch (thrown) {
      if (isKnownAlready(thrown) || (await isOnChain(keccak256(raw)))) return
      throw thrown
    }
  }

  const isOnChain = async (hash: Hex): Promise<boolean> => {
    try {
      await client.getTransaction({ hash })
      return true
    } catch (thrown) {
      if (thrown instanceof TransactionNotFoundError) return false
      throw thrown
    }
  }

  const receipt: SignerQueue['receipt'] = async hash => {
    try {
      const found = await client.getTransactionReceipt({ hash })
      if (confirmations > 1) {
        const head = await client.getBlockNumber({ cacheTime: 0 })
        if (head - found.blockNumber + 1n < BigInt(confirmations)) return null
      }
      const { status, blockNumber, gasUsed, effectiveGasPrice } = found
      return { status, blockNumber, gasUsed, effectiveGasPrice }
    } catch (thrown) {
      if (thrown instanceof TransactionReceiptNotFoundError) return null
      throw thrown
    }
  }

  const healNow = async (): Promise<void> => {
    if (nextNonce !== null) return
    const mined = await minedNonce()
    const head = await client.getBlockNumber({ cacheTime: 0 })
    let next = mined
    for (const row of await store.unmined(chainId, address)) {
      if (row.nonce < mined) {
        await store.settle(row.hash, (await receipt(row.hash)) === null ? 'gone' : 'mined')
        continue
      }
      // A gap cannot come of our own order; it is left by a chain that was rolled back. What stands behind it must not wait for ever.
      for (; next < row.nonce; next++) await fillNonce(next)
      await broadcast(row.raw).catch(() => {})
      take(row, async () => {}, head)
      next = Math.max(next, row.nonce + 1)
    }
    nextNonce = next
    gapSinceBlock = null
    watch()
  }

  /** Watches what was signed before as if it had been signed now; a later version of what is under way adds its hash and its price. */
  const take = (
    { nonce, hash, raw }: SignedTransaction,
    onSigned: Pending['onSigned'],
    pricedAtBlock: bigint,
  ): void => {
    const {
      to,
      data = '0x',
      value = 0n,
      gas = 0n,
      maxFeePerGas = 0n,
      maxPriorityFeePerGas = 0n,
    } = parseTransaction(raw)
    const known = pending.get(nonce)
    if (known?.hashes.includes(hash)) return
    const price = { maxFeePerGas, maxPriorityFeePerGas, pricedAtBlock }
    if (known) {
      known.hashes.push(hash)
      Object.assign(known, price)
    } else pending.set(nonce, { nonce, request: { to: to!, data, value, gas }, onSigned, hashes: [hash], ...price })
  }

  const fillNonce = async (nonce: number): Promise<void> => {
    const { pricedAtBlock, ...price } = await fees()
    const request = { to: address, data: '0x' as Hex, value: 0n, gas: 21_000n }
    const entry: Pending = { nonce, request, onSigned: async () => {}, hashes: [], pricedAtBlock, ...price }
    const signed = await sign(entry)
    await keep(signed, entry)
    entry.hashes.push(signed.hash)
    pending.set(nonce, entry)
    await broadcast(signed.raw)
  }

  const skipNow = async (nonce: number): Promise<void> => {
    await healNow()
    if (pending.get(nonce)?.request.to === address || nonce < (await minedNonce())) return
    await fillNonce(nonce)
    watch()
  }

  const resubmitNow = async (signed: SignedTransaction, onSigned: Pending['onSigned']): Promise<void> => {
    await healNow()
    const call = parseTransaction(signed.raw)
    // Healing may have priced it anew before its owner came: then another version is the one that gets mined.
    for (const other of await store.versions(chainId, address, signed.nonce)) {
      if (other.hash !== signed.hash && isSameCall(parseTransaction(other.raw), call)) await onSigned(other)
    }
    const entry = pending.get(signed.nonce)
    // Beside what its nonce was skipped with it is none of that one's versions.
    if (entry?.hashes.includes(signed.hash) && isSameCall(entry.request, call)) entry.onSigned = onSigned
    else if (signed.nonce === nextNonce) {
      // Stored by its owner and killed before it came to our books: from here on it is one like all others.
      await store.add({ ...signed, chainId, address, recipient: call.to!, createdAtMs: clock.wallMs() })
      take(signed, onSigned, await client.getBlockNumber({ cacheTime: 0 }))
      nextNonce = signed.nonce + 1
      watch()
    }
    await broadcast(signed.raw)
  }

  const submitNow = async (
    call: TransactionCall,
    onSigned: (signed: SignedTransaction) => Promise<void>,
  ): Promise<SignedTransaction> => {
    if (isClosed) throw new ComputePoolError('chain_unreachable', 'The signer is closed.')
    await healNow()
    const { to, data, valueWei: value } = call
    const [estimate, price] = await Promise.all([client.estimateGas({ account: address, to, data, value }), fees()])
    const gas = (estimate * BigInt(Math.ceil(call.gasMultiplier * 100)) + 99n) / 100n
    for (let attempt = 1; ; attempt++) {
      const entry: Pending = { nonce: nextNonce!, request: { to, data, value, gas }, onSigned, hashes: [], ...price }
      const signed = await sign(entry)
      await keep(signed, entry)
      try {
        await broadcast(signed.raw)
      } catch (thrown) {
        if (!isNonceUsed(thrown) || call.isOnce === true || attempt === 3) {
          // Whether a node has it is not known: it stays stored and watched, its nonce stays taken, and healing hands it in again.
          if (!isNonceUsed(thrown)) {
            entry.hashes.push(signed.hash)
            pending.set(entry.nonce, entry)
          }
          nextNonce = null
          watch()
          throw thrown
        }
        // Somebody else sends from this key: believe the chain.
        await store.settle(signed.hash, 'gone')
        nextNonce = Math.max(nextNonce! + 1, await minedNonce())
        continue
      }
      entry.hashes.push(signed.hash)
      pending.set(entry.nonce, entry)
      nextNonce = entry.nonce + 1
      watch()
      return signed
    }
  }

  /** While anything is under way: settles what is mined, and prices anew what is stuck. */
  const watch = (): void => {
    if (cancelWatch !== null || isClosed || pending.size === 0) return
    cancelWatch = clock.schedule(pollMs, () => {
      cancelWatch = null
      inLine(look)
        .catch(() => {})
        .then(watch)
    })
  }

  const look = async (): Promise<void> => {
    const mined = await minedNonce()
    if (await isBehindGap(mined)) {
      nextNonce = null
      return healNow()
    }
    for (const [nonce, entry] of [...pending].sort(([a], [b]) => a - b)) {
      if (nonce < mined) {
        for (const hash of entry.hashes) await store.settle(hash, (await receipt(hash)) === null ? 'gone' : 'mined')
        pending.delete(nonce)
      } else if (nonce === mined) await reprice(entry)
    }
  }

  /** A chain that was rolled back while we ran. Believed after some blocks only: a node may be late to tell a nonce. */
  const isBehindGap = async (mined: number): Promise<boolean> => {
    if (Math.min(...pending.keys()) <= mined) {
      gapSinceBlock = null
      return false
    }
    const head = await client.getBlockNumber({ cacheTime: 0 })
    gapSinceBlock ??= head
    return head - gapSinceBlock >= BigInt(stuckAfterBlocks)
  }

  /** A node replaces a transaction only for a tenth more; an eighth is what most ask. */
  const reprice = async (entry: Pending): Promise<void> => {
    const head = await client.getBlockNumber({ cacheTime: 0 })
    if (head - entry.pricedAtBlock < BigInt(stuckAfterBlocks)) return
    const now = await fees()
    const bumped = (fee: bigint): bigint => fee + fee / 8n + 1n
    entry.maxPriorityFeePerGas = larger(bumped(entry.maxPriorityFeePerGas), now.maxPriorityFeePerGas)
    entry.maxFeePerGas = larger(bumped(entry.maxFeePerGas), now.maxFeePerGas + entry.maxPriorityFeePerGas)
    entry.pricedAtBlock = head
    const signed = await sign(entry)
    await keep(signed, entry)
    entry.hashes.push(signed.hash)
    await broadcast(signed.raw)
  }

  const send: SignerQueue['send'] = async ({ to, data, valueWei = 0n }) => {
    const call = { to, data, valueWei, gasMultiplier: 1.3 }
    try {
      return (await inLine(() => submitNow(call, async () => {}))).hash
    } catch (thrown) {
      throw chainError(thrown, `The call to ${to}`)
    }
  }

  const execute: SignerQueue['execute'] = async call => {
    const versions: Hex[] = []
    const keepVersion = async ({ hash }: SignedTransaction): Promise<void> => void versions.push(hash)
    const order = { to: call.to, data: call.data, valueWei: call.valueWei ?? 0n, gasMultiplier: 1.3 }
    try {
      const { nonce } = await inLine(() => submitNow(order, keepVersion))
      for (let missed = 0; missed < 3; ) {
        for (const hash of versions) {
          const mined = await receipt(hash)
          if (mined === null) continue
          if (mined.status === 'success') return { ...mined, hash }
          await client.call({ account: address, to: call.to, data: call.data, blockNumber: mined.blockNumber })
          throw new ComputePoolError('chain_reverted', `The transaction ${hash} reverted.`, { context: { hash } })
        }
        if ((await minedNonce()) > nonce) missed += 1
        await new Promise<void>(resolve => void clock.schedule(Math.min(pollMs, 200), resolve))
        if (isClosed)
          throw new ComputePoolError('chain_unreachable', 'The signer was closed before its transaction was mined.')
      }
      throw new ComputePoolError('chain_reverted', `The transaction with nonce ${nonce} was replaced by another one.`)
    } catch (thrown) {
      throw chainError(thrown, `The call to ${call.to}`)
    }
  }

  return {
    address,
    submit: (call, onSigned) => inLine(() => submitNow(call, onSigned)),
    resubmit: (signed, onSigned = async () => {}) => inLine(() => resubmitNow(signed, onSigned)),
    receipt,
    minedNonce,
    send,
    execute,
    maxFeePerGas: async () => (await fees()).maxFeePerGas,
    skip: nonce => inLine(() => skipNow(nonce)),
    heal: () => inLine(healNow),
    close: async () => {
      isClosed = true
      cancelWatch?.()
      cancelWatch = null
      await line
    },
  }
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)

type Call = { to?: Address | null | undefined; data?: Hex | undefined; value?: bigint | undefined }

const isSameCall = (one: Call, other: Call): boolean =>
  one.to?.toLowerCase() === other.to?.toLowerCase() &&
  (one.data ?? '0x') === (other.data ?? '0x') &&
  (one.value ?? 0n) === (other.value ?? 0n)

const textOf = (thrown: unknown): string =>
  thrown instanceof Error ? `${thrown.message}\n${textOf(thrown.cause)}` : String(thrown ?? '')

const isKnownAlready = (thrown: unknown): boolean =>
  /already known|already imported|known transaction/i.test(textOf(thrown))

const isNonceUsed = (thrown: unknown): boolean => /nonce (is )?too low|nonce.*lower than|OldNonce/i.test(textOf(thrown))
