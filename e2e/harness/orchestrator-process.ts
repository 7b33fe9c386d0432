/** An orchestrator as a process of its own, for whoever measures it from outside or kills it. Its tabs and clients are the caller's. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { CoalitionRules } from '@computepool/contracts/deploy'
import { bundleProgram } from '../../node/testing/bundle-program.ts'

/** What `serve-orders.ts` is told. */
export interface Orders {
  readonly packDir: string
  /** Null: work is free. */
  readonly dataDir: string | null
  readonly pricePerSecondAtomic: string | null
  readonly trust: TrustOrders | null
  /** That auditors are run by. */
  readonly cli: string
}

/** Of a paid pool whose operators stake, with auditors beside it. */
export interface TrustOrders {
  /** Decimal, 6 decimals. */
  readonly stakeAtomic: string
  readonly auditors: number
  /** Of each ring. */
  readonly seats: number
  /** Times of the registry that are others than on any embedded chain. */
  readonly rules?: Partial<Pick<CoalitionRules, 'responseSeconds' | 'voteSeconds' | 'unbondingSeconds'>>
}

export interface OrchestratorProcess {
  readonly url: string
  /** From the start of the process until it answers, and until its till is open. */
  readonly answersAfterMs: number
  readonly opensAfterMs: number
  readonly process: ChildProcess
  /** Ends it cleanly. */
  close(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}

/** Resolves when it can be asked and, where it is paid, its till is open. */
export async function forkOrchestrator(orders: {
  packDir: string
  dataDir?: string
  pricePerSecondAtomic?: bigint
  trust?: TrustOrders
}): Promise<OrchestratorProcess> {
  const { packDir, dataDir = null, pricePerSecondAtomic: price, trust = null } = orders
  const [program, cli] = await Promise.all(['e2e/harness/serve-orders.ts', 'node/src/cli.ts'].map(bundleProgram))
  const told: Orders = { packDir, dataDir, pricePerSecondAtomic: price?.toString() ?? null, trust, cli: cli! }
  const startedMs = performance.now()
  const child = fork(program!, [JSON.stringify(told)], {
    // As a test is run, so is what it starts.
    execArgv: process.execArgv.filter(flag => flag === '--liftoff-only'),
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const gone = once(child, 'exit')
  const hear = async (): Promise<{ url: string }> => {
    const [message] = await Promise.race([
      once(child, 'message'),
      gone.then(([code]) => Promise.reject(new Error(`The orchestrator ended with ${code} before it was ready.`))),
    ])
    return message as { url: string }
  }
  const { url } = await hear()
  const answersAfterMs = performance.now() - startedMs
  await hear()
  const end = (signal: 'SIGTERM' | 'SIGKILL') => async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await gone
  }
  return {
    url,
    answersAfterMs,
    opensAfterMs: performance.now() - startedMs,
    process: child,
    close: end('SIGTERM'),
    kill: end('SIGKILL'),
  }
}
