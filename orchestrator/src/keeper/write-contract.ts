/**
 * One write to the chain, at most once whatever is killed when: the signed transaction is stored before it is sent, and whoever
 * comes back looks at what was stored first. It sends anew only when the chain itself rules out every stored version.
 */
import type { Clock } from '@computepool/shared/ports'
import { encodeFunctionData, type Hex } from 'viem'
import type { KeeperTransactionRow } from '../store/keeper-tables.ts'
import { type ActionConfig, pause, softened } from './actions.ts'
import { describeCallError, readContractCall } from './contract-call.ts'
import type { RunStore, StepKey } from './run-store.ts'
import { atNode, StepFault } from './step-fault.ts'
import type { MinedTransaction, SignedTransaction, TransactionSender } from './transaction-sender.ts'

export interface WriteTools {
  readonly store: RunStore
  readonly sender: TransactionSender
  readonly chainId: number
  readonly clock: Clock
  /** Ends the waiting when the runner closes; the transaction stays stored. */
  readonly signal: AbortSignal
  readonly pollMs: number
  /** The run is `unconfirmed` from the first broadcast until the receipt. */
  onSent(): Promise<void>
  onConfirmed(): Promise<void>
}

export interface WriteStep extends StepKey {
  readonly nodeName: string
}

const defaultGasMultiplier = 1.3
const mostGasMultiplier = 10
const pollsPerRetry = 40

export async function writeContractAction(config: ActionConfig, step: WriteStep, tools: WriteTools): Promise<unknown> {
  const { address, abi, fragment, args } = readContractCall(config)
  const data = encodeFunctionData({ abi, functionName: fragment.name, args })
  const call = {
    to: address,
    data,
    valueWei: BigInt(String(config.ethValue ?? '') || '0'),
    gasMultiplier: readMultiplier(config.gasLimitMultiplier),
  }
  const stored = (await tools.store.transactions(step.runId)).filter(
    ({ nodeId, iteration }) => nodeId === step.nodeId && iteration === step.iteration,
  )
  const keep: KeepVersion = async ({ hash, nonce, raw }) => {
    const row = { ...step, chainId: tools.chainId, hash, nonce, raw, createdAtMs: tools.clock.wallMs() }
    await tools.store.keepTransaction(row)
    await tools.onSent()
  }
  let mined = stored.length > 0 ? await resume(stored, step, keep, tools) : null
  if (!mined) {
    try {
      await atNode(() => tools.sender.submit(call, keep))
    } catch (thrown) {
      // Refused before it was signed: nothing can come of it. Afterwards only the chain knows.
      const isSigned = (await versions(step, tools)).length > 0
      if (!isSigned && thrown instanceof StepFault) throw thrown
      if (!isSigned) return softened(config, describeCallError(thrown, abi), {})
    }
    mined = await follow(step, keep, tools)
    if (!mined) throw new Error('The transaction was replaced by another one with its nonce.')
  }
  await tools.onConfirmed()
  const { hash, receipt } = mined
  const told = {
    transactionHash: hash,
    chainId: tools.chainId,
    blockNumber: Number(receipt.blockNumber),
    gasUsed: (receipt.gasUsed * receipt.effectiveGasPrice).toString(),
    gasUsedUnits: receipt.gasUsed.toString(),
    effectiveGasPrice: receipt.effectiveGasPrice.toString(),
  }
  if (receipt.status === 'reverted') return softened(config, `The transaction ${hash} reverted on the chain.`, told)
  return { success: true, ...told }
}

type KeepVersion = (signed: SignedTransaction) => Promise<void>

interface Mined {
  readonly hash: Hex
  readonly receipt: MinedTransaction
}

/** After a kill: what was stored may be mined, under way, never sent, or ruled out. Null: ruled out, nothing of it will happen. */
async function resume(
  stored: readonly KeeperTransactionRow[],
  step: WriteStep,
  keep: KeepVersion,
  tools: WriteTools,
): Promise<Mined | null> {
  await tools.onSent()
  const known = await look(step, tools)
  if (known) return known
  await handInAgain(stored, keep, tools)
  return follow(step, keep, tools)
}

/** Waits for any stored version of the transaction. Null where their nonce was used by something else. */
async function follow(step: WriteStep, keep: KeepVersion, tools: WriteTools): Promise<Mined | null> {
  for (let missed = 0, polls = 1; ; polls++) {
    const found = await look(step, tools)
    if (found) return found
    const rows = await versions(step, tools)
    const nonce = Math.max(...rows.map(row => row.nonce))
    // A node may tell the new nonce before the receipt: believe it only when both were asked twice.
    missed = (await tools.sender.minedNonce().catch(() => 0)) > nonce ? missed + 1 : 0
    if (missed > 2) {
      const late = await look(step, tools)
      if (late) return late
      const gone = { receiptStatus: 'not_found' as const, blockNumber: null, gasUsed: null }
      for (const { hash } of rows) await tools.store.settleTransaction(step.runId, hash, gone)
      return null
    }
    if (polls % pollsPerRetry === 0) await handInAgain(rows, keep, tools)
    await pause(tools.pollMs, tools.clock, tools.signal)
  }
}

/** A node that is out of reach or refuses it for now changes nothing: the receipt or the nonce decides. Faults of our books do. */
async function handInAgain(rows: readonly KeeperTransactionRow[], keep: KeepVersion, { sender }: WriteTools) {
  const last = rows[rows.length - 1]
  if (!last) return
  const faults: unknown[] = []
  const keepOrTell: KeepVersion = signed =>
    keep(signed).catch(thrown => {
      faults.push(thrown)
      throw thrown
    })
  await sender.resubmit({ hash: last.hash as Hex, nonce: last.nonce, raw: last.raw as Hex }, keepOrTell).catch(() => {})
  if (faults.length > 0) throw faults[0]
}

async function look(step: WriteStep, tools: WriteTools): Promise<Mined | null> {
  for (const { hash } of await versions(step, tools)) {
    // A node out of reach tells nothing: what was sent stays unconfirmed.
    const receipt = await tools.sender.receipt(hash as Hex).catch(() => null)
    if (!receipt) continue
    await tools.store.settleTransaction(step.runId, hash, {
      receiptStatus: receipt.status,
      blockNumber: Number(receipt.blockNumber),
      gasUsed: receipt.gasUsed.toString(),
    })
    return { hash: hash as Hex, receipt }
  }
  return null
}

const versions = async (step: WriteStep, { store }: WriteTools): Promise<KeeperTransactionRow[]> =>
  (await store.transactions(step.runId)).filter(
    row => row.nodeId === step.nodeId && row.iteration === step.iteration && row.receiptStatus !== 'not_found',
  )

function readMultiplier(setting: unknown): number {
  const multiplier = Number.parseFloat(String(setting ?? ''))
  return Number.isNaN(multiplier) ? defaultGasMultiplier : Math.min(Math.max(multiplier, 1), mostGasMultiplier)
}
