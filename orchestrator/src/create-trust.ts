/**
 * What one orchestrator thinks of its operators, put together: the book of their standing, checks of their work, and where evidence lies. It knows no chain:
 * who takes a conviction there is told of it.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock, Entropy } from '@computepool/shared/ports'
import { type FailureKind, trustOf } from '@computepool/shared/standing'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { type Context, Hono } from 'hono'
import { evidenceRoutes } from './api/evidence-routes.ts'
import { type StandingRoutesOptions, standingRoutes } from './api/standing-routes.ts'
import { createEvidenceTickets } from './audit/evidence-tickets.ts'
import { type Breach, createEvidenceArchive } from './audit/index.ts'
import type { Desk, DeskOptions } from './dispatch/index.ts'
import {
  createFileStandingStore,
  createMemoryStandingStore,
  createStandingDesk,
  createSuspects,
  type StandingBook,
} from './standing/index.ts'

export interface TrustOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  /** Where standing and evidence outlive the process; null: they do not. */
  readonly dataDir: string | null
  /** Wallets of auditors that the pool's owner vouches for, lower case. Asked each time: they may be known later. */
  readonly trustedAuditors: () => readonly string[]
  /** Where convictions lie until they are on their way to the chain; absent or null: nobody takes them there. */
  readonly convictions?: KeptConvictions | null
  /** An operator was convicted; after the book was told. */
  readonly onBreach: (breach: Breach) => void
  readonly onFault: (fault: unknown) => void
}

export interface KeptConvictions {
  /** It lies on the disk when this returns. */
  keep(breach: Breach): void
  /** What a killed process left: the book may not have it yet. */
  readonly left: readonly Pick<Breach, 'operator' | 'what' | 'evidence'>[]
}

export interface Trust {
  readonly standing: StandingBook
  /** For the desk. */
  readonly hooks: Required<
    Pick<
      DeskOptions,
      'audit' | 'onQuarrel' | 'trustOf' | 'onBrokenReceipts' | 'keptWithheld' | 'standingOf' | 'onSettled' | 'onGone'
    >
  >
  /** Who was convicted since this process began, newest first. */
  convicted(): NonNullable<PoolSnapshot['convicted']>
  /** Tells the desk what operators weigh, from now on. */
  follow(desk: Desk): void
  /** Below `/api`. */
  routes(options: TrustRoutesOptions): Hono
  close(): Promise<void>
}

export interface TrustRoutesOptions extends Pick<StandingRoutesOptions, 'addressOf' | 'limitsFor'> {
  /** Counts a caller in; returns what counts it out. */
  readonly beginCall: (c: Context) => () => void
}

/** Also the address under which bundles are left and fetched. */
const evidencePath = '/api/evidence'

/** That a page is shown; the dispute desk and the book keep all. */
const mostConvicted = 8

export function createTrust(options: TrustOptions): Trust {
  const { clock, entropy, dataDir, trustedAuditors, onBreach, onFault, convictions = null } = options
  const store =
    dataDir === null
      ? createMemoryStandingStore()
      : createFileStandingStore({ file: join(dataDir, 'standing.json'), clock, onFault })
  const standing = createStandingDesk({ clock, store })
  const { book } = standing
  const suspects = createSuspects(clock)
  const tickets = createEvidenceTickets(clock, entropy)
  // A temporary folder is made when the first bundle comes.
  let folder: string | null = dataDir === null ? null : join(dataDir, 'evidence')
  const evidenceFolder = (): string => {
    folder ??= mkdtempSync(join(tmpdir(), 'computepool-evidence-'))
    return folder
  }
  const archive = createEvidenceArchive(evidenceFolder, { wallMs: () => clock.wallMs(), onFull: onFault })
  if (folder !== null) archive.sweep().catch(onFault)
  for (const { operator, what, evidence } of convictions?.left ?? []) {
    void archive
      .get(evidence.sha256)
      .then(found => (found === null ? undefined : archive.hold(evidence.sha256)))
      .catch(onFault)
    // Once an evidence: nothing where the book has it.
    void book.ready.then(() => book.convict(operator, what, evidence.sha256))
  }
  let desk: Desk | null = null
  let convicted: NonNullable<PoolSnapshot['convicted']> = []
  const failed = (operator: string, what: FailureKind): void =>
    book.note(operator, { type: 'failed', what, atMs: clock.wallMs() })
  return {
    standing: book,
    hooks: {
      audit: {
        checkRateOf: (operator, least) => (suspects.isSuspect(operator) ? 1 : book.checkRateOf(operator, least)),
        isBanned: book.isBanned,
        isTrusted: operator => trustedAuditors().includes(operator),
        mayHoldText: operator => book.mayHoldText(operator, desk?.isStaked(operator) ?? false),
        evidence: {
          path: evidencePath,
          openTicket: tickets.open,
          subjectOf: archive.subjectOf,
          holdWhile: archive.holdWhile,
          hold: archive.hold,
        },
        onChecked: operator => book.note(operator, { type: 'checked', atMs: clock.wallMs() }),
        onFailed: failed,
        onFailing: standing.part,
        onChallenged: book.challenged,
        onWrongSlice: (operator, why) => book.note(operator, { type: 'wrong-slice', why, atMs: clock.wallMs() }),
        onConvicted: breach => {
          // Before the book: whatever a kill cuts off then, the next start convicts and accuses.
          convictions?.keep(breach)
          book.convict(breach.operator, breach.what, breach.evidence.sha256)
          const { operator, what, evidence } = breach
          const conviction = { operator, what, atMs: clock.wallMs(), evidencePath: evidence.path }
          convicted = [conviction, ...convicted].slice(0, mostConvicted)
          onBreach(breach)
        },
        onFault,
      },
      onQuarrel: suspects.noted,
      trustOf: operator => trustOf(book.of(operator)),
      onBrokenReceipts: operator => failed(operator, 'broken-receipts'),
      keptWithheld: book.withheld,
      standingOf: standing.shown,
      onSettled: standing.settled,
      onGone: standing.gone,
    },
    convicted: () => convicted,
    follow: served => {
      desk = served
      standing.serve(served)
    },
    routes: ({ beginCall, ...standingOptions }) => {
      const routes = new Hono()
      routes.route('/', evidenceRoutes({ archive, takeTicket: tickets.take, beginCall }))
      routes.route('/', standingRoutes({ book, clock, ...standingOptions }))
      return routes
    },
    close: standing.close,
  }
}
