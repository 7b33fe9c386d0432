/**
 * The embedded chain: anvil on loopback with its state in the data folder, found again after a crash, cut down when it has grown,
 * stopped so that nothing is lost. It gives native coins to three keys; what else lies on the chain it does not know.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Chain, type Hex, parseEther, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import {
  type AnvilRecord,
  askRpc,
  forgetRecord,
  isAlive,
  readRecord,
  startAnvil,
  stateFile,
  stopAnvil,
  writeRecord,
} from './anvil-process.ts'
import { type ChainKeys, readOrMakeKeys } from './chain-keys.ts'
import { type CompactedState, compactState } from './compact-state.ts'
import { embeddedChain } from './known-chains.ts'

export const EMBEDDED_CHAIN_ID = 31337
/** Where the chain's identity lies, as code that does nothing. */
const IDENTITY_ADDRESS = '0x000000000000000000000000000000000c0ffee0'
const FULL_WEI = parseEther('1000')
const LOW_WEI = parseEther('100')

export interface EmbeddedChainOptions {
  readonly dataDir: string
  readonly blockTimeSeconds?: number | undefined
  /** Blocks since the last compaction after which a quiet moment is used for one. Default 20,000 (34 MB of empty blocks). */
  readonly compactAfterBlocks?: number | undefined
  /** How often growth is looked at. Default 60,000. */
  readonly watchEveryMs?: number | undefined
  /** Told when something was mended that a user might miss. */
  readonly onNotice?: ((notice: string) => void) | undefined
}

export interface EmbeddedChain {
  readonly url: string
  readonly chain: Chain
  readonly keys: Pick<ChainKeys, 'owner' | 'settler' | 'keeper'>
  /** True where the process of an earlier run was still alive and was taken over. */
  readonly wasAdopted: boolean
  /** The chain did not exist before this start. */
  readonly isNew: boolean
  /** Mines a block now; interval mining goes on. For a deployment, which need not wait a second for each step. */
  mine(): Promise<void>
  /** Native coins for `address`, up to `wei`; never less than it has. */
  fund(address: Hex, wei: bigint): Promise<void>
  /** Stops the process and waits until its state is written. Once is enough; twice is harmless. */
  close(): Promise<void>
}

/**
 * Starts the chain of `dataDir`, or takes over the one that still runs.
 * @throws chain_unavailable, chain_state_invalid.
 */
export async function startEmbeddedChain(options: EmbeddedChainOptions): Promise<EmbeddedChain> {
  const { dataDir, blockTimeSeconds = 1, compactAfterBlocks = 20_000, watchEveryMs = 60_000, onNotice } = options
  const dir = join(dataDir, 'chain')
  await mkdir(dir, { recursive: true })
  const keys = await readOrMakeKeys(dataDir)
  const last = await readRecord(dir)
  const adopted = last && (await adopt(dir, last, keys.identity))

  async function compact(): Promise<CompactedState | undefined> {
    const compacted = await compactState(stateFile(dir))
    if (compacted?.restored) onNotice?.('The chain’s state was cut off by a crash; the last whole one is used.')
    return compacted
  }
  const start = (preferredPort: number | undefined) =>
    startAnvil({ dir, chainId: EMBEDDED_CHAIN_ID, blockTimeSeconds, preferredPort })
  if (!adopted) await compact()
  let record = adopted ?? (await start(last?.port))
  const { port } = record
  const isNew = await mark(port, keys.identity).catch(async thrown => {
    await stopAnvil(dir, record)
    throw thrown
  })
  const chain = embeddedChain(`http://127.0.0.1:${port}`)

  const fund = async (address: Hex, wei: bigint) => {
    const held = BigInt(String((await askRpc(port, 'eth_getBalance', [address, 'latest'])) ?? 0))
    if (held < wei) await askRpc(port, 'anvil_setBalance', [address, toHex(wei)])
  }
  for (const key of [keys.owner, keys.settler, keys.keeper]) {
    const { address } = privateKeyToAccount(key)
    const held = BigInt(String((await askRpc(port, 'eth_getBalance', [address, 'latest'])) ?? 0))
    if (held < LOW_WEI) await fund(address, FULL_WEI)
  }

  let compactedAt = await blockNumber(port)
  let working: Promise<void> | undefined
  let closing: Promise<void> | undefined
  const watch = setInterval(() => {
    working ??= compactWhenQuiet()
      .catch(thrown => onNotice?.(thrown instanceof Error ? thrown.message : String(thrown)))
      .finally(() => {
        working = undefined
      })
  }, watchEveryMs)
  watch.unref()

  /** Compaction needs the process stopped for some hundred milliseconds; a pool with something in it would lose it. */
  async function compactWhenQuiet(): Promise<void> {
    const block = await blockNumber(port)
    if (block - compactedAt < compactAfterBlocks || closing || !(await isQuiet(port, block))) return
    await stopAnvil(dir, record)
    const compacted = await compact()
    record = await start(port)
    if (record.port !== port) {
      throw new ComputePoolError('chain_unavailable', `Port ${port} was taken while the chain was compacted.`, {
        remedy: 'Start again.',
      })
    }
    compactedAt = block
    onNotice?.(
      `The chain’s state was cut down from ${compacted?.blocksBefore} to ${compacted?.blocksAfter} blocks, ${compacted?.sizeBytes} bytes.`,
    )
  }

  return {
    url: `http://127.0.0.1:${port}`,
    chain,
    keys: { owner: keys.owner, settler: keys.settler, keeper: keys.keeper },
    wasAdopted: adopted !== undefined,
    isNew,
    fund,
    async mine() {
      await askRpc(port, 'evm_mine')
    },
    close() {
      clearInterval(watch)
      closing ??= (working ?? Promise.resolve()).then(() => stopAnvil(dir, record))
      return closing
    },
  }
}

/** The process of `last` where it lives, is this chain, and nobody else uses it. @throws chain_unavailable. */
async function adopt(dir: string, last: AnvilRecord, identity: Hex): Promise<AnvilRecord | undefined> {
  const isOurs =
    isAlive(last.pid) && (await askRpc(last.port, 'eth_getCode', [IDENTITY_ADDRESS, 'latest'])) === identity
  if (!isOurs) {
    await forgetRecord(dir)
    return undefined
  }
  if (last.usedByPid !== process.pid && isAlive(last.usedByPid)) {
    throw new ComputePoolError('chain_unavailable', `Process ${last.usedByPid} already runs the chain of ${dir}.`, {
      remedy: 'Stop it first, or use another data folder (--data DIR).',
      context: { pid: last.usedByPid },
    })
  }
  const record = { ...last, usedByPid: process.pid }
  await writeRecord(dir, record)
  return record
}

/** Writes the identity where it is not there yet; true where it was not: then the chain is new. */
async function mark(port: number, identity: Hex): Promise<boolean> {
  const code = await askRpc(port, 'eth_getCode', [IDENTITY_ADDRESS, 'latest'])
  if (code === identity) return false
  if (code !== '0x') {
    throw new ComputePoolError('chain_state_invalid', 'The chain’s state belongs to other keys than keys.json holds.', {
      remedy: 'Put state and keys.json of the same data folder together, or remove the folder to begin anew.',
    })
  }
  await askRpc(port, 'anvil_setCode', [IDENTITY_ADDRESS, identity])
  return true
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
