/**
 * Checks of work that was done: which are drawn, by whom they are computed again, and what follows. It bound itself to secret and rate before each attempt
 * began. It sees receipts, tokens and findings, never an activation.
 */
import type { DeskRequest, Seat } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'
import type { SettledAttempt } from '../receipts/receipt-book.ts'
import { createAttemptLog } from './attempt-log.ts'
import { createAuditPay } from './audit-pay.ts'
import type { AuditDesk, AuditDeskOptions } from './audit-ports.ts'
import { createAuditorRoster } from './auditor-roster.ts'
import { type CheckOutcome, createCheckCounts } from './check-counts.ts'
import { type HandOverOrder, handOvers, runCheck } from './check-orders.ts'
import { drawTerms } from './check-terms.ts'
import { creditCheck } from './credit-check.ts'
import { canCheckUpon, checkableSeats, type DrawnCheck, drawChecks } from './draw-checks.ts'
import { createErrands, type Errand } from './errands.ts'
import { subjectOfCheck } from './evidence-fits.ts'
import { createFailingSeats } from './failing-seats.ts'
import { createKnownAnswers } from './known-answers.ts'
import type { Ask, OpenCheck } from './open-check.ts'
import { openTrial, type Trial } from './try-evidence.ts'
import { createUnseenSeats } from './unseen-seats.ts'
import { createWhoMayCheck } from './who-may-check.ts'
import { createWithheldChecks } from './withheld-checks.ts'

type Reported = Extract<DeskRequest, { type: 'check-reported' }>
type Computed = Extract<DeskRequest, { type: 'check-computed' }>

/** Auditors that are asked one after the other, before a check is given up. */
const mostTries = 3
const patienceMs = 60_000
/** Rings that lost a convict: what is drawn on them later cannot be handed over. */
const mostDissolved = 64
const mostWithinMs = 300_000
const idBytes = 10
const nonceBytes = 32
/** Of the 64 MiB that a peer keeps of what it received; the rest is for what the estimate does not see. */
const surelyKeptBytes = 48 << 20
/** Of a slow tab, on a machine that has other work. */
const msPerPosition = 100

/** Of a challenge: each seat that somebody could check, to the end. What nobody could check is not drawn. */
const challengePolicy = { window: 1, windowShare: 0, endShare: 1 }

export function createAuditDesk(options: AuditDeskOptions): AuditDesk {
  const { clock, entropy, send, evidence, isTrusted, isBanned, onChecked, onFailed, onFault = () => {} } = options
  const log = createAttemptLog()
  const roster = createAuditorRoster({ nowMs: () => clock.monotonicMs(), isTrusted, bytesOf: options.bytesOf })
  const who = createWhoMayCheck({ ...options, roster })
  const errands = createErrands({ ...options, roster })
  const asks = new Map<string, Ask>()
  const trials = new Set<Trial>()
  /** What is asked for, or waits to be. */
  const errandsOpen = new Map<Errand, OpenCheck>()
  const dissolved = new Set<number>()
  const withheldChecks = createWithheldChecks(clock)
  const unseen = createUnseenSeats((operator, why) => options.onFailing?.(operator, why))
  const failingSeats = createFailingSeats(clock)
  const counts = createCheckCounts()
  const pay = createAuditPay({ nowMs: () => clock.monotonicMs(), isPaid: operator => !isBanned(operator) })
  const drawHex = (bytes: number): string => Buffer.from(entropy.bytes(bytes)).toString('hex')
  const drawId = (): string => `audit:${drawHex(idBytes)}`

  const ended = (outcome: CheckOutcome, { job }: SettledAttempt): void => {
    counts.ended(outcome)
    options.onEnded?.(outcome, job.requestId)
  }
  /** A second look that finds nothing new was none. */
  const end = ({ drawn, isMet }: OpenCheck, outcome: CheckOutcome): void => {
    if (isMet && outcome !== 'differs') return
    if (isMet) counts.drawn()
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

  /** It is on its way out, or its ring is no more: nothing is to be learnt. */
  const isHopeless = (drawn: DrawnCheck): boolean =>
    isBanned(operatorOf(drawn.accused)) || (dissolved.has(drawn.attempt.settled.epoch) && who.ringOf(drawn) === null)

  const endHopeless = (): void => {
    for (const [errand, { drawn }] of [...errandsOpen]) {
      if (!isHopeless(drawn)) continue
      errandsOpen.delete(errand)
      errands.abandon(each => each === errand)
    }
  }

  const compute = (check: OpenCheck): void => {
    const { drawn, asked, agreedBy } = check
    const { accused, sentFrom, layers } = drawn
    const isThird = agreedBy.length > 1
    if (asked.size >= mostTries + Number(isThird)) {
      giveUp(check)
      return
    }
    const withinMs = Math.min(mostWithinMs, 60_000 + drawn.endPosition * msPerPosition)
    let id = ''
    const errand: Errand = {
      layers,
      needs: [...new Set([accused, sentFrom])],
      isUrgent: false,
      patienceMs,
      withinMs: withinMs + 5000,
      isBarred: operator => !who.mayBeAsked(check, operator),
      begin: (auditor, epoch) => {
        const engine = options.engineOf(accused)
        if (engine === null) {
          finish(errand)
          end(check, 'unanswered')
          return
        }
        id = drawId()
        asked.add(operatorOf(auditor))
        who.shown(drawn, operatorOf(auditor))
        const about = { check: id, epoch, auditor, withinMs, nonce: check.known.nonce }
        const { now, later } = handOvers(drawn, about)
        const seats = [...new Set([...now, ...later].map(({ peer }) => peer))]
        asks.set(id, { check, errand, auditor, seats, now, later })
        const ticket = evidence?.openTicket(operatorOf(auditor), withinMs + 60_000)
        const place = evidence === null || ticket === undefined ? null : { path: evidence.path, ticket }
        send(auditor, runCheck(drawn, about, { engine, evidence: place }))
        for (const { peer, command } of now) send(peer, command)
      },
      failed: auditor => {
        errandsOpen.delete(errand)
        asked.add(operatorOf(auditor))
        drop(id)
        compute(check)
      },
      dropped: () => {
        errandsOpen.delete(errand)
        drop(id)
        giveUp(check)
      },
    }
    errandsOpen.set(errand, check)
    errands.add(errand)
  }

  const finish = (errand: Errand): void => {
    errandsOpen.delete(errand)
    errands.end(errand)
  }

  /** Nobody is left to ask. */
  const giveUp = (check: OpenCheck): void => {
    const { withheld, unlinked, puzzled, asked } = check
    if (withheld !== null && isTrusted(withheld.operator)) {
      owes(check, withheld.blamed)
      return
    }
    const isAgreed = check.agreedBy.length > 0
    end(check, isAgreed ? 'agreed' : 'unanswered')
    // Whatever all of them failed at was the work.
    const isPuzzling = [...asked].every(operator => puzzled.has(operator)) && [...asked].some(isTrusted)
    const lost = unlinked ?? (isPuzzling ? check.drawn.accused : null)
    if (!isAgreed && lost !== null) unseen.missed(lost)
  }

  /** It did not hand over what it had signed for. Once is bad luck. */
  const owes = (check: OpenCheck, blamed: string, isExcused = options.isQuiet(blamed)): void => {
    end(check, isExcused ? 'unanswered' : 'withheld')
    if (isExcused) unseen.missed(blamed)
    if (!isExcused && withheldChecks.noted(operatorOf(blamed))) onFailed(operatorOf(blamed), 'withheld')
  }

  const accuse = ({ check, auditor, errand }: Ask, said: Reported): void => {
    const { drawn } = check
    const { sha256 = '' } = said.evidence ?? {}
    finish(errand)
    // An accusation without its evidence, or with another's, is none.
    if (evidence === null || evidence.subjectOf(sha256) !== subjectOfCheck(drawn)) {
      roster.bench(auditor)
      compute(check)
      return
    }
    const release = evidence.holdWhile(sha256)
    const operator = operatorOf(drawn.accused)
    const path = `${evidence.path}/${sha256}`
    const otherwise = check.agreedBy.map(operator => ({ operator, says: 'innocent' as const }))
    const trial = openTrial({
      ...{ errands, send, drawId, isTrusted, path, sha256, layers: drawn.layers },
      isBarred: other => !who.may(drawn, other),
      hasTrusted: asked => who.hasJudge(drawn, asked),
      before: [{ operator: operatorOf(auditor), says: 'guilty' }, ...otherwise],
      onDecided: ({ verdict, falseWitnesses, inLine }) => {
        trials.delete(trial)
        creditCheck(pay, check, inLine)
        if (verdict === 'guilty') void evidence.hold(sha256).catch(onFault).finally(release)
        else release()
        for (const witness of falseWitnesses) onFailed(witness, 'false-witness')
        if (verdict === 'guilty') {
          end(check, 'differs')
          const { job, epoch, seats } = drawn.attempt.settled
          const named = { operator, peer: drawn.accused, requestId: job.requestId, epoch, seat: drawn.seat }
          dissolved.add(epoch)
          for (const old of [...dissolved].slice(0, -mostDissolved)) dissolved.delete(old)
          const members = [...new Set(seats.map(({ peer }) => operatorOf(peer)))]
          options.onConvicted({ ...named, members, what: 'wrong-output', evidence: { sha256, path } })
          endHopeless()
        } else if (verdict === 'innocent') {
          end(check, 'agreed')
          if (!check.isMet) onChecked(operator)
        } else end(check, 'unjudged')
      },
    })
    trials.add(trial)
  }

  const agreed = (check: OpenCheck, auditor: string): void => {
    const { drawn, asked, agreedBy, known } = check
    const [first, second] = agreedBy
    if (first !== undefined && second !== undefined) {
      settleDispute(check, [first, second, auditor])
      return
    }
    const isLast = first !== undefined || !who.needsSecond(drawn, asked, auditor)
    if (!isLast && !isTrusted(auditor)) {
      compute({ ...check, agreedBy: [auditor] })
      return
    }
    const both = [...agreedBy, auditor]
    const isSame = first === undefined || known.isSame(first, auditor)
    if (first !== undefined) counts.secondLook('audited')
    if (isSame && both.some(isTrusted)) creditCheck(pay, check, both)
    end(check, 'agreed')
    // One stranger's word earns nobody trust, nor that of two of whom one computed nothing.
    if (!check.isMet && (isTrusted(auditor) || (first !== undefined && isSame))) onChecked(operatorOf(drawn.accused))
    if (!isSame) {
      counts.secondLook('disputed')
      compute({ ...check, agreedBy: both, isMet: true })
    } else if (!isLast) compute({ ...check, agreedBy: [auditor], isMet: true })
  }

  /** Both found nothing, and did not compute the same: a third, who is vouched for, has computed it too. */
  const settleDispute = (check: OpenCheck, three: readonly [string, string, string]): void => {
    const lazy = check.known.lazyOf(three)
    if (lazy === null) return
    const right = three.filter(operator => operator !== lazy)
    creditCheck(pay, check, right)
    // Several checks may show the same at once.
    if (isBanned(lazy)) return
    counts.secondLook('lazy')
    onFailed(lazy, 'lazy-audit')
  }

  /** Only who has said what it computed is shown what the seat sent. */
  const computed = (peer: string, { check: id, sketch, rows }: Computed): void => {
    const ask = asks.get(id)
    if (ask === undefined || ask.auditor !== peer || ask.later === null) return
    const { later } = ask
    ask.later = null
    ask.check.known.computed(operatorOf(peer), { sketch, rows })
    for (const { peer: seat, command } of later) send(seat, command)
  }

  const reported = (peer: string, said: Reported): void => {
    const ask = asks.get(said.check)
    if (ask === undefined || ask.auditor !== peer) return
    const { check, errand } = ask
    const operator = operatorOf(peer)
    const isAnswer = said.outcome === 'agreed' || said.outcome === 'differs' || said.outcome === 'unjudged'
    // Nobody can compare with what was not handed over; and whoever is barred meanwhile is not heard.
    if (isAnswer && (ask.later !== null || isBanned(operator))) {
      if (ask.later !== null) counts.secondLook('uncomputed')
      drop(said.check)
      finish(errand)
      roster.bench(peer)
      compute(check)
      return
    }
    asks.delete(said.check)
    counts.computed(said.computeMs)
    if (said.outcome === 'differs') {
      accuse(ask, said)
      return
    }
    finish(errand)
    if (said.outcome === 'agreed') {
      unseen.seen(check.drawn.accused)
      agreed(check, operator)
    } else if (said.outcome === 'unjudged') {
      // Else a seat's friend could end all its checks so.
      const isDoubted = check.agreedBy.length === 0 && !isTrusted(operator)
      if (isDoubted && who.needsSecond(check.drawn, check.asked, operator)) compute(check)
      else end(check, 'unjudged')
    } else {
      // What was not asked for yet nobody withheld.
      const isOf = ({ peer: seat }: HandOverOrder): boolean => seat === said.blamed
      const isAsked = ask.later === null || ask.now.some(isOf) || !ask.later.some(isOf)
      const blamed = said.outcome === 'withheld' && isAsked ? said.blamed : null
      // Two must say the same of it: one may have had a bad link. And one be vouched for: two strangers may be friends.
      if (blamed !== null && check.withheld?.blamed === blamed) {
        if ([check.withheld.operator, operator].some(isTrusted)) owes(check, blamed)
        else end(check, 'unanswered')
      } else {
        // An entry hands over nothing, and may have signed floats that it had not announced.
        const isOfCheck = blamed !== null && [...ask.seats, check.drawn.accused].includes(blamed)
        if (isOfCheck) check.withheld ??= { operator, blamed }
        const { outcome, blamed: named } = said
        if (outcome === 'failed' && named !== null && ask.seats.includes(named) && isTrusted(operator))
          check.unlinked ??= named
        if (outcome === 'failed' && named === null) check.puzzled.add(operator)
        compute(check)
      }
    }
  }

  const refused = (peer: string, id: string): void => {
    if (asks.get(id)?.seats.includes(peer) !== true) return
    const { errand, check } = drop(id)!
    finish(errand)
    // A seat keeps so much and no more: what others' work has pushed out it cannot hand over.
    const first = check.drawn.attempts[0]!.requestId
    const isPushedOut = log.rowsSince(first, peer) * options.rowBytes > surelyKeptBytes
    if (isPushedOut) end(check, 'unanswered')
    // Whoever says so did not stand still.
    else owes(check, peer, false)
  }

  return {
    termsFor: (attempt, isChallenge = false) => {
      const { seats } = attempt
      const whole = (seat: Seat) => ({ ...challengePolicy, rate: who.isCheckable(seats, seat) ? 1 : 0 })
      const { secret, terms, nonce } = drawTerms(options, attempt, isChallenge ? whole : undefined)
      log.begun(attempt.job.requestId, { secret, terms, sent: attempt })
      return { nonce }
    },
    canCheck: seats => seats.some(seat => who.isCheckable(seats, seat)),
    canCheckUpon: requestId => canCheckUpon(log, requestId),
    isIdle: (own = 0) => errands.size() <= own && trials.size === 0,
    helpers: { add: errands.add, end: errands.end, hasAny: roster.hasAny },
    settled: (verdict, settled) => {
      unseen.receipts(verdict, settled)
      const attempt = log.settled(settled, checkableSeats(verdict, settled))
      if (attempt === null) return
      const { checks, missed } = drawChecks(log, { ...attempt, settled })
      for (let i = 0; i < missed + checks.length; i++) counts.drawn()
      for (let i = 0; i < missed; i++) ended('unanswered', settled)
      for (const drawn of checks) {
        const known = createKnownAnswers(drawHex(nonceBytes), isTrusted)
        const open = { withheld: null, unlinked: null, agreedBy: [], isMet: false }
        const check: OpenCheck = { drawn, known, asked: new Set(), paid: new Set(), puzzled: new Set(), ...open }
        if (isHopeless(drawn)) end(check, 'unanswered')
        else compute(check)
      }
    },
    heard: (peer, request) => {
      const attempt = 'requestId' in request ? log.of(request.requestId) : null
      const failing = attempt === null ? null : failingSeats.heard(peer, request, attempt.sent.seats)
      if (failing !== null) options.onFailing?.(failing)
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
        case 'check-computed':
          return computed(peer, request)
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
        finish(errand)
        end(check, 'unanswered')
        unseen.missed(peer)
      }
      errands.gone(peer)
      roster.gone(peer)
      errands.stir()
    },
    stir: () => {
      endHopeless()
      errands.stir()
    },
    view: counts.view,
    pay: pay.shares,
    close: errands.close,
  }
}
