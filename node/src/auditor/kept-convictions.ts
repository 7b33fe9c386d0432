/**
 * Which bundle first showed that an attempt was a cheat's, by the attempt's own receipt: kept in a file, for an auditor that starts anew must not convict
 * of the same work twice. A line for each; it judges nothing.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Hex } from 'viem'

export interface KeptConvictions {
  /** The bundle that was first said to show it: this one, where none was. It lies on the disk when this returns. Errors: the file system's. */
  firstOf(attempt: string, evidenceHash: Hex): Hex
}

const linePattern = /^([0-9a-f]{128}) (0x[0-9a-f]{64})$/

/** Null: for as long as the process lives. */
export function keepConvictions(file: string | null): KeptConvictions {
  const first = new Map<string, Hex>()
  const lines = file === null ? [] : readOrNothing(file).split('\n')
  for (const line of lines) {
    // A line that a kill cut short was not acted on.
    const [, attempt, hash] = linePattern.exec(line) ?? []
    if (attempt !== undefined && !first.has(attempt)) first.set(attempt, hash as Hex)
  }
  return {
    firstOf: (attempt, evidenceHash) => {
      const known = first.get(attempt)
      if (known !== undefined) return known
      if (file !== null) append(file, `\n${attempt} ${evidenceHash}\n`)
      first.set(attempt, evidenceHash)
      return evidenceHash
    },
  }
}

function append(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const handle = openSync(file, 'a', 0o600)
  try {
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw thrown
  }
}
