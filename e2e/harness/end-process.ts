/** Ends a child process that a bench or a soak started. It knows nothing of what the process does, and loads no browser. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** SIGTERM; resolves when the process is gone, at once where it was already. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}
