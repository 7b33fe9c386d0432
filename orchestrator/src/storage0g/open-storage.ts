/**
 * Storage for a pool: 0G's through an indexer, or the stand-in on a chain of one's own, with its files and what was paid for kept in the
 * data folder. It says which of them it is, and knows nothing of what is stored.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFile } from '@computepool/contracts/chain'
import { ComputePoolError } from '@computepool/shared/errors'
import type { BlobStore } from '@computepool/shared/ports'
import { type Address, concat, createPublicClient, type Hex, http, keccak256, stringToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { isThisMachine, type KeyLock, lockedKey } from '../chain/locked-key.ts'
import { ensureStorageFlow } from './ensure-storage-flow.ts'
import { openSubmissionBook, type SubmissionBook } from './open-submission-book.ts'
import { openStorageStandIn, type StorageStandIn } from './stand-in/open-storage-stand-in.ts'
import { readStandInFacts, writeStandInFacts } from './stand-in/stand-in-facts.ts'
import { type StorageLimits, zeroGFlows } from './storage-limits.ts'
import { createZeroGStore } from './zero-g-store.ts'

export interface OpenStorageOptions {
  readonly dataDir: string
  /** `flow`: the stand-in's contract, where the chain's manifest knows one; else it is deployed once and remembered. */
  readonly chain: { readonly rpcUrl: string; readonly flow?: Address | undefined }
  /** Of 0G, or of whoever speaks like it; null: the stand-in. */
  readonly indexerUrl: string | null
  /** Pays for uploads, and for the stand-in's contract; nothing else may send from it at the same time. */
  readonly privateKey: Hex
  /** Default: the chain's known contract, and ten times the price that was seen. */
  readonly limits?: StorageLimits | undefined
  readonly onNotice: (text: string) => void
  readonly onFault: (fault: unknown) => void
}

export interface OpenStorage {
  readonly store: BlobStore
  /** By what it says of itself: an indexer that is a stand-in is one here too. */
  readonly kind: 'stand-in' | '0g'
  /** Origin whose `/file?root=` gives a file's bytes to any page. */
  readonly gateway: string | null
  /** The only contract at which it pays; null: whichever a node names, on a chain of one's own. */
  readonly flow: Address | null
  /** Ends uploads and downloads that are on their way; what they paid stays paid. Idempotent. */
  close(): Promise<void>
}

/** Pays for storage on a chain that nobody else uses: made from the owner's key, and tells nothing of it. */
export const storageKeyOf = (ownerKey: Hex): Hex =>
  keccak256(concat([keccak256(stringToHex('computepool/storage')), ownerKey]))

/** Patience with one's own machine, in milliseconds between two looks. */
const localPollMs = 50
/** One node, which lags behind no other. */
const localLostAfterMs = 2_500

/**
 * Errors: `chain_unreachable`, `input_invalid` where the chain has 0G's storage itself and no indexer was named, or where no contract to
 * pay at is known; `chain_ledger_locked` where another pays with the same key,
 * `chain_ledger_unreachable` where no lock of it can be written, `chain_underfunded` where the stand-in's
 * contract cannot be deployed, `chain_state_invalid` for a broken file of the data folder.
 */
export async function openStorage(options: OpenStorageOptions): Promise<OpenStorage> {
  const folder = join(options.dataDir, 'storage')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const chainId = await chainIdAt(options.chain.rpcUrl)
  const { address } = privateKeyToAccount(options.privateKey)
  // Each key its own: another process that pays with another key would overwrite what this one writes.
  const book = join(folder, `submissions-${chainId}-${address.slice(2, 12).toLowerCase()}`)
  const lock = await lockedBook(`${book}.lock`, address)
  let keyLock: KeyLock | null = null
  const release = (): void => {
    keyLock?.release()
    lock.release()
  }
  try {
    keyLock = await lockedKey({
      ...{ rpcUrl: options.chain.rpcUrl, chainId, address, remedy: stopIt },
      does: `pays for storage from ${address}, with another data folder`,
    })
    const storage = await openWith(options, { folder, chainId, submissions: await openSubmissionBook(`${book}.json`) })
    let closed: Promise<void> | undefined
    return {
      ...storage,
      close() {
        closed ??= storage.close().finally(release)
        return closed
      },
    }
  } catch (thrown) {
    release()
    throw thrown
  }
}

const stopIt = 'Stop it first, a pool or a `publish`, or set COMPUTEPOOL_STORAGE_KEY to a key of its own for this one.'

/** Two that write the same book lose each other's payments, and two that send from one key take each other's numbers. */
async function lockedBook(file: string, payer: Address): Promise<{ release(): void }> {
  const attempt = await lockFile(file)
  if (attempt.kind === 'locked') return attempt
  const { pid } = attempt
  const who = `Another program${pid === null ? '' : ` (process ${pid})`}`
  throw new ComputePoolError('chain_ledger_locked', `${who} pays for storage from ${payer} with this data folder.`, {
    remedy: stopIt,
    context: { pid },
  })
}

async function openWith(
  { chain, indexerUrl, privateKey, limits = {}, onNotice, onFault }: OpenStorageOptions,
  { folder, chainId, submissions }: { folder: string; chainId: number; submissions: SubmissionBook },
): Promise<OpenStorage> {
  const closing = new AbortController()
  const closed = () => new ComputePoolError('artifact_store_failed', 'Storage was closed.')
  const isOwnChain = zeroGFlows[chainId] === undefined && isThisMachine(chain.rpcUrl)
  const storeAt = (url: string, flow: Address | null, pollMs: number | undefined) =>
    createZeroGStore({
      ...{ indexerUrl: url, rpcUrl: chain.rpcUrl, privateKey, submissions, stop: closing.signal, flow, pollMs },
      mostWeiPerSector: limits.mostWeiPerSector,
      lostAfterMs: isOwnChain ? localLostAfterMs : undefined,
    })
  if (indexerUrl !== null) {
    const gateway = indexerUrl.replace(/\/+$/, '')
    const flow = limits.flow ?? zeroGFlows[chainId] ?? null
    if (flow === null && chainId !== embeddedChainId) {
      throw new ComputePoolError('input_invalid', `No contract of 0G Storage is known on chain ${chainId}.`, {
        remedy: 'Name it with COMPUTEPOOL_STORAGE_FLOW: a node’s word alone is not paid on.',
      })
    }
    // Where nobody answers it is 0G's only if what is paid there is.
    const isReal = flow !== null && flow === zeroGFlows[chainId]
    const kind = ((await isStandIn(gateway)) ?? !isReal) ? 'stand-in' : '0g'
    const store = storeAt(gateway, flow, kind === 'stand-in' ? localPollMs : undefined)
    return { store, kind, gateway, flow, close: async () => closing.abort(closed()) }
  }
  if (zeroGFlows[chainId] !== undefined) {
    throw new ComputePoolError('input_invalid', `Chain ${chainId} has 0G Storage itself, and no indexer was named.`, {
      remedy: 'Name one with --storage, e.g. https://indexer-storage-testnet-turbo.0g.ai.',
    })
  }
  const factsFile = join(folder, 'stand-in.json')
  const known = await readStandInFacts(factsFile)
  // The one before anything else: files of another contract are not known to it.
  const candidates = [known?.chainId === chainId ? known.flow : undefined, chain.flow]
  const flow = await ensureStorageFlow({ rpcUrl: chain.rpcUrl, chainId, privateKey, candidates })
  const running = known && `http://127.0.0.1:${known.port}`
  if (running !== undefined && (await isStandInOf(running, flow))) {
    return {
      store: storeAt(running, flow, localPollMs),
      kind: 'stand-in',
      gateway: running,
      flow,
      close: async () => closing.abort(closed()),
    }
  }
  const standIn = await openAtItsPort(
    { rpcUrl: chain.rpcUrl, flow, folder: join(folder, 'files'), onFault },
    known?.port,
  )
  await writeStandInFacts(factsFile, { version: 1, chainId, flow, port: Number(new URL(standIn.url).port) })
  onNotice(`Storage is a stand-in for 0G's on this machine (${standIn.url}): nobody else keeps what it keeps.`)
  return {
    store: storeAt(standIn.url, flow, localPollMs),
    kind: 'stand-in',
    gateway: standIn.url,
    flow,
    async close() {
      closing.abort(closed())
      await standIn.close()
    },
  }
}

/** Coins there are anybody's for the asking. */
const embeddedChainId = 31337

/** Where it was before, so that whoever was told of it finds it again; elsewhere only where somebody else has that port by now. */
async function openAtItsPort(
  options: Parameters<typeof openStorageStandIn>[0],
  port: number | undefined,
): Promise<StorageStandIn> {
  try {
    return await openStorageStandIn({ ...options, port })
  } catch (thrown) {
    if (port === undefined || (thrown as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw thrown
    return openStorageStandIn(options)
  }
}

async function chainIdAt(rpcUrl: string): Promise<number> {
  try {
    return await createPublicClient({ transport: http(rpcUrl, { retryCount: 1 }) }).getChainId()
  } catch (cause) {
    throw new ComputePoolError('chain_unreachable', 'The chain that storage is paid on does not answer.', {
      remedy: 'Check the RPC’s address.',
      cause,
    })
  }
}

/** Another process of this machine holds it open, a pool or a `publish`: it is used as it is. */
async function isStandInOf(url: string, flow: Address): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'zgs_getStatus', params: [] }),
      signal: AbortSignal.timeout(5_000),
    })
    const { result } = (await response.json()) as { result?: { networkIdentity?: { flowAddress?: string } } }
    return result?.networkIdentity?.flowAddress?.toLowerCase() === flow.toLowerCase()
  } catch {
    return false
  }
}

/** Null where nobody answers. */
async function isStandIn(url: string): Promise<boolean | null> {
  try {
    const response = await fetch(`${url}/file?root=0x${'00'.repeat(32)}`, { signal: AbortSignal.timeout(5_000) })
    await response.body?.cancel()
    return response.headers.get('x-computepool-storage') === 'stand-in'
  } catch {
    return null
  }
}
