/**
 * Looks after a running anvil: cuts its state down in a quiet moment, keeps a copy of the last whole state, and starts it again
 * where it ended, on the same port. A failure is told and tried again at the next look; the state stays.
 */
import { toHex } from 'viem'
import { type AnvilRecord, askRpc, stateFile, stopAnvil } from './anvil-process.ts'
import { keepGoodState } from './good-state.ts'
import { isAlive } from './process-alive.ts'
import { startCompacted } from './start-compacted.ts'

export interface AnvilWatch {
  readonly dir: string
  readonly record: AnvilRecord
  /** On the port that it had. */
  readonly start: () => Promise<AnvilRecord>
  readonly compactAfterBlocks: number
  readonly everyMs: number
  readonly onNotice: (notice: string) => void
}

/** `close` ends the watching, stops the process and waits until its state is written. Idempotent. */
export async function watchAnvil(watch: AnvilWatch): Promise<{ close(): Promise<void> }> {
  const { dir, start, compactAfterBlocks, everyMs, onNotice } = watch
  const { port } = watch.record
  const file = stateFile(dir)
  let record = watch.record
  let compactedAt = await blockNumber(port)
  let working: Promise<void> | undefined
  let closing: Promise<void> | undefined

  async function look(): Promise<void> {
    if (closing) return
    if (!isAlive(record)) {
      await startAgain()
      onNotice('The chain had ended; it was started again from what it last wrote.')
      return
    }
    const block = await blockNumber(port)
    if (block - compactedAt < compactAfterBlocks || !(await isQuiet(port, block))) {
      await keepGoodState(file)
      return
    }
    // Some hundred milliseconds without a chain; a pool with something in it would lose it.
    await stopAnvil(dir, record)
    compactedAt = block
    const cut = await startAgain()
    if (cut === null) return
    onNotice(
      `The chain’s state was cut down from ${cut.blocksBefore} to ${cut.blocksAfter} blocks, ${cut.sizeBytes} bytes.`,
    )
  }

  async function startAgain() {
    const { started, compacted } = await startCompacted({ file, start, onNotice })
    record = started
    compactedAt = await blockNumber(port)
    return compacted
  }

  const timer = setInterval(() => {
    working ??= look()
      .catch(thrown => onNotice(thrown instanceof Error ? thrown.message : String(thrown)))
      .finally(() => {
        working = undefined
      })
  }, everyMs)
  timer.unref()

  return {
    close() {
      clearInterval(timer)
      closing ??= (working ?? Promise.resolve()).then(() => stopAnvil(dir, record))
      return closing
    },
  }
}

async function blockNumber(port: number): Promise<number> {
  return Number((await askRpc(port, 'eth_blockNumber')) ?? 0)
}

/** No transaction waits, and none came in the last blocks. */
async function isQuiet(port: number, block: number): Promise<boolean> {
  const pool = (await askRpc(port, 'txpool_status')) as { pending?: string; queued?: string } | undefined
  if (Number(pool?.pending ?? 1) > 0 || Number(pool?.queued ?? 1) > 0) return false
  for (let number = block; number > block - 30 && number > 0; number--) {
    if (Number(await askRpc(port, 'eth_getBlockTransactionCountByNumber', [toHex(number)])) > 0) return false
  }
  return true
}
