/** A Node program in a process of its own that tells its memory when asked. It knows nothing of what the program does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface ProcessMemory {
  readonly residentBytes: number
  /** Objects and buffers, after a collection. */
  readonly heapBytes: number
}

export interface WatchedProcess {
  /** The next message of the program itself; rejects where it ends before. */
  message<T>(): Promise<T>
  memory(): Promise<ProcessMemory>
  /** Asks it to end, and waits. */
  close(): Promise<void>
}

const answerer = fileURLToPath(new URL('./answer-memory.mjs', import.meta.url))

/** `args`: JavaScript, and what it takes. */
export function startWatched(args: readonly string[]): WatchedProcess {
  const child: ChildProcess = spawn(process.execPath, ['--expose-gc', '--import', answerer, ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // What a seat keeps for checks grows to its limit and no further, which a short run would take for a leak: the limit is soon reached.
    env: { ...process.env, COMPUTEPOOL_KEPT_BYTES: String(4 << 20) },
  })
  const gone = new Promise<number | null>(resolve => child.once('exit', resolve))
  const next = <T>(pick: (message: unknown) => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const hear = (message: unknown): void => {
        const picked = pick(message)
        if (picked === undefined) return
        child.off('message', hear)
        resolve(picked)
      }
      child.on('message', hear)
      void gone.then(code => reject(new Error(`${args[0]} ended with ${code}.`)))
    })
  const isMemory = (message: unknown): message is { memory: ProcessMemory } =>
    typeof message === 'object' && message !== null && 'memory' in message
  return {
    message: <T>() => next(message => (isMemory(message) ? undefined : (message as T))),
    async memory() {
      const answer = next(message => (isMemory(message) ? message.memory : undefined))
      child.send('memory')
      return answer
    },
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await gone
    },
  }
}
