/**
 * Checks of work that was done: which are drawn, by whom they are computed again, and what follows. It bound itself to secret and rate before each attempt
 * began. It sees receipts, tokens and findings, never an activation.
 */
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { ReceiptVerdict } from '@computepool/shared/receipts'
import type { FailureKind } from '@computepool/shared/standing'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'
import type { SentAttempt, SettledAttempt } from '../receipts/receipt-book.ts'
import { createAttemptLog } from './attempt-log.ts'
import { createAuditorRoster } from './auditor-roster.ts'
import { type CheckFigures, type CheckOutcome, createCheckCounts } from './check-counts.ts'
import { type CheckedEngine, handOvers, runCheck } from './check-orders.ts'
import { drawTerms, type TermsSource } from './check-terms.ts'
import { checkableSeats, type DrawnCheck, drawChecks } from './draw-checks.ts'
import { createErrands, type Errand, type ErrandsOptions } from './errands.ts'
import { subjectOfCheck } from './evidence-fits.ts'
import { openTrial, type Trial } from './try-evidence.ts'
import { createWithheldChecks } from './withheld-checks.ts'

type Reported = Extract<DeskRequest, { type: 'check-reported' }>

/** Proven by evidence that anybody can replay. */
export interface Breach {
  readonly operator: string
  readonly peer: string
  /** The attempt's, and its assignment's. */
  readonly requestId: string
  readonly epoch: number
  readonly seat: number
  readonly what: FailureKind
  readonly evidence: { readonly sha256: string; readonly path: string }
}

export interface AuditDeskOptions
  extends TermsSource,
    Pick<ErrandsOptions, 'rings' | 'attach' | 'mostAtOnce' | 'mostQueued'> {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly send: (peer: string, command: DeskCommand) => void
  /** What computes at a peer; null: it never said. */
  readonly engineOf: (peer: string) => CheckedEngine | null
  /** What a check of these layers takes of an auditor's memory, in bytes. */
  readonly bytesOf: (layers: DrawnCheck['layers']) => number
  /** Bytes that a seat keeps of one row that it received, at most. */
  readonly rowBytes: number
  /** Whether it said nothing for a while, or reports stood still: what it did not hand over then is not held against it. */
  readonly isQuiet: (peer: string) => boolean
  /** Auditors of these wallets the pool's owner vouches for. */
  readonly isTrusted: (operator: string) => boolean
  /** It gets no work, and is not asked what others did. */
  readonly isBanned: (operator: string) => boolean
  /** Where bundles lie, and who may leave one; null: nowhere, and nobody is convicted. */
  readonly evidence: {
    readonly path: string
    /** Good for one bundle. */
    openTicket(check: string, lifeMs: number): string
    /** What the bundle says that it is about; null: it is none, or not there. */
    subjectOf(sha256: string): string | null
    hold(sha256: string): Promise<void>
  } | null
  /** One more check that its layers met. */
  readonly onChecked: (operator: string) => void
  readonly onFailed: (operator: string, what: FailureKind) => void
  readonly onConvicted: (breach: Breach) => void
  readonly onEnded?: (outcome: CheckOutcome, requestId: string) => void
  readonly onFault?: (fault: unknown) => void
}

export interface AuditDesk {
  /** Binds itself to a secret and the rates of its seats: the nonce (hex) goes out with the job. */
  termsFor(attempt: SentAttempt): { readonly nonce: string }
  /** Its receipts are there, or overdue: what is drawn of it is checked. */
  settled(verdict: ReceiptVerdict, attempt: SettledAttempt): void
  heard(peer: string, request: DeskRequest): void
  gone(peer: string): void
  /** Rings or standbys have changed. */
  stir(): void
  view(): CheckFigures
  close(): void
}

/** Auditors that are asked one after the other, before a check is given up. */
const mostTries = 3
const patienceMs = 60_000
/** Of a check that found nothing: so many are computed a second time, by somebody else. */
const secondOpinionShare = 1 / 16
const mostWithinMs = 300_000
const idBytes = 10
/** Of the 64 MiB that a peer keeps of what it received; the rest is for what the estimate does not see. */
const surelyKeptBytes = 48 << 20
/** Of a slow tab, on a machine that has other work. */
const msPerPosition = 100

/** A check that is open: who was asked so far, and what they said. */
interface OpenCheck {
  readonly drawn: DrawnCheck
  readonly asked: Set<string>
  /** The auditor that said so first; the blamed peer. */
  withheld: { readonly operator: string; readonly blamed: string } | null
  /** Found nothing: this is the second look, which counts only where it finds something. */
  agreedBy: string | null
}
interface Ask {
  readonly check: OpenCheck
  readonly errand: Errand
  readonly auditor: string
  readonly seats: readonly string[]
}

export function createAuditDesk(options: AuditDeskOptions): AuditDesk {
  const { clock, entropy, send, evidence, isTrusted, isBanned, onChecked, onFailed, onFault = () => {} } = options
  const log = createAttemptLog()
  const roster = createAuditorRoster({ nowMs: () => clock.monotonicMs(), isTrusted, bytesOf: options.bytesOf })
  const errands = createErrands({ ...options, roster })
  const asks = new Map<string, Ask>()
  const trials = new Set<Trial>()
  const withheldChecks = createWithheldChecks(clock)
  const counts = createCheckCounts()
  const drawId = (): string => `audit:${Buffer.from(entropy.bytes(idBytes)).toString('hex')}`

  const ended = (outcome: CheckOutcome, { job }: SettledAttempt): void => {
    counts.ended(outcome)
    options.onEnded?.(outcome, job.requestId)
  }
  /** A second look that finds nothing new was none. */
  const end = ({ drawn, agreedBy }: OpenCheck, outcome: CheckOutcome): void => {
    if (agreedBy !== null && outcome !== 'differs') return
    if (agreedBy !== null) counts.drawn()
    ended(outcome, drawn.attempt.settled)
  }

  /** Nobody waits for this asking any more. */
  const drop = (id: string): Ask | null => {
    const ask = asks.get(id)
    if (ask === undefined) return null
    asks.delete(id)
    for (const peer of [ask.auditor, ...ask.seats]) send(peer, { type: 'drop-check', check: id })
    return ask
  }

  const compute = (check: OpenCheck): void => {
    const { drawn, asked } = check
    const { accused, sentFrom, layers } = drawn
    if (asked.size >= mostTries) {
      giveUp(check)
      return
    }
    const beside = new Set([operatorOf(accused), operatorOf(sentFrom)])
    const withinMs = Math.min(mostWithinMs, 60_000 + drawn.endPosition * msPerPosition)
    let id = ''
    const errand: Errand = {
      layers,
      needs: [...new Set([accused, sentFrom])],
      prefersTrusted: check.agreedBy !== null,
      isUrgent: false,
      patienceMs,
      withinMs: withinMs + 5000,
      isBarred: operator => beside.has(operator) || asked.has(operator) || isBanned(operator),
      begin: (auditor, epoch) => {
        const engine = options.engineOf(accused)
        if (engine === null) {
          errands.end(errand)
          end(check, 'unanswered')
          return
        }
        id = drawId()
        asked.add(operatorOf(auditor))
        const about = { check: id, epoch, auditor, withinMs }
        const orders = handOvers(drawn, about)
        asks.set(id, { check, errand, auditor, seats: orders.map(({ peer }) => peer) })
        const ticket = evidence?.openTicket(id, withinMs + 60_000)
        const place = evidence === null || ticket === undefined ? null : { path: evidence.path, ticket }
        send(auditor, runCheck(drawn, about, { engine, evidence: place }))
        for (const { peer, command } of orders) send(peer, command)
      },
      failed: auditor => {
        asked.add(operatorOf(auditor))
        drop(id)
        compute(check)
      },
      dropped: () => giveUp(check),
    }
    errands.add(errand)
  }

  /** Nobody is left to ask. */
  const giveUp = (check: OpenCheck): void => {
    const { withheld } = check
    if (withheld !== null && isTrusted(withheld.operator)) owes(check, withheld.blamed)
    else end(check, 'unanswered')
  }

  /** It did not hand over what it had signed for. Once is bad luck. */
  const owes = (check: OpenCheck, blamed: string): void => {
    const isExcused = options.isQuiet(blamed)
    end(check, isExcused ? 'unanswered' : 'withheld')
    if (!isExcused && withheldChecks.noted(operatorOf(blamed))) onFailed(operatorOf(blamed), 'withheld')
  }

  const accuse = ({ check, auditor, errand }: Ask, said: Reported): void => {
    const { drawn } = check
    const { sha256 = '' } = said.evidence ?? {}
    errands.end(errand)
    // An accusation without its evidence, or with another's, is none.
    if (evidence === null || evidence.subjectOf(sha256) !== subjectOfCheck(drawn)) {
      roster.bench(auditor)
      compute(check)
      return
    }
    void evidence.hold(sha256).catch(onFault)
    const operator = operatorOf(drawn.accused)
    const path = `${evidence.path}/${sha256}`
    const otherwise = check.agreedBy === null ? [] : [{ operator: check.agreedBy, says: 'innocent' as const }]
    const trial = openTrial({
      ...{ errands, send, drawId, isTrusted, path, sha256, layers: drawn.layers },
      isBarred: other => other === operator || other === operatorOf(drawn.sentFrom) || isBanned(other),
      before: [{ operator: operatorOf(auditor), says: 'guilty' }, ...otherwise],
      onDecided: ({ verdict, falseWitnesses }) => {
        trials.delete(trial)
        for (const witness of falseWitnesses) onFailed(witness, 'false-witness')
        if (verdict === 'guilty') {
          end(check, 'differs')
          const { job, epoch } = drawn.attempt.settled
          const named = { operator, peer: drawn.accused, requestId: job.requestId, epoch, seat: drawn.seat }
          options.onConvicted({ ...named, what: 'wrong-output', evidence: { sha256, path } })
        } else if (verdict === 'innocent') {
          end(check, 'agreed')
          if (check.agreedBy === null) onChecked(operator)
        } else end(check, 'unjudged')
      },
    })
    trials.add(trial)
  }

  const agreed = (check: OpenCheck, auditor: string): void => {
    end(check, 'agreed')
    if (check.agreedBy !== null) return
    onChecked(operatorOf(check.drawn.accused))
    if (entropy.bytes(1)[0]! < secondOpinionShare * 256) compute({ ...check, agreedBy: auditor })
  }

  const reported = (peer: string, said: Reported): void => {
    const ask = asks.get(said.check)
    if (ask === undefined || ask.auditor !== peer) return
    asks.delete(said.check)
    const { check, errand } = ask
    counts.computed(said.computeMs)
    if (said.outcome === 'differs') {
      accuse(ask, said)
      return
    }
    errands.end(errand)
    if (said.outcome === 'agreed') agreed(check, operatorOf(peer))
    else if (said.outcome === 'unjudged') end(check, 'unjudged')
    else {
      const blamed = said.outcome === 'withheld' && said.blamed !== null ? said.blamed : null
      // Two must say the same of it: one may have had a bad link.
      if (blamed !== null && check.withheld?.blamed === blamed) owes(check, blamed)
      else {
        if (blamed !== null && ask.seats.includes(blamed)) check.withheld ??= { operator: operatorOf(peer), blamed }
        compute(check)
      }
    }
  }

  const refused = (peer: string, id: string): void => {
    if (asks.get(id)?.seats.includes(peer) !== true) return
    const { errand, check } = drop(id)!
    errands.end(errand)
    // A seat keeps so much and no more: what others' work has pushed out it cannot hand over.
    const first = check.drawn.attempts[0]!.requestId
    const isPushedOut = log.rowsSince(first, peer) * options.rowBytes > surelyKeptBytes
    if (isPushedOut) end(check, 'unanswered')
    else owes(check, peer)
  }

  return {
    termsFor: attempt => {
      const { secret, terms, nonce } = drawTerms(options, attempt)
      log.begun(attempt.job.requestId, { secret, terms, sent: attempt })
      return { nonce }
    },
    settled: (verdict, settled) => {
      const attempt = log.settled(settled, checkableSeats(verdict, settled))
      if (attempt === null) return
      const { checks, missed } = drawChecks(log, { ...attempt, settled })
      for (let i = 0; i < missed + checks.length; i++) counts.drawn()
      for (let i = 0; i < missed; i++) ended('unanswered', settled)
      for (const drawn of checks) {
        const check = { drawn, asked: new Set<string>(), withheld: null, agreedBy: null }
        // It is on its way out: nothing more is to be learnt.
        if (isBanned(operatorOf(drawn.accused))) end(check, 'unanswered')
        else compute(check)
      }
    },
    heard: (peer, request) => {
      switch (request.type) {
        case 'peer-joined':
          if (request.role === 'auditor') roster.joined(peer)
          return errands.stir()
        case 'capability-reported':
          roster.measured(peer, request.capability.memoryBudgetBytes)
          return errands.stir()
        case 'slice-ready':
          if (roster.isAuditor(peer)) errands.sliceReady(peer, request.epoch, request.layers)
          return
        case 'slice-refused':
          if (roster.isAuditor(peer)) errands.sliceRefused(peer)
          return
        case 'check-reported':
          return reported(peer, request)
        case 'hand-over-refused':
          return refused(peer, request.check)
        case 'evidence-judged':
          for (const trial of trials) if (trial.heard(peer, request)) return
      }
    },
    gone: peer => {
      // What it has not handed over nobody can have.
      for (const [id, { check, errand, seats }] of [...asks]) {
        if (!seats.includes(peer)) continue
        drop(id)
        errands.end(errand)
        end(check, 'unanswered')
      }
      errands.gone(peer)
      roster.gone(peer)
      errands.stir()
    },
    stir: errands.stir,
    view: counts.view,
    close: errands.close,
  }
}
