/** `computepool node`: wires arguments, terminal and signals to one headless operator. What it serves it leaves to others. */
import { asComputePoolError, ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { NativeProvider } from './engine/native-runtime.ts'
import { stopNodeRtc } from './links/node-rtc.ts'
import { nodeHelp, readNodeArguments } from './operator/node-arguments.ts'
import { createNodeLog, type NodeLog } from './operator/node-log.ts'
import type { NodeSettings } from './operator/node-settings.ts'
import { sizeInWords } from './operator/parse-size.ts'
import { type NodeHost, runNode } from './operator/run-node.ts'
import { tellFailure } from './tell-failure.ts'

/** What is still open then, such as a kept-alive connection, does not hold the process. */
const lingerMs = 500

export async function nodeCommand(args: readonly string[]): Promise<void> {
  process.exitCode = await run(args).catch((thrown: unknown) => {
    tellFailure(thrown, args.includes('--json'))
    return exitCodeOf(asComputePoolError(thrown))
  })
  stopNodeRtc()
  setTimeout(() => process.exit(), lingerMs).unref()
}

/** systemd and others decide by it whether another start can help. */
function exitCodeOf({ code }: ComputePoolError): number {
  if (code === 'peer_version_refused' || code === 'peer_unauthenticated') return 3
  return code.startsWith('input_') ? 2 : 1
}

async function run(args: readonly string[]): Promise<number> {
  const { command, json, settings } = readNodeArguments(args, process.env)
  if (command === 'help') {
    console.log(nodeHelp)
    return 0
  }
  if (command === 'doctor') {
    const { runDoctor } = await import('./operator/run-doctor.ts')
    return runDoctor(settings, { json, env: process.env, write: text => void process.stdout.write(text) })
  }
  const log = createNodeLog({
    json,
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 120,
    write: text => void process.stdout.write(text),
    nowMs: () => performance.now(),
  })
  try {
    await serve(settings, log)
    return 0
  } finally {
    log.end()
  }
}

/** Resolves when the node has left; rejects with what it failed of, where no other engine may do better. */
async function serve(settings: NodeSettings, log: NodeLog): Promise<void> {
  const shunned = new Set<NativeProvider>()
  for (;;) {
    let provider: NativeProvider | null = null
    try {
      return await serveOnce(settings, log, shunned, running => {
        provider = running
      })
    } catch (thrown) {
      const error = asComputePoolError(thrown)
      if (settings.engine !== null || provider === null || provider === 'cpu' || !error.code.startsWith('engine_'))
        throw error
      shunned.add(provider)
      const text = `${error.message} Without ${provider} from now on.`
      log.note({ type: 'notice', text }, text)
    }
  }
}

async function serveOnce(
  settings: NodeSettings,
  log: NodeLog,
  shunned: ReadonlySet<NativeProvider>,
  onEnd: (provider: NativeProvider | null) => void,
): Promise<void> {
  let failed = (_error: ErrorData): void => {}
  const failure = new Promise<never>((_, reject) => {
    failed = ({ code, message, remedy, context }) =>
      reject(new ComputePoolError(code, message, { ...(remedy === undefined ? {} : { remedy }), context }))
  })
  const host: NodeHost = {
    env: process.env,
    tell(snapshot) {
      log.show(snapshot)
      if (snapshot.status === 'failed' && snapshot.error !== null) failed(snapshot.error)
    },
    onEngineLost: failed,
    onNotice: text => log.note({ type: 'notice', text }, text),
  }
  const { peer, address, keySource, reach, provider } = await runNode(settings, host, shunned)
  const { url, dataDir, memoryBudgetBytes, threads, drainMs } = settings
  log.note(
    { type: 'node-started', url, dataDir, address, keySource, memoryBudgetBytes, threads, reach },
    `Joining ${url} as ${address} (${keySource}), with ${sizeInWords(memoryBudgetBytes)} of memory.`,
  )
  const stopped = untilSignals({
    first() {
      const deadlineSeconds = drainMs / 1000
      log.note(
        { type: 'node-draining', deadlineSeconds },
        `Finishing what runs, for ${deadlineSeconds} s at most. Once more to leave at once.`,
      )
      return peer.drain(drainMs)
    },
    second: () => peer.leave(),
  })
  try {
    await Promise.race([stopped.done, failure])
  } catch (thrown) {
    onEnd(provider())
    await peer.leave()
    throw thrown
  } finally {
    stopped.forget()
  }
  log.note({ type: 'node-left' }, 'Left.')
}

interface SignalWork {
  first(): Promise<void>
  second(): Promise<void>
}

function untilSignals({ first, second }: SignalWork) {
  let heard = 0
  let finish: (work: Promise<void>) => void = () => {}
  const done = new Promise<void>(resolve => {
    finish = work => resolve(work)
  })
  const hear = (): void => {
    heard += 1
    if (heard > 2) process.exit(130)
    finish(heard === 1 ? first() : second())
  }
  const names = ['SIGINT', 'SIGTERM'] as const
  for (const name of names) process.on(name, hear)
  return {
    done,
    forget: () => {
      for (const name of names) process.off(name, hear)
    },
  }
}
