/**
 * Carries convictions to the chain: each is written down at once, then accused, watched, settled and paid out, in steps that a kill may
 * cut anywhere. It judges nothing: whether somebody is guilty registered auditors say.
 */
import type { Hex, VoteWord } from '@computepool/shared/coalition'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { DisputeView } from '@computepool/shared/money'
import { createIdlers } from '../idlers.ts'
import type { DisputeRow } from '../store/dispute-tables.ts'
import type { Breach, DisputeChain, DisputeDeskOptions } from './dispute-ports.ts'
import { createDisputeRows } from './dispute-rows.ts'
import { type StepContext, takeStep } from './dispute-steps.ts'
import { viewOf } from './dispute-view.ts'
import { createVoteTaker, type VoteOutcome } from './take-vote.ts'

export interface DisputeDesk {
  /** Begins to work; what a killed process left is taken up again. */
  start(): void
  /**
   * Resolves when it is written down, once however often it is reported. A database that is out of reach is asked again until it is
   * not, for as long as this process lives.
   */
  accuse(breach: Breach): Promise<void>
  /** A vote that an auditor signed, relayed. Errors: `input_not_found`, `chain_unreachable`. */
  vote(id: string, word: VoteWord): Promise<VoteOutcome>
  /** Newest first, at most 200. */
  list(): Promise<readonly DisputeView[]>
  /** As last known: for a snapshot that cannot wait. */
  view(): { readonly open: number; readonly slashed: number }
  /** Resolves when nothing is under way and nothing waits for now. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Waits for a database that was out of reach. */
interface Unwritten {
  readonly breach: Breach
  readonly written: () => void
}

/** A registry, and what is done there. */
interface Place {
  readonly context: StepContext
  readonly votes: ReturnType<typeof createVoteTaker>
}

const tickMs = 1000
/** What cannot be looked at now is looked at again by the next start, or so much later. */
const withoutRegistryMs = 60_000
const mostBackoffMs = 60_000

export function createDisputeDesk(options: DisputeDeskOptions): DisputeDesk {
  const { db, clock, chain, vault, killPoint, onFault } = options
  const rows = createDisputeRows(db, vault)
  const stopping = new AbortController()
  const { signal } = stopping
  const underWay = new Map<number, Promise<void>>()
  const unwritten: Unwritten[] = []
  const places = new Map<string, Place | null>()
  let figures = { open: 0, slashed: 0 }
  let looking: Promise<void> | null = null
  let isWanted = false
  let cancelTick = (): void => {}
  let isStarted = false
  let chainSeconds = 0
  /** Open disputes of which it was told that they are voted on. */
  const votable = new Set<number>()
  const idlers = createIdlers()

  const fault = (thrown: unknown): void => {
    if (!signal.aborted) onFault(asComputePoolError(thrown))
  }
  const count = async (): Promise<void> => {
    figures = await rows.figures()
    options.onChange?.()
  }
  const placeWith = (chain: DisputeChain): Place => ({
    context: {
      ...options,
      chain,
      rows,
      signal,
      noteSeconds: ({ id, respondUntil }, seconds) => {
        chainSeconds = Math.max(chainSeconds, Number(seconds))
        // Nothing is written down where the vote opens by the passing of time: of each dispute it is told once.
        if (chainSeconds <= respondUntil! || votable.has(id)) return
        votable.add(id)
        options.onChange?.()
      },
      kill: async point => killPoint?.(point),
      change: async (row, change) => {
        if (change.state !== undefined && change.state !== 'open') votable.delete(row.id)
        await rows.change(row.id, { nextAtMs: clock.wallMs(), ...change }, clock.wallMs())
        await count()
      },
    },
    votes: createVoteTaker({ chain, clock }),
  })
  const own = chain === null ? null : placeWith(chain)
  /** Where a dispute was opened; another registry than this pool's where it has changed since. */
  const placeOf = ({ registry }: DisputeRow): Place | null => {
    if (registry === null || registry === chain?.place.coalition) return own
    if (!places.has(registry)) {
      const there = options.chainAt?.(registry as Hex) ?? null
      places.set(registry, there === null ? null : placeWith(there))
    }
    return places.get(registry)!
  }

  const wake = (): void => {
    if (!isStarted || signal.aborted) return
    isWanted = true
    looking ??= look().finally(() => {
      looking = null
      if (isWanted) wake()
      else tellIdlers()
    })
  }

  async function look(): Promise<void> {
    while (isWanted && !signal.aborted) {
      isWanted = false
      try {
        for (const row of await rows.due(clock.wallMs(), [...underWay.keys()])) {
          const done = carryOn(row).finally(() => {
            underWay.delete(row.id)
            wake()
          })
          underWay.set(row.id, done)
        }
      } catch (thrown) {
        fault(thrown)
      }
    }
  }

  async function carryOn(row: DisputeRow): Promise<void> {
    try {
      const place = placeOf(row)
      const waitMs = place === null ? withoutRegistryMs : await takeStep(place.context, row)
      // Unchanged where the step wrote something down: the next one is due at once.
      if (waitMs !== null) await rows.change(row.id, { nextAtMs: clock.wallMs() + waitMs }, clock.wallMs())
    } catch (thrown) {
      if (signal.aborted) return
      const error = asComputePoolError(thrown)
      const delayMs = Math.min(mostBackoffMs, 1000 * 2 ** Math.min(row.attempts, 10))
      await rows.postpone(row.id, clock.wallMs() + delayMs, error.message).catch(fault)
      fault(error)
    }
  }

  const tellIdlers = (): void => {
    if (underWay.size === 0 && looking === null) idlers.tell()
  }

  async function write(breach: Breach): Promise<void> {
    const at = { registry: chain?.place.coalition ?? null, isToBeAccused: chain !== null && chain.accuser !== null }
    if (await rows.record(breach, at, clock.wallMs())) await count()
    wake()
  }

  const tick = (): void => {
    cancelTick = clock.schedule(Math.min(tickMs, options.pollMs ?? tickMs), () => {
      for (const one of unwritten.splice(0)) write(one.breach).then(one.written, () => unwritten.push(one))
      wake()
      if (!signal.aborted) tick()
    })
  }

  return {
    start: () => {
      if (isStarted) return
      isStarted = true
      count().catch(fault)
      wake()
      tick()
    },
    accuse: async breach => {
      try {
        await write(breach)
      } catch (thrown) {
        fault(thrown)
        await new Promise<void>(written => unwritten.push({ breach, written }))
      }
    },
    vote: async (id, word) => {
      const row = /^\d{1,15}$/.test(id) ? await rows.find(Number(id)) : null
      if (row === null) {
        throw new ComputePoolError('input_not_found', `There is no dispute "${id.slice(0, 40)}" here.`, {
          remedy: 'See GET /api/disputes.',
        })
      }
      const place = placeOf(row)
      if (place === null || row.dispute === null || row.state !== 'open') return { kind: 'refused', why: 'not-open' }
      const outcome = await place.votes.take(row, word)
      if (outcome.kind === 'taken') {
        await rows.change(row.id, { nextAtMs: clock.wallMs() }, clock.wallMs())
        wake()
      }
      return outcome
    },
    list: async () =>
      (await rows.list()).map(row => viewOf(row, placeOf(row)?.context.chain.place ?? null, chainSeconds)),
    view: () => figures,
    idle: () => {
      const idle = idlers.wait()
      wake()
      if (!isStarted) idlers.tell()
      return idle
    },
    close: async () => {
      stopping.abort(new ComputePoolError('chain_unreachable', 'The dispute desk was closed.'))
      cancelTick()
      await looking
      await Promise.all(underWay.values())
      idlers.tell()
    },
  }
}
