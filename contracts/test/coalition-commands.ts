/**
 * Makes of a step of a schedule the call that somebody relays, with real signatures, good ones and wrong ones, and what the
 * model is told of it. Knows people and chain; what is refused, the model says.
 */
import { type Address, type Hex, keccak256, stringToHex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import type { SignedConsent, SignedTerms } from '../testing/coalition-signing.ts'
import { accusers, auditors, type CoalitionBench, config, noHash, operators, treasury } from './coalition-bench.ts'
import type { CoalitionModel } from './coalition-model.ts'
import type { ModelCoalition, ModelConsent, ModelDispute, ModelTerms } from './coalition-model-state.ts'
import type { ConsentFlaw, Step, TermsFlaw } from './coalition-steps.ts'
import { roles } from './vault-bench.ts'

export interface Command {
  readonly functionName: string
  readonly args: readonly unknown[]
  /** Who sends it; by default a stranger, who relays it. */
  readonly from?: Address
  /** Does the same to the model, in a block of this time; returns why the contract refuses it. */
  apply(now: number): readonly string[]
}

/** Who votes: auditors who are nothing else, an operator, an accuser, and one who is no auditor. */
export const jurors = [...auditors, operators[4]!, accusers[1]!]
const voters = [...jurors, operators[3]!]
const everyAccuser = [...operators, ...accusers]
export const accounts: readonly Address[] = [
  ...[...operators, ...accusers, ...auditors].map(({ address }) => address),
  treasury,
]

const mostCoalitions = 4
const mostDisputes = 8
const digest = (text: string): Hex => keccak256(stringToHex(text))

interface Picking {
  readonly pick: number
  readonly blind: boolean
}

function chosen<T>(all: readonly T[], { pick, blind }: Picking, suits: (one: T) => boolean): T | undefined {
  const fitting = blind ? all : all.filter(suits)
  const from = fitting.length > 0 ? fitting : all
  return from.at(-1 - (pick % Math.max(from.length, 1)))
}

export interface Stage {
  readonly bench: CoalitionBench
  readonly model: CoalitionModel
  /** Sessions that the vault knows. */
  readonly sessions: readonly Hex[]
}

export function openCommands({ bench, model, sessions }: Stage) {
  const latestTerms = new Map<ModelCoalition, SignedTerms>()
  let proposals = 0

  const idOf = (of: ModelCoalition): bigint => BigInt(model.coalitions.indexOf(of) + 1)
  const disputeId = (dispute: ModelDispute): bigint => BigInt(model.disputes.indexOf(dispute) + 1)

  const signatureOf = async (account: PrivateKeyAccount, terms: SignedTerms): Promise<Hex> =>
    (await bench.signer.consent(account, terms, true)).termsSignature

  function flawed(terms: SignedTerms, flaw: TermsFlaw): SignedTerms {
    const { parties } = terms
    if (flaw === 'stakeZero') return { ...terms, stakeAtomic: 0n }
    if (flaw === 'gap') return { ...terms, layers: terms.layers + 1 }
    if (flaw === 'twice') return { ...terms, parties: [...parties.slice(0, 1), ...parties] }
    if (flaw === 'nobody') return { ...terms, parties: [] }
    if (flaw === 'past') return { ...terms, proposalEndsAt: 1n, endsAt: 1n }
    if (flaw === 'tooLong') return { ...terms, endsAt: BigInt(bench.now() + config.maxTermSeconds + 2) }
    if (flaw === 'version') return { ...terms, version: terms.version + 1 }
    if (flaw === 'stakeChanged') return { ...terms, stakeAtomic: terms.stakeAtomic + 1n }
    return terms
  }

  const modelled = (terms: SignedTerms, flaw: TermsFlaw): ModelTerms => ({
    ...{ key: bench.signer.termsHash(terms), stakeAtomic: terms.stakeAtomic, version: terms.version },
    ...{ proposalEndsAt: Number(terms.proposalEndsAt), endsAt: Number(terms.endsAt) },
    operators: terms.parties.map(({ operator }) => operator),
    isSound: terms.parties.length > 0 && !['gap', 'twice', 'nobody', 'past'].includes(flaw),
  })

  /** The consents as they are sent, and as the model is to understand them; what is wrong, is wrong with the first. */
  async function words(
    of: readonly PrivateKeyAccount[],
    terms: SignedTerms,
    home: ModelCoalition | undefined,
    flaw: ConsentFlaw,
  ) {
    const consents: SignedConsent[] = []
    const meant: ModelConsent[] = []
    const say = (consent: SignedConsent, word: ModelConsent): void => {
      consents.push(consent)
      meant.push(word)
    }
    for (const [index, account] of of.entries()) {
      const stays = home?.stakes.get(account.address)?.isMember ?? false
      const good = await bench.signer.consent(account, terms, stays)
      const word: ModelConsent = { operator: account.address, isSigned: true, stake: stays ? 'empty' : 'authorized' }
      const other = { ...terms, salt: keccak256(terms.salt) }
      const wrong = index === 0 ? flaw : 'none'
      if (wrong === 'otherSigner') {
        say({ ...good, termsSignature: await signatureOf(accusers[0]!, terms) }, { ...word, isSigned: false })
      } else if (wrong === 'otherTerms') {
        say({ ...good, termsSignature: await signatureOf(account, other) }, { ...word, isSigned: false })
      } else if (wrong === 'otherStake') {
        const { stakeSignature } = await bench.signer.consent(account, other)
        say({ ...good, stakeSignature }, { ...word, stake: 'forged' })
      } else if (wrong === 'noStake') {
        say({ ...good, stakeSignature: '0x' }, { ...word, stake: 'empty' })
      } else if (wrong === 'outsider') {
        const outsider = accusers[1]!
        const consent = await bench.signer.consent(outsider, terms)
        say(consent, { operator: outsider.address, isSigned: true, stake: 'authorized' })
      } else {
        say(good, word)
        if (wrong === 'twice') say(good, word)
      }
    }
    return { consents, meant }
  }

  async function propose(step: Step & { kind: 'propose' }): Promise<Command | undefined> {
    if (model.coalitions.length >= mostCoalitions) return undefined
    const of = step.parties.map(index => operators[index]!)
    const proposalEndsAt = BigInt(bench.now() + 100)
    const times = { proposalEndsAt, endsAt: proposalEndsAt + BigInt(step.termSeconds) }
    const terms = flawed(bench.terms(of, { salt: digest(`proposal ${proposals++}`), ...times }), step.flaw)
    const { consents, meant } = await words(of.slice(0, step.consenting), terms, undefined, step.consentFlaw)
    const meantTerms = modelled(terms, step.flaw)
    return {
      functionName: 'propose',
      args: [terms, consents],
      apply(now) {
        const why = model.propose(now, meantTerms, meant)
        if (why.length === 0) latestTerms.set(model.coalitions.at(-1)!, terms)
        return why
      },
    }
  }

  async function consent(step: Step & { kind: 'consent' }): Promise<Command | undefined> {
    const of = chosen(model.coalitions, step, ({ state }) => state === 'proposed')
    if (!of) return undefined
    const terms = latestTerms.get(of)!
    const missing = operators.filter(
      ({ address }) => of.terms.operators.includes(address) && !of.stakes.get(address)?.isMember,
    )
    const who = chosen(operators, { ...step, pick: step.who }, one => missing.includes(one))!
    const { consents, meant } = await words([who], terms, undefined, step.flaw)
    const meantTerms = modelled(terms, 'none')
    return {
      functionName: 'consent',
      args: [idOf(of), terms, consents],
      apply: now => model.consent(now, of, meantTerms, meant),
    }
  }

  async function resplit(step: Step & { kind: 'resplit' }): Promise<Command | undefined> {
    const of = chosen(model.coalitions, step, ({ state }) => state === 'active')
    if (!of) return undefined
    const old = latestTerms.get(of)!
    const members = model.membersOf(of)
    const parties = operators.filter(({ address }, index) => members.includes(address) !== step.change.includes(index))
    const next = { id: idOf(of), version: of.terms.version + 1, salt: digest(`re-split ${of.terms.version}`) }
    const proposalEndsAt = BigInt(bench.now() + 30)
    const times = { proposalEndsAt, endsAt: proposalEndsAt + BigInt(step.termSeconds) }
    const terms = flawed(bench.terms(parties, { ...times, ...next, stakeAtomic: old.stakeAtomic }), step.flaw)
    const { consents, meant } = await words(parties, terms, of, step.consentFlaw)
    const meantTerms = modelled(terms, step.flaw)
    return {
      functionName: 'resplit',
      args: [idOf(of), terms, consents],
      apply(now) {
        const why = model.resplit(now, of, meantTerms, meant)
        if (why.length === 0) latestTerms.set(of, terms)
        return why
      },
    }
  }

  async function accuse(step: Step & { kind: 'accuse' }): Promise<Command | undefined> {
    const of = chosen(model.coalitions, step, ({ state }) => state !== 'proposed')
    if (!of || model.disputes.length >= mostDisputes) return undefined
    const staked = operators.filter(({ address }) => (of.stakes.get(address)?.amountAtomic ?? 0n) > 0n)
    const accused = chosen(operators, { ...step, pick: step.who }, one => staked.includes(one))!.address
    const accuser = everyAccuser[step.by]!
    const session = [noHash, ...sessions, digest('no session')][step.session] ?? noHash
    const evidenceHash = digest(`evidence ${step.evidence}`)
    const what = { accused, reason: step.reason, session }
    const bondAtomic = config.bondAtomic + BigInt(step.bondShift)
    const args = await bench.accusation(accuser, { id: idOf(of), ...what, evidenceHash }, bondAtomic)
    // The bond is somebody else's.
    const sent = step.forged
      ? args.map(one => (isBond(one) ? { ...one, operator: harmless(accuser).address } : one))
      : args
    return {
      functionName: 'accuse',
      args: sent,
      apply(now) {
        const by = step.forged ? harmless(accuser) : accuser
        return model.accuse(now, of, { ...what, accuser: by.address, bondAtomic, evidenceHash }, !step.forged)
      },
    }
  }
  const isBond = (one: unknown): one is SignedConsent =>
    typeof one === 'object' && one !== null && 'stakeSignature' in one
  const harmless = (accuser: PrivateKeyAccount): PrivateKeyAccount =>
    accuser === accusers[0] ? accusers[1]! : accusers[0]!

  async function commandOf(step: Step): Promise<Command | undefined> {
    if (step.kind === 'propose') return propose(step)
    if (step.kind === 'consent') return consent(step)
    if (step.kind === 'resplit') return resplit(step)
    if (step.kind === 'accuse') return accuse(step)
    if (step.kind === 'activate' || step.kind === 'end') {
      const suits = { activate: ['proposed'], end: ['proposed', 'active'] }[step.kind]
      const of = chosen(model.coalitions, step, ({ state }) => suits.includes(state))
      return of && { functionName: step.kind, args: [idOf(of)], apply: now => model[step.kind](now, of) }
    }
    if (step.kind === 'leave') {
      const of = chosen(model.coalitions, step, ({ state }) => state === 'active')
      if (!of) return undefined
      const members = model.membersOf(of)
      const who = chosen(operators, { ...step, pick: step.who }, ({ address }) => members.includes(address))!
      // The forged one is of the terms before these, or after.
      const version = step.forged ? Math.abs(of.terms.version - 1) : of.terms.version
      const args = [idOf(of), who.address, await bench.signer.leave(who, idOf(of), version)]
      return { functionName: 'leave', args, apply: now => model.leave(now, of, who.address, version) }
    }
    if (step.kind === 'release') {
      const leaving = (of: ModelCoalition) =>
        [...of.stakes.values()].some(one => one.amountAtomic > 0n && !one.isMember)
      const of = chosen(model.coalitions, step, leaving)
      if (!of) return undefined
      const who = chosen(operators, { ...step, pick: step.who }, ({ address }) => {
        const stake = of.stakes.get(address)
        return stake !== undefined && stake.amountAtomic > 0n && !stake.isMember
      })!
      return {
        ...{ functionName: 'release', args: [idOf(of), who.address] },
        apply: now => model.release(now, of, who.address),
      }
    }
    if (step.kind === 'withdraw') {
      const account = accounts[step.who % accounts.length]!
      return { functionName: 'withdraw', args: [account], apply: () => model.withdraw(account) }
    }
    if (step.kind === 'auditor') {
      const { address } = voters[step.who]!
      const args = [address, step.isAuditor]
      const apply = () => model.setAuditor(address, step.isAuditor)
      return { functionName: 'setAuditor', args, from: roles.owner, apply }
    }
    if (step.kind === 'quorum') {
      const apply = () => model.setQuorum(step.quorum)
      return { functionName: 'setQuorum', args: [step.quorum], from: roles.owner, apply }
    }
    if (step.kind === 'respond' || step.kind === 'vote' || step.kind === 'close') {
      const isReady = ({ respondUntil, voteUntil }: ModelDispute): boolean => {
        if (step.kind === 'respond') return bench.now() < respondUntil
        return bench.now() >= (step.kind === 'vote' ? respondUntil : voteUntil)
      }
      const dispute = chosen(model.disputes, step, one => one.verdict === 'open' && isReady(one))
      if (!dispute) return undefined
      const id = disputeId(dispute)
      if (step.kind === 'close') {
        return { functionName: 'close', args: [id], apply: now => model.close(now, dispute) }
      }
      if (step.kind === 'respond') {
        const accused = operators.find(({ address }) => address === dispute.accused)!
        const responseHash = digest(`answer ${step.pick % 2}`)
        const signature = await bench.signer.respond(step.forged ? accusers[0]! : accused, id, responseHash)
        const args = [id, responseHash, 'https://answer.test/1', signature]
        return { functionName: 'respond', args, apply: now => model.respond(now, dispute, responseHash, !step.forged) }
      }
      const voter = voters[step.auditor]!
      // A forged vote is one that the auditor gave, turned round.
      const said = step.forged ? !step.isGuilty : step.isGuilty
      const signature = await bench.signer.vote(voter, id, said, dispute.evidenceHash)
      return {
        functionName: 'vote',
        args: [id, step.isGuilty, voter.address, signature],
        apply: now => model.vote(now, dispute, voter.address, step.isGuilty, !step.forged),
      }
    }
    if (step.kind === 'settle') {
      const dispute = chosen(model.disputes, step, ({ verdict, isSettled }) => verdict !== 'open' && !isSettled)
      if (!dispute) return undefined
      return { functionName: 'settle', args: [disputeId(dispute)], apply: now => model.settle(now, dispute) }
    }
    return undefined
  }
  return { commandOf, idOf, disputeId }
}
