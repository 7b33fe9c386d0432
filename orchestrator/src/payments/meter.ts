/**
 * Counts what running requests cost, by the millisecond, and ends them where their session's cap is spent. It hears of work from the
 * desk and tells the ledger; it awaits neither ledger nor chain while tokens flow. It knows no HTTP and no keys.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  dueAtomic,
  endCostAtomic,
  type MeterReading,
  mostRunningRequests,
  msUntilLimit,
  requestCostAtomic,
  wholeMs,
} from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import type { CutReason, RequestObserver, RequestOutcome } from '../dispatch/index.ts'
import { createSteadyWriter } from './steady-writer.ts'

export interface MeteredSession {
  readonly id: string
  readonly capAtomic: bigint
  readonly pricePerSecondAtomic: bigint
  /** What ended requests have cost. */
  readonly settledAtomic: bigint
}

/** Where the meter's readings go; calls of one session come one after the other, in order. */
export interface MeterBook {
  /** Errors of both: `payment_…` where the ledger refuses for good; any other is a hiccup, and is tried again. */
  requestStarted(start: {
    sessionId: string
    requestId: string
    atMonotonicMs: number
    /** What the request's clock reads; never less than before, and after its end what its end says. */
    readMs: () => number
  }): Promise<unknown>
  requestEnded(end: {
    sessionId: string
    requestId: string
    meteredMs: number
    tokens: number
    outcome: RequestOutcome
  }): Promise<unknown>
}

/** What an answer may still do to itself. */
interface Stoppable {
  cutShort(by: CutReason): void
}

/** `computepool.payment` of an answer. */
export interface RequestPayment {
  readonly sessionId: string
  readonly costAtomic: string
  readonly spentAtomic: string
  readonly refundableAtomic: string
}

export interface MeteredRequest {
  readonly observer: RequestObserver
  /** What the cap cuts; before its first token. */
  attach(live: Stoppable): void
  /** It was never submitted: its place is free again. */
  abandon(): void
  /** Of the whole answer: its attempts together. */
  payment(): RequestPayment
  /** Resolves when the answer is over and the ledger knows. */
  readonly over: Promise<void>
}

export interface Meter {
  /**
   * Errors: `payment_cap_reached`, `payment_session_closed` where it is being closed, `payment_session_full` where 16 requests are
   * under way.
   */
  admit(session: MeteredSession): MeteredRequest
  /** Spent by now, running requests included; null where none is under way. */
  reading(sessionId: string): { readonly spentAtomic: bigint; readonly runningRequests: number } | null
  /** Called when requests of the session flow or end. Returns what stops it. */
  onChange(listener: (sessionId: string) => void): () => void
  /** Takes no more requests of the session, stops what runs, and resolves when the ledger knows all of it. */
  stop(sessionId: string): Promise<void>
  /** The same for every session. */
  stopAll(): Promise<void>
  /** Gives up on readings that the ledger still has not taken. */
  close(): void
}

export interface MeterOptions {
  readonly clock: Clock
  readonly book: MeterBook
  /** A reading that the ledger did not take; where it was a hiccup, it is written again until it lands. */
  readonly onFault: (fault: unknown) => void
}

/**
 * The clock of one attempt. In a silence it stands still, until a token shows that the silence was work: what was told to the chain is
 * never taken back.
 */
interface Flow {
  readonly startedMs: number
  /** When it last gave a sign of work. */
  heardMs: number
  /** What it has cost; null while it runs. */
  endedMs: number | null
}

/** One answer: an attempt that flows, or the silence before, between or after them. */
interface Run {
  live: Stoppable | null
  /** Null where nothing flows. */
  flow: Flow | null
  hasMoved: boolean
  /** Of the attempts that are over. */
  costAtomic: bigint
}

interface Account {
  readonly id: string
  readonly capAtomic: bigint
  readonly priceAtomic: bigint
  settledAtomic: bigint
  readonly runs: Set<Run>
  writes: Promise<void>
  cancelTimer: () => void
}

/** Of a silence that no token ended, this much is charged. */
const chargedSilenceMs = 2000
/** Sessions whose stop is remembered, so that a request that was on its way in stays out. */
const mostStopped = 10_000

export function createMeter({ clock, book, onFault }: MeterOptions): Meter {
  const accounts = new Map<string, Account>()
  const stopped = new Set<string>()
  const listeners = new Set<(sessionId: string) => void>()

  const accountOf = (session: MeteredSession): Account => {
    const known = accounts.get(session.id)
    if (known !== undefined) return known
    const { id, capAtomic, pricePerSecondAtomic: priceAtomic, settledAtomic } = session
    const money = { id, capAtomic, priceAtomic, settledAtomic }
    return { ...money, runs: new Set(), writes: Promise.resolve(), cancelTimer: () => {} }
  }

  const msOf = (flow: Flow): number =>
    flow.endedMs ?? Math.floor(Math.min(clock.monotonicMs(), flow.heardMs + chargedSilenceMs) - flow.startedMs)
  const flowing = (account: Account): Flow[] => [...account.runs].flatMap(({ flow }) => flow ?? [])
  const readingOf = (account: Account): MeterReading => ({
    pricePerSecondAtomic: account.priceAtomic,
    limitAtomic: account.capAtomic,
    settledAtomic: account.settledAtomic,
    runningMs: flowing(account).map(msOf),
  })
  /** As if every silence were work: nothing runs that the cap may not pay for. */
  const fullReadingOf = (account: Account): MeterReading => ({
    ...readingOf(account),
    runningMs: flowing(account).map(({ startedMs }) => Math.floor(clock.monotonicMs() - startedMs)),
  })

  const writer = createSteadyWriter({ clock, onFault })
  const write = (account: Account, work: () => Promise<unknown>, onRefused?: (reason: ComputePoolError) => void) => {
    account.writes = account.writes.then(() => writer.write(work, onRefused))
  }
  const changed = (account: Account): void => {
    for (const listener of listeners) listener(account.id)
  }

  /** Cuts short what runs where the cap is spent; else wakes when, at the rate of now, it will be. */
  const enforce = (account: Account): void => {
    account.cancelTimer()
    const leftMs = msUntilLimit(fullReadingOf(account))
    if (leftMs === null) return
    if (leftMs > 0) {
      account.cancelTimer = clock.schedule(Math.min(leftMs, 2 ** 31 - 1), () => enforce(account))
      return
    }
    // One that waits for another ring could not be paid there; one that has not begun may still be refused at its start.
    for (const run of [...account.runs]) if (run.flow !== null || run.hasMoved) run.live?.cutShort('cap')
  }

  const requireRoom = (account: Account): void => {
    const remedy = 'Open a new session with POST /v1/sessions.'
    if (stopped.has(account.id)) {
      throw new ComputePoolError('payment_session_closed', 'The session is being closed.', { remedy })
    }
    if (dueAtomic(readingOf(account)) >= account.capAtomic) {
      const message = `The session’s cap of ${account.capAtomic} atomic USDC is spent.`
      throw new ComputePoolError('payment_cap_reached', message, { remedy })
    }
    if (account.runs.size >= mostRunningRequests) {
      throw new ComputePoolError(
        'payment_session_full',
        `${account.runs.size} requests of the session are under way.`,
        {
          remedy: 'Wait until one of them is over.',
          context: { retryAfterSeconds: 2 },
        },
      )
    }
  }

  const admit: Meter['admit'] = session => {
    const account = accountOf(session)
    requireRoom(account)
    // Only now: one that was refused has no end at which it would be forgotten.
    accounts.set(account.id, account)
    const run: Run = { live: null, flow: null, hasMoved: false, costAtomic: 0n }
    account.runs.add(run)
    let finish = (): void => {}
    const over = new Promise<void>(resolve => {
      finish = resolve
    })
    const leave = (): void => {
      account.runs.delete(run)
      enforce(account)
      changed(account)
      const { writes } = account
      void writes.then(() => {
        // Idle: the ledger knows all that this account did.
        if (account.runs.size === 0 && account.writes === writes) accounts.delete(account.id)
        finish()
      })
    }
    const observer: RequestObserver = {
      onFlowing: (requestId, atMs) => {
        if (!account.runs.has(run)) return
        const flow: Flow = { startedMs: atMs, heardMs: atMs, endedMs: null }
        run.flow = flow
        const start = { sessionId: account.id, requestId, atMonotonicMs: atMs, readMs: () => msOf(flow) }
        // Work that the ledger will not book is not done.
        write(
          account,
          () => book.requestStarted(start),
          refusal => run.live?.cutShort(refusal.code === 'payment_cap_reached' ? 'cap' : 'closed'),
        )
        enforce(account)
        changed(account)
      },
      // Timers may be late on a busy thread; a token never passes the cap unseen.
      onToken: (_, atMs) => {
        if (run.flow !== null) run.flow.heardMs = atMs
        if (dueAtomic(fullReadingOf(account)) >= account.capAtomic) enforce(account)
      },
      onEnded: (requestId, { atMs, tokens, outcome, isStalled = false }) => {
        if (!account.runs.has(run)) return
        if (run.flow !== null) {
          const meteredMs = isStalled ? msOf(run.flow) : Math.floor(atMs - run.flow.startedMs)
          const costAtomic = endCostAtomic(readingOf(account), meteredMs)
          run.flow.endedMs = meteredMs
          run.flow = null
          run.costAtomic += costAtomic
          account.settledAtomic += costAtomic
          const end = { sessionId: account.id, requestId, meteredMs, tokens, outcome }
          write(account, () => book.requestEnded(end))
        }
        if (outcome !== 'moved') return leave()
        run.hasMoved = true
        enforce(account)
        changed(account)
      },
    }
    return {
      observer,
      attach: live => {
        run.live = live
        if (stopped.has(account.id)) live.cutShort('closed')
      },
      abandon: () => {
        if (account.runs.has(run) && run.flow === null) leave()
      },
      payment: () => {
        const spent = dueAtomic(readingOf(account))
        const ms = wholeMs(run.flow === null ? 0 : msOf(run.flow))
        const cost = run.costAtomic + requestCostAtomic(account.priceAtomic, ms)
        return {
          sessionId: account.id,
          costAtomic: (cost < account.capAtomic ? cost : account.capAtomic).toString(),
          spentAtomic: spent.toString(),
          refundableAtomic: (account.capAtomic - spent).toString(),
        }
      },
      over,
    }
  }

  const stop = async (sessionId: string): Promise<void> => {
    stopped.add(sessionId)
    if (stopped.size > mostStopped) stopped.delete(stopped.values().next().value!)
    const account = accounts.get(sessionId)
    if (account === undefined) return
    for (const run of [...account.runs]) run.live?.cutShort('closed')
    await account.writes
  }

  return {
    admit,
    reading: sessionId => {
      const account = accounts.get(sessionId)
      if (account === undefined) return null
      return { spentAtomic: dueAtomic(readingOf(account)), runningRequests: flowing(account).length }
    },
    onChange: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop,
    stopAll: async () => {
      await Promise.all([...accounts.keys()].map(stop))
    },
    close: writer.close,
  }
}
