/**
 * Ends an anvil when the test process that uses it is gone, however it went: a shell waits on a pipe that only that process holds
 * open, so even `kill -9` closes it. Windows has no such shell; there an orphan stays. It knows nothing of chains.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** Kills `pid` when we end. Call what it returns once the process was stopped otherwise: its number may be given to another. */
export const killWithUs = (pid: number): (() => void) => guard('kill -9 "$1"', String(pid))

/** As `killWithUs`, for whichever anvil the embedded chain in `dataDir` last started; product code lets it survive on purpose. */
export const killChainWithUs = (dataDir: string): (() => void) =>
  guard('kill -9 "$(sed -n \'s/.*"pid":\\([0-9][0-9]*\\).*/\\1/p\' "$1")"', join(dataDir, 'chain', 'anvil.json'))

function guard(script: string, argument: string): () => void {
  if (process.platform === 'win32') return () => {}
  // A session of its own, so that the Ctrl-C meant for us does not take the guard first.
  const shell = spawn('sh', ['-c', `read -r _; ${script}`, 'guard', argument], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  shell.on('error', () => {})
  shell.unref()
  const pipe = shell.stdin as typeof shell.stdin & { unref?(): void }
  pipe.unref?.()
  return () => void shell.kill('SIGKILL')
}
