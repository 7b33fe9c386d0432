/** `computepool node` (or another command) as a process of its own, with its JSON lines as events. For tests of the command as an operator runs it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { bundleProgram } from './bundle-program.ts'

const script = await bundleProgram('node/src/cli.ts')

export interface NodeProcess {
  readonly events: readonly Readonly<Record<string, unknown>>[]
  /** The first event, past or to come, that `isIt`; rejects where the process ends before. */
  until(isIt: (event: Readonly<Record<string, unknown>>) => boolean): Promise<Readonly<Record<string, unknown>>>
  signal(name: NodeJS.Signals): void
  /** Exit code. */
  readonly ended: Promise<number | null>
  stderr(): string
}

export interface NodeProcessOptions {
  readonly args: readonly string[]
  /** `node` where it is absent. */
  readonly command?: 'node' | 'bridge' | 'auditor'
  readonly env?: Readonly<Record<string, string>>
}

/** Runs `computepool node --json` with these arguments. */
export function spawnNode({ args, command = 'node', env = {} }: NodeProcessOptions): NodeProcess {
  const child = spawn(process.execPath, [script, command, ...args, '--json'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const events: Record<string, unknown>[] = []
  const waiting = new Set<() => void>()
  let stderr = ''
  let hasEnded = false
  const wake = (): void => {
    for (const look of [...waiting]) look()
  }
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', line => {
    events.push(JSON.parse(line))
    wake()
  })
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(([[code]]) => {
    hasEnded = true
    wake()
    return code as number | null
  })
  return {
    events,
    until: isIt =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = events.find(isIt)
          if (found === undefined && !hasEnded) return
          waiting.delete(look)
          if (found !== undefined) resolve(found)
          else reject(new Error(`It ended before that:\n${JSON.stringify(events.at(-1))}\n${stderr}`))
        }
        waiting.add(look)
        look()
      }),
    signal: name => void child.kill(name),
    ended,
    stderr: () => stderr,
  }
}

export const isServing = (event: Readonly<Record<string, unknown>>): boolean =>
  event.type === 'status-changed' && event.status === 'serving'
