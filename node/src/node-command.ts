/** `computepool node`: wires arguments, terminal and signals to one headless operator. What it serves it leaves to others. */
import { hostClock } from '@computepool/peer/host.ts'
import { exitCodeOf } from './exit-code-of.ts'
import { nodeHelp, readNodeArguments } from './operator/node-arguments.ts'
import { createNodeLog } from './operator/node-log.ts'
import { serveUntilStopped } from './operator/serve-until-stopped.ts'
import { createStopSignals, type StopSignals } from './operator/stop-signals.ts'
import { runToEnd } from './run-to-end.ts'

export const nodeCommand = (args: readonly string[]): Promise<void> => runToEnd(args, run, exitCodeOf)

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
  const stop = hearSignals()
  const log = createNodeLog({
    json,
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 120,
    write: text => void process.stdout.write(text),
    nowMs: () => performance.now(),
  })
  try {
    await serveUntilStopped({
      settings,
      log,
      stop,
      clock: hostClock,
      async start(events, shunned) {
        // Loaded late: the engine's libraries take their time, and signals are heard by now.
        const { runNode } = await import('./operator/run-node.ts')
        return runNode(settings, { ...events, env: process.env }, shunned)
      },
    })
    return 0
  } finally {
    log.end()
  }
}

const stopSignals = ['SIGINT', 'SIGTERM'] as const

/** From the first moment on: as process 1 of a container it has no other answer to SIGTERM than its own. */
export function hearSignals(): StopSignals {
  const stop = createStopSignals()
  for (const name of stopSignals)
    process.on(name, () => {
      stop.hear()
      if (stop.heard > 2) process.exit(130)
    })
  return stop
}
