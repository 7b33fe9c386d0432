/**
 * Convictions on their way into the ledger's database, which is not open yet or out of reach: each lies in a file of its own from the
 * moment it is told until it is written down there. It judges nothing, and accuses nobody.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { breachReasons } from '@computepool/shared/coalition'
import { z } from 'zod'
import type { Breach } from './dispute-ports.ts'

const wallet = z.string().regex(/^0x[0-9a-f]{40}$/)
const breachSchema = z.object({
  operator: wallet,
  what: z.enum(breachReasons),
  requestId: z.string().max(200),
  members: z.array(wallet).max(64),
  evidence: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), path: z.string().max(200) }),
})

export interface KeptBreaches {
  /** It lies on the disk when this returns. */
  keep(breach: Breach): void
  /** Once it is written down elsewhere. */
  forget(breach: Breach): void
  /** What a killed process left, in no order. */
  left(): readonly Breach[]
}

/** A file that cannot be read, or is none of these, is told and passed over. */
export function keepBreaches(folder: string, onFault: (fault: unknown) => void): KeptBreaches {
  const fileOf = ({ operator, evidence }: Breach): string => join(folder, `${operator}-${evidence.sha256}.json`)
  const read = (name: string): Breach[] => {
    try {
      return [breachSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')))]
    } catch (thrown) {
      onFault(thrown)
      return []
    }
  }
  return {
    keep: breach => {
      try {
        const kept = breachSchema.parse(breach)
        mkdirSync(folder, { recursive: true })
        const file = fileOf(kept)
        const handle = openSync(`${file}.new`, 'w', 0o600)
        try {
          writeSync(handle, JSON.stringify(kept))
          fsyncSync(handle)
        } finally {
          closeSync(handle)
        }
        renameSync(`${file}.new`, file)
      } catch (thrown) {
        onFault(thrown)
      }
    },
    forget: breach => rmSync(fileOf(breach), { force: true }),
    left: () => {
      mkdirSync(folder, { recursive: true })
      return readdirSync(folder)
        .filter(name => name.endsWith('.json'))
        .flatMap(read)
    },
  }
}
