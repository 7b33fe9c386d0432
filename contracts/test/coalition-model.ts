/**
 * What a Coalition promises, without a chain: the oracle of the property test. It is written from ICoalition and shares no code with
 * the contract. A command answers with every reason there is to refuse it; where there is none, it is done.
 */
import type { Address, Hex } from 'viem'
import type {
  Accusation,
  ModelCoalition,
  ModelConfig,
  ModelConsent,
  ModelDispute,
  ModelStake,
  ModelTerms,
} from './coalition-model-state.ts'

const done: readonly string[] = []
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const whyNot = (...all: readonly (readonly [isSo: boolean | undefined, name: string])[]): string[] =>
  all.filter(([isSo]) => isSo).map(([, name]) => name)

export type CoalitionModel = ReturnType<typeof openCoalitionModel>

export function openCoalitionModel(config: ModelConfig, firstAuditors: readonly Address[]) {
  const coalitions: ModelCoalition[] = []
  const disputes: ModelDispute[] = []
  const auditors = new Set(firstAuditors)
  let quorum = config.quorum
  const credits = new Map<Address, bigint>()
  /** What each account gave to the contract, and had from it. */
  const given = new Map<Address, bigint>()
  const had = new Map<Address, bigint>()
  const repaid = new Map<Hex, bigint>()
  const usedNonces = new Set<string>()

  const add = <K>(to: Map<K, bigint>, key: K, amount: bigint): void => {
    to.set(key, (to.get(key) ?? 0n) + amount)
  }
  const membersOf = ({ stakes }: ModelCoalition): Address[] =>
    [...stakes].filter(([, { isMember }]) => isMember).map(([operator]) => operator)
  const stakeHere = (of: ModelCoalition, operator: Address): bigint => of.stakes.get(operator)?.amountAtomic ?? 0n
  /** Members for an unbonding at least, founders from the beginning. */
  const sharersNow = (of: ModelCoalition, now: number): Address[] =>
    membersOf(of).filter(one => (of.joinedAt.get(one) ?? 0) + config.unbondingSeconds <= now || !of.joinedAt.has(one))

  /** The dispute that found the party guilty on this evidence first. */
  const punished = ({ accused, evidenceHash }: Accusation): ModelDispute | undefined =>
    disputes.find(one => one.isFirst && one.accused === accused && one.evidenceHash === evidenceHash)

  /** Those consents that count, or why one of them is not taken. */
  function wordsOf(of: ModelCoalition, terms: ModelTerms, consents: readonly ModelConsent[]) {
    const counting = consents.filter(
      ({ operator }, index) =>
        !consents.slice(0, index).some(earlier => earlier.operator === operator) &&
        !(terms.version === 0 && of.stakes.get(operator)?.isMember),
    )
    const why = counting.flatMap(({ operator, isSigned, stake }) => {
      const needsStake = stakeHere(of, operator) === 0n
      return whyNot(
        [!terms.operators.includes(operator), 'NotParty'],
        [!isSigned, 'SignatureInvalid'],
        [of.stakes.get(operator)?.isGuilty, 'PartyGuilty'],
        [needsStake && stake !== 'authorized', 'InvalidSignature'],
        [needsStake && usedNonces.has(`${terms.key} ${operator}`), 'AuthorizationAlreadyUsed'],
      )
    })
    return { why, counting }
  }

  function take(now: number, to: ModelCoalition, terms: ModelTerms, consents: readonly ModelConsent[]): void {
    for (const { operator } of consents) {
      const none = { amountAtomic: 0n, releasableAt: 0, openDisputes: 0, isMember: false, isGuilty: false }
      const stake = to.stakes.get(operator) ?? none
      if (terms.version > 0 && !stake.isMember) to.joinedAt.set(operator, now)
      if (stake.amountAtomic === 0n) {
        usedNonces.add(`${terms.key} ${operator}`)
        add(given, operator, terms.stakeAtomic)
        stake.amountAtomic = terms.stakeAtomic
      }
      to.stakes.set(operator, Object.assign(stake, { isMember: true, releasableAt: 0 }))
    }
  }

  function leaves(of: ModelCoalition, operator: Address, at: number): void {
    Object.assign(of.stakes.get(operator)!, { isMember: false, releasableAt: at })
  }

  const votesOf = ({ ballots, counted }: ModelDispute): readonly [guilty: number, innocent: number] => {
    const votes = [...ballots].filter(([auditor]) => auditors.has(auditor)).map(([, isGuilty]) => isGuilty)
    return counted ?? [votes.filter(one => one).length, votes.filter(one => !one).length]
  }

  /** Gives a slash away in order; each division is rounded down, and the treasury has the rest. */
  function slash(dispute: ModelDispute): void {
    const { of, accused, accuser, reason, session, sharers } = dispute
    const stake = of.stakes.get(accused)!
    const slashed = min((of.terms.stakeAtomic * BigInt(config.slashBps[reason]!)) / 10_000n, stake.amountAtomic)
    stake.amountAtomic -= slashed
    const known = config.sessions.get(session)
    const isPaid = known && known.payer !== accused && !dispute.ballots.has(known.payer)
    const owed = isPaid ? known.dueAtomic - (repaid.get(session) ?? 0n) : 0n
    const toPayer = min(slashed, owed)
    if (known) add(credits, known.payer, toPayer)
    add(repaid, session, toPayer)
    const toAccuser = min(slashed - toPayer, config.accuserCostAtomic)
    add(credits, accuser, toAccuser)
    // Who came back since is new.
    const honest = sharers.filter(
      one => !of.stakes.get(one)!.isGuilty && (of.joinedAt.get(one) ?? 0) <= dispute.openedAt,
    )
    const rest = slashed - toPayer - toAccuser
    const toEach = honest.length === 0 ? 0n : rest / BigInt(honest.length)
    for (const one of honest) add(credits, one, toEach)
    add(credits, config.treasury, rest - toEach * BigInt(honest.length))
  }

  return {
    coalitions,
    disputes,
    credits,
    given,
    had,
    membersOf,
    votesOf,

    propose(now: number, terms: ModelTerms, consents: readonly ModelConsent[]): readonly string[] {
      const stakes = new Map<Address, ModelStake>()
      const made: ModelCoalition = { state: 'proposed', terms, stakes, joinedAt: new Map(), sharersAtEnd: undefined }
      const words = wordsOf(made, terms, consents)
      const why = [
        ...whyNot(
          [terms.stakeAtomic === 0n, 'StakeZero'],
          [!terms.isSound || terms.endsAt > now + config.maxTermSeconds, 'TermsInvalid'],
          [terms.version !== 0, 'TermsVersionWrong'],
          [now > terms.proposalEndsAt, 'TooLate'],
          [usedNonces.has(terms.key), 'ProposalExists'],
        ),
        ...words.why,
      ]
      if (why.length > 0) return why
      usedNonces.add(terms.key)
      coalitions.push(made)
      take(now, made, terms, words.counting)
      return done
    },

    consent(now: number, of: ModelCoalition, terms: ModelTerms, consents: readonly ModelConsent[]): readonly string[] {
      const words = wordsOf(of, terms, consents)
      const why = [
        ...whyNot(
          [of.state !== 'proposed', 'StateWrong'],
          [now > of.terms.proposalEndsAt, 'TooLate'],
          [of.terms.key !== terms.key, 'TermsInvalid'],
        ),
        ...words.why,
      ]
      if (why.length > 0) return why
      take(now, of, terms, words.counting)
      return done
    },

    activate(now: number, of: ModelCoalition): readonly string[] {
      const why = whyNot(
        [of.state !== 'proposed', 'StateWrong'],
        [now > of.terms.proposalEndsAt, 'TooLate'],
        [of.terms.operators.some(operator => !of.stakes.get(operator)?.isMember), 'ConsentMissing'],
      )
      if (why.length === 0) of.state = 'active'
      return why
    },

    resplit(now: number, of: ModelCoalition, terms: ModelTerms, consents: readonly ModelConsent[]): readonly string[] {
      const signers = consents.map(({ operator }) => operator)
      const members = membersOf(of)
      const innocent = members.filter(one => !of.stakes.get(one)!.isGuilty)
      const staying = members.filter(one => terms.operators.includes(one))
      const words = wordsOf(of, terms, consents)
      const why = [
        ...whyNot(
          [of.state !== 'active', 'StateWrong'],
          [now >= of.terms.endsAt, 'TooLate'],
          [terms.version !== of.terms.version + 1, 'TermsVersionWrong'],
          [terms.stakeAtomic === 0n, 'StakeZero'],
          [!terms.isSound || terms.endsAt > now + config.maxTermSeconds, 'TermsInvalid'],
          [terms.stakeAtomic !== of.terms.stakeAtomic, 'TermsInvalid'],
          [now > terms.proposalEndsAt, 'TooLate'],
          [staying.length === 0 || staying.length * 2 < innocent.length, 'MembersTooFew'],
          [terms.operators.some(operator => !signers.includes(operator)), 'ConsentMissing'],
        ),
        ...words.why,
      ]
      if (why.length > 0) return why
      for (const one of members) if (!staying.includes(one)) leaves(of, one, now + config.unbondingSeconds)
      take(now, of, terms, words.counting)
      of.terms = terms
      return done
    },

    leave(now: number, of: ModelCoalition, operator: Address, signedVersion: number | undefined): readonly string[] {
      const why = whyNot(
        [of.state !== 'active', 'StateWrong'],
        [!of.stakes.get(operator)?.isMember, 'NotMember'],
        [signedVersion !== of.terms.version, 'SignatureInvalid'],
      )
      if (why.length === 0) leaves(of, operator, now + config.unbondingSeconds)
      return why
    },

    end(now: number, of: ModelCoalition): readonly string[] {
      const why = whyNot(
        [of.state === 'ended', 'StateWrong'],
        [of.state === 'proposed' && now <= of.terms.proposalEndsAt, 'TooEarly'],
        [of.state === 'active' && now < of.terms.endsAt, 'TooEarly'],
      )
      if (why.length > 0) return why
      of.sharersAtEnd = sharersNow(of, now)
      const releasableAt = of.state === 'proposed' ? now : now + config.unbondingSeconds
      for (const member of membersOf(of)) leaves(of, member, releasableAt)
      of.state = 'ended'
      return done
    },

    release(now: number, of: ModelCoalition, operator: Address): readonly string[] {
      const stake = of.stakes.get(operator)
      const why = whyNot(
        [stakeHere(of, operator) === 0n || stake?.isMember, 'NothingToRelease'],
        [stake && now < stake.releasableAt, 'TooEarly'],
        [stake && stake.openDisputes > 0, 'DisputesOpen'],
      )
      if (why.length > 0) return why
      add(credits, operator, stake!.amountAtomic)
      stake!.amountAtomic = 0n
      return done
    },

    accuse(now: number, of: ModelCoalition, what: Accusation, isBonded: boolean): readonly string[] {
      const { accused, accuser, reason, session, evidenceHash, bondAtomic } = what
      const nonce = ['bond', coalitions.indexOf(of), accused, accuser, reason, session, evidenceHash].join(' ')
      const stake = of.stakes.get(accused)
      const why = whyNot(
        [of.state === 'proposed', 'StateWrong'],
        [stakeHere(of, accused) === 0n || (!stake!.isMember && now >= stake!.releasableAt), 'NotMember'],
        [accused === accuser, 'SelfAccusation'],
        [punished(what) !== undefined, 'BreachPunished'],
        [bondAtomic < config.bondAtomic, 'BondTooSmall'],
        [!isBonded, 'InvalidSignature'],
        [usedNonces.has(nonce), 'AuthorizationAlreadyUsed'],
      )
      if (why.length > 0) return why
      usedNonces.add(nonce)
      add(given, accuser, bondAtomic)
      stake!.openDisputes++
      const respondUntil = now + config.responseSeconds
      disputes.push({
        ...{ ...what, of, version: of.terms.version, openedAt: now, quorum },
        sharers: (of.sharersAtEnd ?? sharersNow(of, now)).filter(one => one !== accused),
        ...{ respondUntil, voteUntil: respondUntil + config.voteSeconds, responseHash: undefined },
        ...{ ballots: new Map(), counted: undefined, verdict: 'open', isFirst: false, isSettled: false },
      })
      return done
    },

    respond(now: number, dispute: ModelDispute, responseHash: Hex, isSigned: boolean): readonly string[] {
      const why = whyNot(
        [dispute.verdict !== 'open', 'DisputeDecided'],
        [now > dispute.respondUntil, 'TooLate'],
        [!isSigned, 'SignatureInvalid'],
      )
      if (why.length > 0) return why
      // The answer opens the vote; how long that lasts stays as it was told.
      Object.assign(dispute, { respondUntil: now, responseHash })
      return done
    },

    vote(
      now: number,
      dispute: ModelDispute,
      auditor: Address,
      isGuilty: boolean,
      isSigned: boolean,
    ): readonly string[] {
      const why = whyNot(
        [dispute.verdict !== 'open', 'DisputeDecided'],
        [!auditors.has(auditor), 'NotAuditor'],
        [dispute.of.stakes.has(auditor) || auditor === dispute.accuser, 'AuditorInvolved'],
        [now <= dispute.respondUntil, 'TooEarly'],
        [now > dispute.voteUntil, 'TooLate'],
        [dispute.ballots.has(auditor), 'AlreadyVoted'],
        [!isSigned, 'SignatureInvalid'],
      )
      if (why.length > 0) return why
      dispute.ballots.set(auditor, isGuilty)
      const [guilty, innocent] = votesOf(dispute)
      if (guilty >= dispute.quorum) {
        dispute.verdict = 'guilty'
        dispute.isFirst = punished(dispute) === undefined
        dispute.of.stakes.get(dispute.accused)!.isGuilty = true
      } else if (innocent >= dispute.quorum) dispute.verdict = 'innocent'
      if (dispute.verdict !== 'open') dispute.counted = [guilty, innocent]
      return done
    },

    close(now: number, dispute: ModelDispute): readonly string[] {
      const why = whyNot([dispute.verdict !== 'open', 'DisputeDecided'], [now <= dispute.voteUntil, 'TooEarly'])
      if (why.length === 0) Object.assign(dispute, { counted: votesOf(dispute), verdict: 'undecided' })
      return why
    },

    settle(now: number, dispute: ModelDispute): readonly string[] {
      const { of, accused, accuser, bondAtomic } = dispute
      const why = whyNot([dispute.verdict === 'open', 'DisputeOpen'], [dispute.isSettled, 'DisputeDecided'])
      if (why.length > 0) return why
      const stake = of.stakes.get(accused)!
      if (dispute.isFirst) {
        if (stake.isMember) leaves(of, accused, now + config.unbondingSeconds)
        slash(dispute)
      }
      add(credits, dispute.verdict === 'innocent' ? accused : accuser, bondAtomic)
      stake.openDisputes--
      dispute.isSettled = true
      return done
    },

    withdraw(account: Address): readonly string[] {
      add(had, account, credits.get(account) ?? 0n)
      credits.delete(account)
      return done
    },

    setAuditor(auditor: Address, isAuditor: boolean): readonly string[] {
      if (isAuditor) auditors.add(auditor)
      else auditors.delete(auditor)
      return done
    },

    setQuorum(next: number): readonly string[] {
      quorum = next
      return done
    },

    /** Stakes, bonds of disputes that are not settled, and credits. */
    heldAtomic(): bigint {
      const stakes = coalitions.flatMap(({ stakes: all }) => [...all.values()].map(({ amountAtomic }) => amountAtomic))
      const bonds = disputes.filter(({ isSettled }) => !isSettled).map(({ bondAtomic }) => bondAtomic)
      return [...stakes, ...bonds, ...credits.values()].reduce((sum, one) => sum + one, 0n)
    },
  }
}
