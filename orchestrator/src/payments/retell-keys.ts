/**
 * Which client may be told a session's token again. A voucher is public once it is on the chain, so having it proves nothing; the
 * `Idempotency-Key` that came with it the first time does. Only its digest is kept.
 */
import { createHash } from 'node:crypto'
import { ComputePoolError } from '@computepool/shared/errors'
import { eq } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import { ledgerFactsTable } from '../store/ledger-tables.ts'

export interface RetellKeys {
  /** The session that the key opened; null where it opened none. */
  sessionOf(key: string): Promise<string | null>
  /** The key belongs to this session from now on; the first session to take it keeps it. */
  remember(key: string, sessionId: string): Promise<void>
}

export function createRetellKeys(db: Database): RetellKeys {
  const factOf = (key: string): string => `idempotency:${createHash('sha256').update(key).digest('hex')}`
  return {
    sessionOf: async key => {
      const [row] = await db
        .select()
        .from(ledgerFactsTable)
        .where(eq(ledgerFactsTable.key, factOf(key)))
      const value = row?.value as { sessionId?: unknown } | undefined
      return typeof value?.sessionId === 'string' ? value.sessionId : null
    },
    remember: async (key, sessionId) => {
      await db
        .insert(ledgerFactsTable)
        .values({ key: factOf(key), value: { sessionId } })
        .onConflictDoNothing()
    },
  }
}

/** The key of a request, from its header; null where it has none. Errors: `input_invalid` for one that can be guessed. */
export function idempotencyKeyOf(request: Request): string | null {
  const key = request.headers.get('idempotency-key')
  if (key === null || key === '') return null
  if (/^[\x21-\x7e]{16,200}$/.test(key)) return key
  throw new ComputePoolError('input_invalid', `Idempotency-Key has ${key.length} characters; it needs 16 to 200.`, {
    remedy: 'Send a random UUID.',
    context: { param: 'Idempotency-Key' },
  })
}
