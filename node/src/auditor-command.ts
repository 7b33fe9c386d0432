/** `computepool auditor`: wires arguments, keys, terminal and signals to headless auditors. What they do it leaves to others. */
import { hostClock } from '@computepool/peer/host.ts'
import { auditorHelp, readAuditorArguments } from './auditor/auditor-arguments.ts'
import { openAuditorKeys } from './auditor/open-auditor-keys.ts'
import { exitCodeOf } from './exit-code-of.ts'
import { hearSignals } from './node-command.ts'
import { createNodeLog } from './operator/node-log.ts'
import { serveUntilStopped } from './operator/serve-until-stopped.ts'
import { runToEnd } from './run-to-end.ts'

export const auditorCommand = (args: readonly string[]): Promise<void> => runToEnd(args, run, exitCodeOf)

async function run(args: readonly string[]): Promise<number> {
  const { command, json, settings, count, keyFile, keeper } = readAuditorArguments(args, process.env)
  if (command === 'help') {
    console.log(auditorHelp)
    return 0
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
    const onNotice = (text: string): void => log.note({ type: 'notice', text }, text)
    const { keys, secrets, source } = await openAuditorKeys({
      count,
      keyFile,
      dataDir: settings.dataDir,
      env: process.env,
      onNotice,
    })
    await serveUntilStopped({
      settings,
      log,
      stop,
      clock: hostClock,
      async start(events, shunned) {
        // Loaded late: the engine's libraries take their time, and signals are heard by now.
        const { runAuditor } = await import('./auditor/run-auditor.ts')
        const { url, dataDir, memoryBudgetBytes, threads, engine } = settings
        return runAuditor({
          ...{ url, dataDir, memoryBudgetBytes, threads, engine, keys, shunned },
          keySource: source,
          // A burner is nobody on a chain.
          voters: keys.slice(0, secrets.length),
          rpcUrl: process.env.COMPUTEPOOL_RPC_URL || undefined,
          keeper,
          onNotice: events.onNotice,
          onEarned: (earned, words) => log.note(earned, words),
          onEngineLost: events.onEngineLost,
          tell(snapshot, index) {
            // One line has room for one: the first stands for all, but for what goes wrong.
            if (index === 0 || snapshot.status === 'failed') events.tell(snapshot)
          },
        })
      },
    })
    return 0
  } finally {
    log.end()
  }
}
