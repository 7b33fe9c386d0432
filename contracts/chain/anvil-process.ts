/**
 * One anvil process that may outlive the one that started it: start it, find it again by its record, stop it so that its state is
 * written. It knows pids, ports and files, and nothing of what lies on the chain.
 */
import { spawn } from 'node:child_process'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import { z } from 'zod'
import { findAnvil } from './find-anvil.ts'
import { isAlive, startedTicks } from './process-alive.ts'

// Not strict: a record of another version still names a process that must not be forgotten.
const recordSchema = z.object({
  pid: z.int().positive(),
  startedTicks: z.string().nullable().default(null),
  port: z.int().min(1).max(65535),
})

export type AnvilRecord = z.infer<typeof recordSchema>

const START_MS = 20_000
/** For a port that has to be the one of before. */
const PORT_MS = 5_000
const STOP_MS = 60_000
const POLL_MS = 25
/** Windows: how long the next periodic dump may take. */
const DUMP_MS = 40_000

export const stateFile = (dir: string) => join(dir, 'state.json')
const recordFile = (dir: string) => join(dir, 'anvil.json')
const logFile = (dir: string) => join(dir, 'anvil.log')

export interface AnvilStart {
  readonly dir: string
  readonly chainId: number
  readonly blockTimeSeconds: number
  /** How much of the chain a power cut may take. */
  readonly stateIntervalSeconds: number
  /** Taken where it is free, so that a wallet's network setting stays right. */
  readonly preferredPort?: number | undefined
  /** No other port will do: somebody uses it by now. */
  readonly isPortFixed?: boolean | undefined
}

/**
 * Starts anvil in a session of its own and waits until it answers. The record is written as soon as it has a pid: whoever comes
 * after a kill finds it, however far it got. @throws chain_unavailable with what anvil said.
 */
export async function startAnvil(options: AnvilStart): Promise<AnvilRecord> {
  const { dir, chainId, blockTimeSeconds, stateIntervalSeconds, preferredPort, isPortFixed = false } = options
  let port = await freePort(preferredPort)
  // While it was free a connection of somebody's own may have begun there: that goes again, and says nothing of the state.
  for (let waitedMs = 0; isPortFixed && port !== preferredPort && waitedMs < PORT_MS; waitedMs += POLL_MS) {
    await sleep(POLL_MS)
    port = await freePort(preferredPort)
  }
  if (isPortFixed && port !== preferredPort) {
    throw new ComputePoolError('chain_unavailable', `Port ${preferredPort} of the embedded chain was taken.`, {
      remedy: `End the process that listens on port ${preferredPort}; the chain goes on by itself.`,
      context: { port: preferredPort ?? null },
    })
  }
  const log = await open(logFile(dir), 'w', 0o600)
  try {
    const child = spawn(
      findAnvil(),
      [
        ...['--quiet', '--host', '127.0.0.1', '--port', String(port), '--chain-id', String(chainId), '--accounts', '0'],
        ...['--block-time', String(blockTimeSeconds), '--prune-history=256'],
        ...['--state', stateFile(dir), '--state-interval', String(stateIntervalSeconds)],
      ],
      // Its own session and no pipe to us: it lives on when we are killed.
      { detached: true, stdio: ['ignore', log.fd, log.fd], windowsHide: true },
    )
    let ended: string | undefined
    child.once('error', error => {
      ended = error.message
    })
    child.once('exit', code => {
      ended ??= `it ended with ${code}`
    })
    child.unref()
    const record = { pid: child.pid ?? 0, startedTicks: startedTicks(child.pid ?? 0), port }
    if (child.pid !== undefined) await writeRecord(dir, record)
    for (let waitedMs = 0; waitedMs < START_MS; waitedMs += POLL_MS) {
      if (ended !== undefined) break
      if ((await askChainId(port)) === chainId) return record
      await sleep(POLL_MS)
    }
    if (ended === undefined) child.kill('SIGKILL')
    const said = (await readFile(logFile(dir), 'utf8')).trim().slice(-500)
    throw new ComputePoolError('chain_unavailable', `anvil did not start: ${said || ended || 'it did not answer'}.`, {
      remedy: 'Start again; `npm install` mends a broken anvil, and --free starts without a chain.',
      context: { port },
    })
  } finally {
    await log.close()
  }
}

/** The record of the last start, or undefined where there is none (or none that can be read). */
export async function readRecord(dir: string): Promise<AnvilRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(recordFile(dir), 'utf8')))
  } catch {
    return undefined
  }
}

export async function writeRecord(dir: string, record: AnvilRecord): Promise<void> {
  const draft = `${recordFile(dir)}.${process.pid}`
  await writeFile(draft, JSON.stringify(record), { mode: 0o600 })
  await rename(draft, recordFile(dir))
}

/**
 * Stops `record`'s process and waits until it is gone, its state written. The record stays: its port is the next start's wish.
 * @throws chain_unavailable where it does not go.
 */
export async function stopAnvil(dir: string, record: AnvilRecord): Promise<void> {
  const { pid } = record
  if (!isAlive(record)) return
  // Windows ends a process without a word, so there the next periodic dump must come first.
  if (process.platform === 'win32') await nextDump(stateFile(dir))
  signal(pid, 'SIGTERM')
  for (let waitedMs = 0; waitedMs < STOP_MS; waitedMs += POLL_MS) {
    if (!isAlive(record)) return
    await sleep(POLL_MS)
  }
  throw new ComputePoolError('chain_unavailable', `anvil (pid ${pid}) did not stop within ${STOP_MS / 1000} s.`, {
    remedy: `End process ${pid} by hand; the chain goes on from what it last wrote.`,
    context: { pid },
  })
}

/** The chain id that answers at `port`, or undefined where nothing does. */
export async function askChainId(port: number): Promise<number | undefined> {
  const answer = await askRpc(port, 'eth_chainId')
  return typeof answer === 'string' ? Number(answer) : undefined
}

/** One JSON-RPC call to this machine; undefined for every failure. */
export async function askRpc(
  port: number,
  method: string,
  params: readonly unknown[] = [],
  withinMs = 5000,
): Promise<unknown> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(withinMs),
    })
    return ((await response.json()) as { result?: unknown }).result
  } catch {
    return undefined
  }
}

export async function forgetRecord(dir: string): Promise<void> {
  await rm(recordFile(dir), { force: true })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Gone already.
  }
}

async function nextDump(file: string): Promise<void> {
  const writtenAt = async () => (await stat(file).catch(() => undefined))?.mtimeMs ?? 0
  const before = await writtenAt()
  for (let waitedMs = 0; waitedMs < DUMP_MS; waitedMs += 250) {
    if ((await writtenAt()) > before) return
    await sleep(250)
  }
}

async function freePort(preferred: number | undefined): Promise<number> {
  if (preferred !== undefined) {
    const taken = await listenOnce(preferred).catch(() => undefined)
    if (taken !== undefined) return taken
  }
  return listenOnce(0)
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port))
    })
  })
}
