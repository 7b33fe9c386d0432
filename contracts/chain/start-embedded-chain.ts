/**
 * The embedded chain: anvil on loopback with its state in the data folder, found again after a crash, cut down when it has grown,
 * stopped so that nothing is lost. It gives native coins to three keys; what else lies on the chain it does not know.
 */
import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Chain, type Hex, parseEther, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { adoptAnvil, IDENTITY_ADDRESS } from './adopt-anvil.ts'
import { askRpc, readRecord, startAnvil, stateFile, stopAnvil } from './anvil-process.ts'
import { type ChainKeys, readOrMakeKeys } from './chain-keys.ts'
import { embeddedChain } from './known-chains.ts'
import { lockFile } from './lock-file.ts'
import { startCompacted } from './start-compacted.ts'
import { watchAnvil } from './watch-anvil.ts'

export const EMBEDDED_CHAIN_ID = 31337
const FULL_WEI = parseEther('1000')
const LOW_WEI = parseEther('100')

export interface EmbeddedChainOptions {
  readonly dataDir: string
  readonly blockTimeSeconds?: number | undefined
  /** Blocks since the last compaction after which a quiet moment is used for one. Default 20,000 (34 MB of empty blocks). */
  readonly compactAfterBlocks?: number | undefined
  /** How often growth, life and the copy of the state are looked at. Default 60,000. */
  readonly watchEveryMs?: number | undefined
  /** How often anvil writes its state. Default 30. */
  readonly stateIntervalSeconds?: number | undefined
  /** How long a chain that an earlier run left may take to answer. Default 20,000. */
  readonly answerWithinMs?: number | undefined
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
 * Starts the chain of `dataDir`, or takes over the one that still runs. The folder is this process's from then on: the keys have one
 * queue of nonces each. @throws chain_unavailable, chain_state_invalid.
 */
export async function startEmbeddedChain(options: EmbeddedChainOptions): Promise<EmbeddedChain> {
  await mkdir(join(options.dataDir, 'chain'), { recursive: true })
  // The state's path, as anvil's arguments have it, tells a later start that a process is this chain's.
  const dir = await realpath(join(options.dataDir, 'chain'))
  const lock = await lockFile(join(dir, 'chain.lock'))
  if (lock.kind === 'held') {
    const who = lock.pid === null ? 'Another process' : `Process ${lock.pid}`
    throw new ComputePoolError('chain_unavailable', `${who} already runs the chain of ${dir}.`, {
      remedy: 'Stop it first, or use another data folder (--data DIR).',
      context: { pid: lock.pid },
    })
  }
  try {
    const chain = await startLocked(options, dir)
    return { ...chain, close: () => chain.close().finally(lock.release) }
  } catch (thrown) {
    lock.release()
    throw thrown
  }
}

async function startLocked(options: EmbeddedChainOptions, dir: string): Promise<EmbeddedChain> {
  const { dataDir, blockTimeSeconds = 1, compactAfterBlocks = 20_000, watchEveryMs = 60_000 } = options
  const { stateIntervalSeconds = 30, answerWithinMs = 20_000, onNotice = () => {} } = options
  const keys = await readOrMakeKeys(dataDir)
  const last = await readRecord(dir)
  const adopted = last && (await adoptAnvil({ dir, last, identity: keys.identity, answerWithinMs }))

  const start = (preferredPort: number | undefined, isPortFixed: boolean) => () =>
    startAnvil({ dir, chainId: EMBEDDED_CHAIN_ID, blockTimeSeconds, stateIntervalSeconds, preferredPort, isPortFixed })
  const file = stateFile(dir)
  const record = adopted ?? (await startCompacted({ file, start: start(last?.port, false), onNotice })).started
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
  const watched = await watchAnvil({
    dir,
    record,
    start: start(port, true),
    compactAfterBlocks,
    everyMs: watchEveryMs,
    onNotice,
  })

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
    close: watched.close,
  }
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
