/**
 * Looks after stakes while a pool runs: offers terms to rings that are ready, takes what their members signed, sees it to the chain, and
 * lets go of what is over. Serving waits for none of it. It holds no key of an operator, and believes the chain alone.
 */
import { termsTypedData } from '@computepool/shared/coalition'
import { asComputePoolError } from '@computepool/shared/errors'
import type { DeskRequest } from '@computepool/shared/wire'
import { bytesToHex, hashTypedData } from 'viem'
import { createIdlers } from '../idlers.ts'
import { unitsNow } from '../payments/work-of-rings.ts'
import { carryTerms } from './carry-terms.ts'
import { findLate } from './find-late.ts'
import { giveStake } from './give-stake.ts'
import { createHearing, type Hearing } from './hear-words.ts'
import { letGo } from './let-go.ts'
import { makeOffers } from './make-offers.ts'
import { createQuietRings } from './quiet-rings.ts'
import { createRingAges, keyOfTerms, type RingToStake, ringsToStake, trustIn } from './rings-to-stake.ts'
import { createSpentStakes } from './spent-stakes.ts'
import { createStakeBook, type StakeTerms } from './stake-book.ts'
import { createPictureReader, operatorStake, type StakePicture } from './stake-picture.ts'
import type { StakeDeskOptions, StakePoint, StakeTimes } from './stake-ports.ts'
import type { StakeSource } from './stake-source.ts'
import { createStakeTeller } from './tell-stakes.ts'
import { createStakeView, type StakeOf } from './view-stakes.ts'
import { createWillingness } from './who-is-willing.ts'
import { createAgreements, createTurns } from './whom-to-ask.ts'

export interface StakeDesk extends StakeSource {
  /** Wallets in lower case. */
  stakeOf(operator: string): StakeOf
  /** The active coalition that the wallet's stake lies in; null where it lies in none. */
  coalitionOf(operator: string): { readonly id: bigint; readonly version: number } | null
  /** What a peer says; all but its words about stakes is nobody's business here. */
  heard(peer: string, request: DeskRequest): void
  /** Resolves when the chain was read once, or could not be. */
  start(): Promise<void>
  /** Looks at chain and rings now. */
  wake(): void
  /** Resolves when nothing is under way that needs no time to pass. */
  idle(): Promise<void>
  /** What was sent stays sent, and is taken up by the next start. Idempotent. */
  close(): Promise<void>
}

const defaultTimes: StakeTimes = {
  settleMs: 3000,
  tickMs: 5000,
  leaveGraceMs: 15_000,
  againMs: 60_000,
  silentMs: 60_000,
  forgiveMs: 600_000,
  spentMs: [3_600_000, 4 * 3_600_000, 24 * 3_600_000],
}
const proposalSeconds = 600n
/** A week; renewed when a quarter of it is left. */
const usualTermSeconds = 7 * 86_400

/** `onChange`: what is told of stakes is another. */
export function createStakeDesk(options: StakeDeskOptions, onChange: () => void): StakeDesk {
  const { clock, entropy, desk, ledger, place, vault, reader, stakeAtomic, onFault, onNotice = () => {} } = options
  const times = { ...defaultTimes, ...options.times }
  const stopping = new AbortController()
  const registry = place.coalition
  const book = createStakeBook(options.db, { chainId: place.chainId, registry, vault: vault.vault.toLowerCase() })
  const pictures = createPictureReader(reader)
  const ages = createRingAges(() => clock.monotonicMs())
  const underWay = new Map<string, Promise<void>>()
  const quiet = createQuietRings(() => clock.monotonicMs(), times.againMs)
  const agreements = createAgreements()
  const turns = createTurns(operator => trustIn(rings, operator))
  const spenders = createSpentStakes({ book, wallMs: () => clock.wallMs(), quietMs: times.spentMs })
  let isLoaded = false
  const idlers = createIdlers()
  let rings: readonly RingToStake[] = []
  let rows: readonly StakeTerms[] = []
  let picture: StakePicture = { coalitions: [], guilty: new Set() }
  let refusedRings: ReadonlyMap<string, { readonly text: string }> = new Map()
  let passing: Promise<void> | null = null
  let isWanted = false
  let isStarted = false
  let haveLooked = (): void => {}
  const looked = new Promise<void>(resolve => {
    haveLooked = resolve
  })
  let cancelTick = (): void => {}
  let cancelLook: (() => void) | null = null

  const kill = async (point: StakePoint): Promise<void> => options.killPoint?.(point)
  const fault = (thrown: unknown): void => {
    if (!stopping.signal.aborted) onFault(asComputePoolError(thrown))
  }
  const isStaked = (operator: string): boolean => operatorStake(picture, operator).state === 'staked'
  const { silentMs, forgiveMs } = times
  const willing = createWillingness({ nowMs: () => clock.monotonicMs(), silentMs, forgiveMs, spent: spenders })
  const hasAgreed = (row: StakeTerms, operator: string): boolean => agreements.has(row.termsHash, operator)
  const view = createStakeView({ stakeAtomic, picture: () => picture, rows: () => rows, willing, hasAgreed })
  const mayEarn = (operator: string): boolean => view.reasonOf(operator) === null
  const earnsNothing = (operator: string): boolean => desk.withheld.isWithheld(operator) || !mayEarn(operator)
  const teller = createStakeTeller({
    desk,
    place,
    token: options.token,
    ...{ of: view.stakeOf, hasAgreed, wasAtFault: willing.hasFailed, turnOf: turns.of },
    picture: () => picture,
  })
  const hearing: Hearing = createHearing({
    ...{ book, place, token: options.token, client: options.client, clock, reader, kill, stakeAtomic },
    rows: () => rows,
    picture: () => picture,
    onRefused: (operator, words) => {
      willing.refused(operator, words)
      onNotice(`${operator} does not stake: ${words}`)
    },
    hasAgreed,
    onSpent: async operator => {
      const quietMs = (await spenders.spent(operator)) - clock.wallMs()
      options.onSpent?.(operator, quietMs)
    },
    onOver: ({ terms }) => quiet.failed(keyOfTerms(terms)),
    onAgreed: agreements.note,
    onSigned: willing.signed,
    // What cannot be judged waits for the next tick.
    onHeard: isJudged => (isJudged ? wake() : tellIdlers()),
    onFault: fault,
  })

  const wake = (): void => {
    if (!isStarted || stopping.signal.aborted) return
    isWanted = true
    passing ??= passAll().finally(() => {
      passing = null
      // Somebody may have asked between the last look and this.
      if (isWanted) wake()
      tellIdlers()
    })
  }
  const passAll = async (): Promise<void> => {
    while (isWanted && !stopping.signal.aborted) {
      isWanted = false
      await pass().catch(fault)
      haveLooked()
    }
  }
  const tellIdlers = (): void => {
    if (passing === null && underWay.size === 0 && !hearing.isBusy()) idlers.tell()
  }

  const now = async (): Promise<bigint> =>
    // The chain's clock may run ahead of ours, or stand still between two blocks.
    BigInt(Math.max(Math.floor(clock.wallMs() / 1000), await vault.nowSeconds()))

  const look = async (): Promise<void> => {
    if (!isLoaded) await spenders.load()
    isLoaded = true
    rows = await book.open()
    const known = await book.guilty()
    picture = await pictures.read(rows, known)
    for (const { view: coalition, stakes } of picture.coalitions) {
      for (const { operator, isGuilty } of stakes) {
        if (isGuilty && !known.has(operator)) await book.noteGuilty(operator, coalition.id)
      }
    }
  }

  const pass = async (): Promise<void> => {
    rings = ringsToStake(desk.snapshot())
    ages.look(rings)
    await look()
    haveLooked()
    const nowSeconds = await now()
    await findLate({ book, reader, vault }, rows)
    hearing.again()
    carryDue()
    const hasSent = await letGo({
      ...{ book, reader, relay: options.relay, place, picture, nowSeconds, kill, onFault: fault },
      forget: pictures.forget,
      busy: new Set(
        rows.flatMap(({ state, coalition }) =>
          state === 'active' || state === 'over' || !coalition ? [] : [coalition],
        ),
      ),
      fateOf: ({ operator, madeAtMs }) => {
        if (clock.wallMs() - madeAtMs < times.leaveGraceMs) return 'keep'
        return rings.some(({ peers }) => peers.has(operator)) ? 'drop' : 'send'
      },
      proposalEndsAt: id => rows.find(({ coalition }) => coalition === id)?.terms.proposalEndsAt ?? 0n,
    })
    await offer(nowSeconds)
    agreements.keepOnly(rows)
    turns.keepOnly(rows)
    willing.look({
      rings,
      rows,
      asking: teller.asking,
      refused: refusedRings,
      isStaked,
      isGuilty: operator => picture.guilty.has(operator),
    })
    if (hasSent) isWanted = true
    teller.tell(rings, rows)
    onChange()
  }

  const carryDue = (): void => {
    const due = rows.filter(
      ({ state, nextAtMs, termsHash }) =>
        (state === 'signed' || state === 'proposed') && nextAtMs <= clock.wallMs() && !underWay.has(termsHash),
    )
    for (const row of due) {
      const done = carry(row).finally(() => {
        underWay.delete(row.termsHash)
        wake()
        tellIdlers()
      })
      underWay.set(row.termsHash, done)
    }
  }

  const carry = async (row: StakeTerms): Promise<void> => {
    const { keeper, relay } = options
    const context = { keeper, relay, reader, ledger, vault, desk, place, clock, book, mayEarn, kill }
    try {
      await carryTerms({ ...context, signal: stopping.signal }, row)
      if (row.terms.version === 0) onNotice(`The terms of ${row.terms.parties.length} operators went to the chain.`)
    } catch (thrown) {
      fault(thrown)
      if (stopping.signal.aborted) return
      if (row.state === 'signed') await hearing.judgeAgain(row).catch(fault)
      if (stopping.signal.aborted || row.terms.version > 0) return
      // The units that were to come with it are not to come by themselves: who has them the chain says, not what was last seen of it.
      await look()
        .then(() => ledger.setUnits(unitsNow(desk.snapshot(), earnsNothing)))
        .catch(fault)
    }
  }

  const offer = async (nowSeconds: bigint): Promise<void> => {
    const offers = makeOffers({
      ...{ rings, rows, coalitions: picture.coalitions, guilty: picture.guilty, nowSeconds, proposalSeconds },
      frame: {
        modelDigest: `0x${options.manifestSha256}`,
        layers: desk.snapshot().layers,
        pool: options.pool,
        vault: vault.vault.toLowerCase() as `0x${string}`,
        stakeAtomic,
      },
      pricePerSecondAtomic: rings.length === 0 ? 0n : await options.pricePerSecondAtomic(),
      termSeconds: BigInt(
        Math.min(options.termSeconds ?? usualTermSeconds, options.maxTermSeconds - Number(proposalSeconds)),
      ),
      mayOffer: ({ key, peers }) =>
        ages.ageMs(key) >= times.settleMs &&
        !quiet.isQuiet(key) &&
        ![...peers.keys()].some(operator => spenders.quietUntilMs(operator) !== null),
      drawSalt: () => bytesToHex(entropy.bytes(32)),
    })
    refusedRings = offers.refused
    for (const { offer: old, why } of offers.over) {
      if (nowSeconds > old.terms.proposalEndsAt) quiet.failed(keyOfTerms(old.terms))
      await book.over(old.termsHash, why)
    }
    for (const { terms } of offers.made) {
      await book.offer(terms, hashTypedData(termsTypedData(place, terms)), clock.wallMs())
      await kill('stakes:offered')
    }
    if (offers.over.length + offers.made.length > 0) rows = await book.open()
    const wanting = rows.filter(({ state }) => state === 'offered').flatMap(row => teller.wanting(row))
    await Promise.all(
      [...new Set(wanting)].map(operator => giveStake({ ...options, book, kill }, operator).catch(fault)),
    )
  }

  const lookAtRings = (): void => {
    cancelLook = null
    rings = ringsToStake(desk.snapshot())
    if (ages.look(rings)) wake()
    // Terms are made once it has stood for a while.
    if (rings.some(({ key }) => ages.ageMs(key) < times.settleMs)) lookLater(times.settleMs, true)
  }
  const lookLater = (afterMs: number, isForced = false): void => {
    if (stopping.signal.aborted || cancelLook !== null) return
    cancelLook = clock.schedule(afterMs, () => {
      cancelLook = null
      lookAtRings()
      if (isForced) wake()
    })
  }
  const tick = (): void => {
    cancelTick = clock.schedule(times.tickMs, () => {
      if (rows.length > 0 || rings.length > 0) wake()
      tick()
    })
  }

  const forget = [
    desk.onRequest((peer, request) => hearing.heard(peer, request)),
    desk.onChange(() => lookLater(Math.min(1000, times.settleMs))),
  ]
  let closing: Promise<void> | null = null
  const shutDown = async (): Promise<void> => {
    stopping.abort(new Error('The stakes’ desk was closed.'))
    haveLooked()
    for (const stop of forget) stop()
    cancelTick()
    cancelLook?.()
    await passing
    await Promise.allSettled([...underWay.values()])
    await hearing.settled()
    idlers.tell()
  }

  return {
    ...view,
    isStaked,
    coalitionOf: operator => {
      const { state, coalition } = operatorStake(picture, operator)
      if (state !== 'staked' || coalition === null) return null
      const held = picture.coalitions.find(({ view: found }) => found.id === coalition)
      return held === undefined ? null : { id: coalition, version: held.view.version }
    },
    heard: hearing.heard,
    start: async () => {
      if (!isStarted) {
        isStarted = true
        wake()
        tick()
      }
      await looked
    },
    wake,
    idle: () => {
      const idle = idlers.wait()
      wake()
      if (!isStarted || stopping.signal.aborted) idlers.tell()
      return idle
    },
    close: () => {
      closing ??= shutDown()
      return closing
    },
  }
}
