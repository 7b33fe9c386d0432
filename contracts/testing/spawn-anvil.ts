/** An anvil that lives as long as one test file: free port, killed when its process ends. It knows nothing of what lies on it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { findAnvil } from '../chain/find-anvil.ts'
import { killWithUs } from './die-with-us.ts'

export interface SpawnedAnvil {
  readonly url: string
  readonly pid: number
  close(): Promise<void>
}

export interface AnvilOptions {
  readonly chainId?: number | undefined
  /** Seconds between blocks; without it every transaction is mined at once. */
  readonly blockTimeSeconds?: number | undefined
  readonly args?: readonly string[] | undefined
}

export async function spawnAnvil({
  chainId = 31337,
  blockTimeSeconds,
  args = [],
}: AnvilOptions = {}): Promise<SpawnedAnvil> {
  const child = spawn(
    findAnvil(),
    [
      ...['--host', '127.0.0.1', '--port', '0', '--chain-id', String(chainId), '--accounts', '0'],
      // Old states would go to a folder in the user's home, and stay there: a test's anvil is killed.
      ...['--max-persisted-states', '0'],
      ...(blockTimeSeconds === undefined ? [] : ['--block-time', String(blockTimeSeconds)]),
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true },
  )
  const release = child.pid === undefined ? () => {} : killWithUs(child.pid)
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const port = await listeningPort(child)
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid!,
    async close() {
      process.off('exit', kill)
      release()
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function listeningPort(child: ChildProcess): Promise<number> {
  let complaint = ''
  child.stderr!.on('data', chunk => {
    complaint += chunk
  })
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`anvil ended with ${code}: ${complaint}`)
  })
  gone.catch(() => {})
  const lines = createInterface(child.stdout!)
  const told = new Promise<number>(resolve => {
    lines.on('line', line => {
      const port = /^Listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      // Lines after it are read too, and dropped: a pipe that nobody empties stops anvil.
      if (port) resolve(Number(port))
    })
  })
  return Promise.race([told, gone])
}
