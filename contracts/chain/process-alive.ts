/**
 * Whether a process that is known by its number still lives, and with which arguments. Numbers are given anew: where the system
 * tells when a process started, that is compared too. It knows nothing of chains and locks.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

export interface KnownProcess {
  readonly pid: number
  /** Clock ticks since boot at which it started (Linux); null where nobody tells. */
  readonly startedTicks: string | null
}

/** This process, to be written down for others. */
export const thisProcess = (): KnownProcess => ({ pid: process.pid, startedTicks: startedTicks(process.pid) })

/** True while the process lives, as whosever it is; a killed one that nobody waits for does not. */
export function isAlive({ pid, startedTicks: ticks }: KnownProcess): boolean {
  try {
    process.kill(pid, 0)
  } catch (thrown) {
    // EPERM: it lives, as another user.
    if ((thrown as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = readStat(pid)
  if (now === null) return true
  // A killed process that nobody waits for (a container without an init) stays in the table as Z: it holds nothing any more.
  if (now.state === 'Z' || now.state === 'X') return false
  return ticks === null || ticks === now.startedTicks
}

export const startedTicks = (pid: number): string | null => readStat(pid)?.startedTicks ?? null

/** What the process was started with, as one line; null where the system does not tell. */
export async function commandLine(pid: number): Promise<string | null> {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    const ask = promisify(execFile)
    const query = `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CommandLine`
    const { stdout } =
      process.platform === 'win32'
        ? await ask('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', query], { timeout: 15_000 })
        : await ask('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { timeout: 15_000 })
    return stdout.trim() || null
  } catch {
    return null
  }
}

/** Fields 3 and 22 of /proc/<pid>/stat; the name in field 2 may hold spaces, so count from its closing bracket. */
function readStat(pid: number): { state: string; startedTicks: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, startedTicks: fields[19]! }
  } catch {
    return null
  }
}
