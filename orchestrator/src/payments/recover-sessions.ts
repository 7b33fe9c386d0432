/**
 * Tokens told again to who proves the wallet that paid: a signature over this vault, this origin and this minute, good once. It keeps
 * which ones were used in the ledger, so that a restart forgives none.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  mostRecovered,
  type OpenedSession,
  type Recovery,
  recoveryTypedData,
  recoveryWindowSeconds,
} from '@computepool/shared/money'
import { and, desc, eq, gt, inArray, isNull, sql } from 'drizzle-orm'
import type { Hex, PublicClient } from 'viem'
import { chainError } from '../chain/chain-error.ts'
import type { Database } from '../store/database.ts'
import { ledgerFactsTable, type SessionRow, sessionsTable } from '../store/ledger-tables.ts'
import type { PaymentTarget } from './challenge.ts'
import type { Ledger } from './ledger.ts'
import type { SessionTokens } from './session-token.ts'

export interface SessionRecoveryOptions {
  readonly db: Database
  readonly client: PublicClient
  readonly ledger: Pick<Ledger, 'view'>
  readonly tokens: SessionTokens
  readonly target: PaymentTarget
  /** Where people reach this orchestrator. */
  readonly origin: string
  readonly wallMs: () => number
}

export interface SessionRecovery {
  /** The payer's sessions that still take requests, newest first. */
  openOf(payer: Hex): Promise<SessionRow[]>
  /** The same with their tokens. Errors: `peer_unauthenticated` for a proof that is none, `chain_unreachable`. */
  recover(proof: Recovery): Promise<OpenedSession[]>
}

export function createSessionRecovery(options: SessionRecoveryOptions): SessionRecovery {
  const { db, client, ledger, tokens, target, wallMs } = options
  const origins = sameOrigins(options.origin)

  const openOf = (payer: Hex): Promise<SessionRow[]> =>
    db
      .select()
      .from(sessionsTable)
      .where(
        and(
          eq(sessionsTable.payer, payer.toLowerCase()),
          eq(sessionsTable.vault, target.vault.toLowerCase()),
          eq(sessionsTable.origin, 'session'),
          inArray(sessionsTable.state, ['opening', 'open', 'streaming']),
          isNull(sessionsTable.closeReason),
          gt(sessionsTable.expiresAt, Math.floor(wallMs() / 1000)),
        ),
      )
      .orderBy(desc(sessionsTable.createdAtMs))
      .limit(mostRecovered)

  const isSigned = async ({ payer, issuedAt, signature }: Recovery, origin: string): Promise<boolean> => {
    const { chainId, vault } = target
    const terms = { chainId, vault, payer: payer as Hex, origin, issuedAt }
    try {
      // Over the chain: a smart wallet's signature only its contract can judge.
      return await client.verifyTypedData({
        address: payer as Hex,
        signature: signature as Hex,
        ...recoveryTypedData(terms),
      })
    } catch (thrown) {
      throw chainError(thrown, 'Checking a signature')
    }
  }

  /** False where this proof was used before. */
  const useUp = async ({ payer, issuedAt }: Recovery): Promise<boolean> => {
    const pastSeconds = Math.floor(wallMs() / 1000) - 2 * recoveryWindowSeconds
    await db
      .delete(ledgerFactsTable)
      .where(
        sql`${ledgerFactsTable.key} LIKE 'recovery:%' AND (${ledgerFactsTable.value}->>'issuedAt')::bigint < ${pastSeconds}`,
      )
    const key = `recovery:${payer.toLowerCase()}:${issuedAt}`
    const used = await db
      .insert(ledgerFactsTable)
      .values({ key, value: { issuedAt } })
      .onConflictDoNothing()
      .returning()
    return used.length > 0
  }

  return {
    openOf,
    recover: async proof => {
      const origin = proof.origin ?? options.origin
      if (!origins.includes(origin)) {
        throw refused(`It was signed for "${origin}", and this is ${options.origin}.`)
      }
      const ageSeconds = Math.round(wallMs() / 1000 - proof.issuedAt)
      if (Math.abs(ageSeconds) > recoveryWindowSeconds) {
        throw refused(`It was signed ${Math.abs(ageSeconds)} s ${ageSeconds > 0 ? 'ago' : 'in the future'}.`)
      }
      if (!(await isSigned(proof, origin))) throw refused('The signature is not this wallet’s for these terms.')
      if (!(await useUp(proof))) throw refused('It was used already.')
      const rows = await openOf(proof.payer as Hex)
      return Promise.all(
        rows.map(async ({ id }) => ({ session: await ledger.view(id), token: tokens.tokenOf(id as Hex) })),
      )
    },
  }
}

const refused = (why: string): ComputePoolError =>
  new ComputePoolError('peer_unauthenticated', `The proof of the wallet was refused. ${why}`, {
    remedy: `Sign anew for this address, within ${recoveryWindowSeconds} s of the right time.`,
  })

/** A machine calls itself by several names, and none of them can be somebody else's. */
function sameOrigins(origin: string): readonly string[] {
  const { protocol, hostname, port } = new URL(origin)
  const own = ['localhost', '127.0.0.1', '[::1]']
  if (!own.includes(hostname)) return [origin]
  return own.map(name => `${protocol}//${name}${port === '' ? '' : `:${port}`}`)
}
