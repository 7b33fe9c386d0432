/**
 * Auditors of this pool's owner, in one process beside this one: `computepool auditor` with keys that it is handed. A pool then checks work from its first
 * answer on. It knows no checks; whoever is asked what is the desk's business.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { auditorsEnvironment } from './auditors-environment.ts'

export interface AuditorsOptions {
  /** Of the orchestrator. */
  readonly url: string
  /** One auditor for each. */
  readonly keys: readonly Hex[]
  /** Of the organisations at the orchestrator's keeper that the first of them vote from. Default: none. */
  readonly keeperKeys?: readonly string[]
  /** Where those vote, which they take from nobody else. Null or absent: nowhere. */
  readonly chain?: AuditorsChain | null
  /** Where they keep what they load. */
  readonly dataDir: string
  readonly clock: Pick<Clock, 'schedule'>
  readonly onFault: (fault: unknown) => void
  /** Default: the command line of this repository. */
  readonly program?: string
}

export interface AuditorsChain {
  readonly rpcUrl: string
  /** Of coalitions, the former ones too. */
  readonly registries: readonly string[]
}

export interface Auditors {
  /** Wallets, lower case. */
  readonly addresses: readonly string[]
  /** Of the process that runs now; null between two. */
  pid(): number | null
  /** Ends the process, and waits for that. Idempotent. */
  close(): Promise<void>
}

const cli = fileURLToPath(new URL('../../../node/src/cli.ts', import.meta.url))
const endWithParent = new URL('./end-with-parent.mjs', import.meta.url).href
const restartMs = 10_000
const mostRestarts = 5
/** After so long they may fail as often again. */
const goodMs = 600_000
/** What they get to hand back what they work on. */
const graceMs = 3000

export function startAuditors(options: AuditorsOptions): Auditors {
  const { url, keys, keeperKeys = [], chain = null, dataDir, clock, onFault, program = cli } = options
  const places = (keeperKeys.length > 0 && chain?.registries) || []
  const isVoting = chain !== null && places.length > 0
  const keeper = isVoting ? ['--keeper-url', `${url}/api/keeper`, ...places.flatMap(each => ['--registry', each])] : []
  let child: ChildProcess | null = null
  let restarts = 0
  let isClosed = false
  let cancelRestart = (): void => {}

  const start = (): void => {
    // Loaders of this process are the child's too: it is TypeScript as well. Live answers go first on a shared machine: one thread.
    const own = ['--import', endWithParent, program, 'auditor', '--url', url, '--data', dataDir]
    const started = spawn(process.execPath, [...process.execArgv, ...own, '--threads', '1', '--json', ...keeper], {
      env: {
        ...auditorsEnvironment(process.env),
        ...{ COMPUTEPOOL_AUDITOR_KEYS: keys.join(' '), KEEPERHUB_API_KEY: isVoting ? keeperKeys.join(' ') : '' },
        // Not among the arguments: it may hold a key, and those anybody on this machine reads.
        ...(isVoting && { COMPUTEPOOL_RPC_URL: chain.rpcUrl }),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    child = started
    const cancelGood = clock.schedule(goodMs, () => {
      restarts = 0
    })
    let lastWords = ''
    started.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-2000)
    })
    started.on('error', onFault)
    started.on('exit', (code, signal) => {
      if (child === started) child = null
      cancelGood()
      if (isClosed) return
      onFault(ended(code, signal, lastWords))
      restarts += 1
      if (restarts <= mostRestarts) cancelRestart = clock.schedule(restartMs, start)
    })
  }
  start()

  const close = async (): Promise<void> => {
    isClosed = true
    cancelRestart()
    const running = child
    if (running === null || running.exitCode !== null) return
    const exited = once(running, 'exit')
    running.kill('SIGTERM')
    const cancel = clock.schedule(graceMs, () => void running.kill('SIGKILL'))
    await exited
    cancel()
  }
  let closing: Promise<void> | null = null
  return {
    addresses: keys.map(key => privateKeyToAccount(key).address.toLowerCase()),
    pid: () => child?.pid ?? null,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

function ended(code: number | null, signal: string | null, words: string): ComputePoolError {
  const how = code === null ? `by ${signal}` : `with code ${code}`
  return new ComputePoolError('peer_disconnected', `The auditors ended ${how}. ${words.trim()}`.trim(), {
    remedy: 'They start again by themselves a few times; --auditors 0 goes on without.',
  })
}
