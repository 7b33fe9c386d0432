/**
 * Settlements that were sent and not yet seen on the chain, kept in a file so that a restart does not forget them. Keys are digests:
 * a voucher's signature is never written. It knows no chain.
 */
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { PendingSettlementStore } from '@x402/core/facilitator'
import { z } from 'zod'

const entriesSchema = z.record(z.string(), z.object({ hash: z.string(), atMs: z.number() }))
/** A voucher is long out of date by then, and the chain itself tells what became of it. */
const keptMs = 24 * 3600_000

/** The store in `file`; a file that is missing or torn is an empty one. */
export function openPendingSettlements(file: string, nowMs: () => number): PendingSettlementStore {
  let entries: z.infer<typeof entriesSchema> = {}
  try {
    entries = entriesSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // Nothing is lost that the chain does not know: the vault is asked before anything is sent.
  }
  const keyOf = (signature: string): string => createHash('sha256').update(signature.toLowerCase()).digest('hex')
  const write = (): void => {
    const cutMs = nowMs() - keptMs
    entries = Object.fromEntries(Object.entries(entries).filter(([, entry]) => entry.atMs > cutMs))
    writeFileSync(`${file}.new`, JSON.stringify(entries), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  return {
    get: async signature => entries[keyOf(signature)]?.hash,
    set: async (signature, hash) => {
      entries[keyOf(signature)] = { hash, atMs: nowMs() }
      write()
    },
    delete: async signature => {
      if (!(keyOf(signature) in entries)) return
      delete entries[keyOf(signature)]
      write()
    },
  }
}
