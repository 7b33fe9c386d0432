/** `computepool node` as processes of their own, for whoever measures a ring of them. What they serve is the orchestrator's business. */
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { endProcess } from './end-process.ts'
import { untilPoolReady } from './until-pool-ready.ts'

const command = fileURLToPath(new URL('../../node/src/cli.ts', import.meta.url))

export interface NodesOptions {
  readonly url: string
  readonly count: number
  /** Each gets a folder in it, and so a key of its own. */
  readonly dataDir: string
  readonly deadlineMs: number
}

export interface StartedNodes {
  close(): Promise<void>
}

/** A node of one thread, from the start of its process; `dataDir` holds its key and what it downloaded before. */
export function spawnNode({ url, dataDir }: Pick<NodesOptions, 'url' | 'dataDir'>): ChildProcess {
  const options = ['--threads', '1', '--engine', 'cpu', '--memory', '4GB', '--drain-seconds', '0']
  return spawn(process.execPath, ['--import', 'tsx', command, 'node', url, '--data', dataDir, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** One thread each. Resolves when the pool is ready; rejects where a node ends before, or the deadline passes. */
export async function startNodes({ url, count, dataDir, deadlineMs }: NodesOptions): Promise<StartedNodes> {
  const children = Array.from({ length: count }, (_, index) =>
    spawnNode({ url, dataDir: path.join(dataDir, String(index)) }),
  )
  const close = async (): Promise<void> => void (await Promise.all(children.map(endProcess)))
  try {
    await Promise.race([untilPoolReady({ url, deadlineMs }), ...children.map(untilGone)])
    return { close }
  } catch (error) {
    await close()
    throw error
  }
}

function untilGone(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) =>
    child.once('exit', code => reject(new Error(`A node ended with ${code} before the pool was ready.`))),
  )
}
