/** Headless nodes as processes of their own, for whoever measures a ring of them. What they serve is the orchestrator's business. */
import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { runNode } from '@computepool/node/operator/run-node.ts'
import { poolSnapshotSchema } from '@computepool/shared/swarm'
import { endProcess } from './hop-webrtc.ts'

const self = fileURLToPath(import.meta.url)

export interface NodesOptions {
  readonly url: string
  readonly count: number
  /** Each gets a folder in it. */
  readonly dataDir: string
  readonly deadlineMs: number
}

export interface StartedNodes {
  close(): Promise<void>
}

/** Resolves when the pool is ready. Rejects where a node ends before, or the deadline passes. */
export async function startNodes({ url, count, dataDir, deadlineMs }: NodesOptions): Promise<StartedNodes> {
  const children = Array.from({ length: count }, (_, index) =>
    fork(self, [url, path.join(dataDir, String(index))], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 2, 2, 'ipc'],
    }),
  )
  const close = async (): Promise<void> => void (await Promise.all(children.map(endProcess)))
  try {
    await Promise.race([untilReady(url, deadlineMs), ...children.map(untilGone)])
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

async function untilReady(url: string, deadlineMs: number): Promise<void> {
  const startedMs = performance.now()
  for (;;) {
    const { status, explanation } = poolSnapshotSchema.parse(await (await fetch(new URL('/api/pool', url))).json())
    if (status === 'ready') return
    if (performance.now() - startedMs > deadlineMs) throw new Error(`The pool was not ready in time: ${explanation}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

async function serve([url, dataDir]: readonly string[]): Promise<void> {
  await runNode(
    {
      url: url!,
      dataDir: dataDir!,
      memoryBudgetBytes: 4e9,
      threads: 1,
      engine: 'cpu',
      axlUrl: null,
      usesWebRtc: true,
      keystorePath: undefined,
      passwordFile: undefined,
      drainMs: 0,
    },
    { env: {}, tell: () => {}, onEngineLost: error => console.error(error) },
  )
  process.on('disconnect', () => process.exit(0))
}

if (process.argv[1] === self && process.send !== undefined) await serve(process.argv.slice(2))
