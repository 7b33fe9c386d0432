/**
 * Tokens that let a callback say one thing once. A token is derived from a secret, the outbox row and the transition, so that a retry
 * sends the same input under its key; stored is only its digest, with an end and whether it was used.
 */
import { createHmac } from 'node:crypto'
import type { Clock } from '@computepool/shared/ports'
import { and, eq, gt, isNull, lt } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import { keeperCallbackTokensTable as tokens } from '../store/keeper-tables.ts'
import { sha256Hex } from './run-store.ts'

export interface CallbackSubject {
  readonly outboxId: string
  /** The workflow's short name, as `stream-start`. */
  readonly transition: string
}

export interface CallbackTokens {
  /** The same token for the same subject; its life begins anew unless it was used. Now and then it forgets what is long over. */
  issue(subject: CallbackSubject): Promise<string>
  /** True once for a token that was issued for exactly this, is in time and was not used. Anything else changes nothing. */
  redeem(token: string, subject: CallbackSubject): Promise<boolean>
}

export interface CallbackTokensOptions {
  readonly db: Database
  readonly clock: Clock
  /** At least 32 random bytes, kept over restarts. */
  readonly secret: string
  /** Default one hour: KeeperHub takes up to 90 s a run, and repeats callbacks. */
  readonly lifetimeMs?: number
}

const forgetAfterMs = 24 * 3_600_000
const forgetEveryMs = 3_600_000

export function createCallbackTokens({
  db,
  clock,
  secret,
  lifetimeMs = 3_600_000,
}: CallbackTokensOptions): CallbackTokens {
  const derive = ({ outboxId, transition }: CallbackSubject): string =>
    createHmac('sha256', secret)
      .update(JSON.stringify(['callback', outboxId, transition]))
      .digest('base64url')
  let forgottenAtMs = Number.NEGATIVE_INFINITY
  const forgetOld = async (): Promise<void> => {
    const nowMs = clock.wallMs()
    if (nowMs - forgottenAtMs < forgetEveryMs) return
    forgottenAtMs = nowMs
    await db.delete(tokens).where(lt(tokens.expiresAtMs, nowMs - forgetAfterMs))
  }
  return {
    async issue(subject) {
      await forgetOld()
      const token = derive(subject)
      const expiresAtMs = clock.wallMs() + lifetimeMs
      await db
        .insert(tokens)
        .values({ tokenHash: sha256Hex(token), ...subject, expiresAtMs })
        .onConflictDoUpdate({ target: tokens.tokenHash, set: { expiresAtMs }, setWhere: isNull(tokens.usedAtMs) })
      return token
    },
    async redeem(token, { outboxId, transition }) {
      const nowMs = clock.wallMs()
      // One statement: of two callbacks at once only one finds it unused. Looking up a digest tells nothing of the token.
      const redeemed = await db
        .update(tokens)
        .set({ usedAtMs: nowMs })
        .where(
          and(
            eq(tokens.tokenHash, sha256Hex(token)),
            eq(tokens.outboxId, outboxId),
            eq(tokens.transition, transition),
            gt(tokens.expiresAtMs, nowMs),
            isNull(tokens.usedAtMs),
          ),
        )
        .returning({ outboxId: tokens.outboxId })
      return redeemed.length === 1
    },
  }
}
