/**
 * Words of peers about stakes: signed terms, refusals, leaves. A signature is checked as the contract would, before it is kept; what is
 * good is written down at once. It sends nothing to the chain.
 */
import { usdcAbi } from '@computepool/contracts/abi'
import { type Consent, emptySignature, type Hex } from '@computepool/shared/coalition'
import type { DeskRequest } from '@computepool/shared/wire'
import { chainError } from '../chain/chain-error.ts'
import { verifyConsent, verifyLeave, type WordFault } from '../coalition/index.ts'
import { operatorOf } from '../receipts/operator-of.ts'
import type { StakeBook, StakeTerms } from './stake-book.ts'
import type { StakePicture } from './stake-picture.ts'
import type { StakeDeskOptions, StakePoint } from './stake-ports.ts'
import { faultWords } from './stake-words.ts'

type Said<T extends DeskRequest['type']> = Extract<DeskRequest, { type: T }>

export interface HearingOptions
  extends Pick<StakeDeskOptions, 'place' | 'token' | 'client' | 'clock' | 'reader' | 'stakeAtomic' | 'onFault'> {
  readonly book: StakeBook
  /** As last read. */
  readonly rows: () => readonly StakeTerms[]
  readonly picture: () => StakePicture
  /** Somebody will not sign, or signed what is not good, or is so no more. */
  readonly onRefused: (operator: string, words: string) => void
  /** For that these terms are over; once, however many refused them. */
  readonly onOver: (terms: StakeTerms) => void
  /** What it signed, or had when it agreed, it has spent since; resolves when that is kept. */
  readonly onSpent: (operator: string) => Promise<void>
  readonly hasAgreed: (row: StakeTerms, operator: Hex) => boolean
  /** It signed the terms, and gives its stake when it is asked. */
  readonly onAgreed: (termsHash: Hex, operator: Hex) => void
  readonly onSigned: (operator: string) => void
  /** A word was judged; false where that is still to come. */
  readonly onHeard: (isJudged: boolean) => void
  kill(point: StakePoint): Promise<void>
}

export interface Hearing {
  heard(peer: string, request: DeskRequest): void
  /** Takes words again that could not be judged, for the chain could not be read. */
  again(): void
  /** Of terms that the chain would not take: over where somebody's word is not good any more, such as one that has spent its stake since. */
  judgeAgain(row: StakeTerms): Promise<void>
  isBusy(): boolean
  settled(): Promise<void>
}

interface Refusal {
  readonly operator: string
  readonly words: string
  /** The stake was there before. */
  readonly hasSpent?: boolean
}

export function createHearing(options: HearingOptions): Hearing {
  const { book, place, token, client, clock, reader, stakeAtomic, rows, picture, onRefused, onHeard } = options
  /** One word at a time of each wallet; a flood of them costs nothing. */
  const busy = new Map<string, Promise<void>>()
  /** The last word that came meanwhile, or that could not be judged: a peer is asked once, and says it once. */
  const waiting = new Map<string, DeskRequest>()

  const offerOf = (operator: string, { salt, version }: { salt: string; version: number }): StakeTerms | null =>
    rows().find(
      ({ state, terms }) =>
        state === 'offered' &&
        terms.salt === salt &&
        terms.version === version &&
        terms.parties.some(party => party.operator === operator),
    ) ?? null

  const refuse = async (offer: StakeTerms, refusals: readonly Refusal[]): Promise<void> => {
    for (const { operator, words, hasSpent } of refusals) {
      onRefused(operator, words)
      if (hasSpent) await options.onSpent(operator)
    }
    const why = refusals.map(({ operator, words }) => `${operator}: ${words}`).join(' ')
    // What went to the chain once may be on its way still.
    if (await book.over(offer.termsHash, why, { mayCome: offer.state === 'signed' })) options.onOver(offer)
  }

  /** Consents that were good when they came, and are so no more. */
  const judge = async ({ terms, consents }: StakeTerms): Promise<Refusal[]> => {
    const refusals: (Refusal & { fault: WordFault })[] = []
    for (const consent of consents) {
      const stake = terms.id === 0n ? null : await reader.stakeOf(terms.id, consent.operator)
      const fault = await verifyConsent({ client, place, token }, { terms, consent, stake })
      // It was timely when it came: that time passes is nobody's doing.
      if (fault !== null && fault !== 'transfer-untimely')
        refusals.push({ operator: consent.operator, words: faultWords(fault, stakeAtomic), fault })
    }
    // All used at once: the proposal has come through, and nobody has seen it yet.
    const areDrawn = refusals.length === consents.length && refusals.every(({ fault }) => fault === 'transfer-used')
    return refusals.map(({ fault, ...rest }) => ({ ...rest, hasSpent: fault !== 'party-guilty' && !areDrawn }))
  }

  const takeConsent = async (operator: Hex, said: Said<'terms-signed'>): Promise<void> => {
    const offer = offerOf(operator, said)
    if (offer === null || offer.consents.some(one => one.operator === operator)) return
    const { terms, termsHash } = offer
    const consent: Consent = {
      operator,
      termsSignature: said.termsSignature as Hex,
      validAfter: BigInt(said.validAfter),
      validBefore: BigInt(said.validBefore),
      stakeSignature: said.stakeSignature as Hex,
    }
    const stake = terms.id === 0n ? null : await reader.stakeOf(terms.id, operator)
    const isShort = consent.stakeSignature !== emptySignature && consent.validBefore < terms.proposalEndsAt
    const fault = isShort ? 'too-short' : await verifyConsent({ client, place, token }, { terms, consent, stake })
    // All but the stake was looked at.
    if (fault === 'stake-missing') {
      // Nobody else is asked for its stake where this one has none.
      if ((await heldBy(operator)) < stakeAtomic) return refuse(offer, [unfunded(operator)])
      return options.onAgreed(termsHash, operator)
    }
    if (fault !== null) {
      const hasSpent = fault === 'transfer-unfunded' && options.hasAgreed(offer, operator)
      return refuse(offer, [{ operator, words: faultWords(fault, stakeAtomic), hasSpent }])
    }
    // Before another is asked for its stake, which counts against its owner's day even where nothing comes of it.
    const spent = await judge(offer)
    if (spent.length > 0) {
      options.onSigned(operator)
      return refuse(offer, spent)
    }
    const consents = await book.addConsent(termsHash, consent)
    options.onSigned(operator)
    if (consents.length === terms.parties.length) await options.kill('stakes:signed')
  }

  const unfunded = (operator: string): Refusal => ({ operator, words: faultWords('transfer-unfunded', stakeAtomic) })
  const heldBy = (operator: Hex): Promise<bigint> =>
    client
      .readContract({ address: token.address, abi: usdcAbi, functionName: 'balanceOf', args: [operator] })
      .catch((thrown: unknown) => {
        throw chainError(thrown, 'Reading what an operator holds')
      })

  const takeRefusal = async (operator: Hex, said: Said<'terms-refused'>): Promise<void> => {
    const offer = offerOf(operator, said)
    if (offer !== null) await refuse(offer, [{ operator, words: `Refused: ${said.words}` }])
  }

  const takeLeave = async (operator: Hex, { id, version, signature }: Said<'leave-signed'>): Promise<void> => {
    const held = picture().coalitions.find(({ view }) => view.id === BigInt(id))
    const isMember = held?.stakes.some(one => one.operator === operator && one.isMember) ?? false
    if (held?.view.version !== version || !isMember) return
    const word = { id: BigInt(id), operator, version, signature: signature as Hex }
    if (!(await verifyLeave({ client, place }, word))) return
    await book.addLeave({ ...word, madeAtMs: clock.wallMs() })
  }

  const take = (operator: Hex, request: DeskRequest): Promise<void> | null => {
    if (request.type === 'terms-signed') return takeConsent(operator, request)
    if (request.type === 'terms-refused') return takeRefusal(operator, request)
    return request.type === 'leave-signed' ? takeLeave(operator, request) : null
  }

  const begin = (operator: Hex, request: DeskRequest): void => {
    const taking = take(operator, request)
    if (taking === null) return
    const done = taking
      .then(
        () => true,
        thrown => {
          options.onFault(thrown)
          if (!waiting.has(operator)) waiting.set(operator, request)
          return false
        },
      )
      .then(isTaken => {
        busy.delete(operator)
        const next = isTaken ? waiting.get(operator) : undefined
        if (next !== undefined) resume(operator, next)
        onHeard(isTaken)
      })
    busy.set(operator, done)
  }
  const resume = (operator: Hex, request: DeskRequest): void => {
    waiting.delete(operator)
    begin(operator, request)
  }

  return {
    heard: (peer, request) => {
      const operator = operatorOf(peer) as Hex
      if (!isStakeWord(request)) return
      if (!busy.has(operator)) waiting.delete(operator)
      if (busy.has(operator)) waiting.set(operator, request)
      else begin(operator, request)
    },
    again: () => {
      for (const [operator, request] of [...waiting]) if (!busy.has(operator)) resume(operator as Hex, request)
    },
    judgeAgain: async row => {
      const refusals = await judge(row)
      if (refusals.length === 0) return
      // What came through after all has used its transfers up.
      const { terms, termsHash } = row
      const isThere =
        terms.version === 0
          ? (await reader.idOf(termsHash)) !== 0n
          : (await reader.coalitionOf(terms.id)).termsHash === termsHash
      if (!isThere) await refuse(row, refusals)
    },
    isBusy: () => busy.size > 0,
    settled: async () => {
      await Promise.allSettled([...busy.values()])
    },
  }
}

const isStakeWord = ({ type }: DeskRequest): boolean =>
  type === 'terms-signed' || type === 'terms-refused' || type === 'leave-signed'
