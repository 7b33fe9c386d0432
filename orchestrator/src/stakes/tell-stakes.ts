/** Tells peers what they are to know of stakes: the terms that wait for their word, and how their stake stands. Nothing twice. */
import type { CoalitionPlace, Hex, StakeToken } from '@computepool/shared/coalition'
import { bigintAsString } from '@computepool/shared/money'
import type { DeskCommand, TermsJson } from '@computepool/shared/wire'
import type { Desk } from '../dispatch/index.ts'
import type { RingToStake } from './rings-to-stake.ts'
import type { StakeTerms } from './stake-book.ts'
import type { StakePicture } from './stake-picture.ts'
import type { StakeOf } from './view-stakes.ts'
import { type Asking, type WhomToAsk, whomToAsk } from './whom-to-ask.ts'

export interface StakeTellerOptions {
  readonly desk: Pick<Desk, 'tell'>
  readonly place: CoalitionPlace
  readonly token: StakeToken
  readonly of: (operator: string) => StakeOf
  readonly picture: () => StakePicture
  readonly hasAgreed: WhomToAsk['hasAgreed']
  readonly wasAtFault: WhomToAsk['wasAtFault']
  readonly turnOf: WhomToAsk['turnOf']
}

export interface StakeTeller {
  tell(rings: readonly RingToStake[], rows: readonly StakeTerms[]): void
  /** Whose word these terms wait for now. */
  asking(row: StakeTerms): Asking[]
  /** Whose stake these terms still wait for. */
  wanting(row: StakeTerms): Hex[]
}

export function createStakeTeller({ desk, place, token, of, picture, ...when }: StakeTellerOptions): StakeTeller {
  /** By peer: what it was told last of its stake, and the offers that it has. */
  let told = new Map<string, { operator: string; stake: string; offers: ReadonlySet<string> }>()

  const needsStake = ({ terms }: StakeTerms, operator: string): boolean => {
    if (terms.id === 0n) return true
    const held = picture().coalitions.find(({ view }) => view.id === terms.id)
    return (held?.stakes.find(one => one.operator === operator)?.amountAtomic ?? 0n) === 0n
  }
  const silent = ({ terms, consents }: StakeTerms): Hex[] =>
    terms.parties
      .map(({ operator }) => operator)
      .filter(operator => !consents.some(consent => consent.operator === operator))

  const asking = (row: StakeTerms): Asking[] => whomToAsk(row, { ...when, needsStake })

  const offerOf = (row: StakeTerms, needsStake: boolean): DeskCommand => ({
    type: 'terms-offered',
    terms: JSON.parse(JSON.stringify(row.terms, bigintAsString)) as TermsJson,
    place: {
      chainId: place.chainId,
      coalition: place.coalition,
      usdc: token.address,
      usdcName: token.name,
      usdcVersion: token.version,
    },
    needsStake,
    validBefore: String(row.terms.proposalEndsAt),
  })
  const versionOf = (id: bigint | null): number =>
    picture().coalitions.find(({ view }) => view.id === id)?.view.version ?? 0
  const standingOf = (operator: string): DeskCommand => {
    const { state, coalition, amountAtomic, releasableAt, words } = of(operator)
    return {
      type: 'stake-told',
      state,
      coalition: coalition === null ? null : String(coalition),
      ...(state === 'staked' ? { version: versionOf(coalition) } : {}),
      amountAtomic: String(amountAtomic),
      ...(state === 'unbonding' ? { untilMs: Number(releasableAt) * 1000 } : {}),
      words: words.slice(0, 1000),
    }
  }

  return {
    asking,
    wanting: row => silent(row).filter(operator => needsStake(row, operator)),
    tell: (rings, rows) => {
      const now = new Map<string, { operator: string; stake: string; offers: Set<string> }>()
      for (const { peers } of rings) {
        for (const [operator, ids] of peers) {
          const standing = standingOf(operator)
          const stake = JSON.stringify(standing)
          const offered = rows
            .filter(({ state }) => state === 'offered')
            .flatMap(row => asking(row).map(asked => ({ ...asked, row, key: `${row.termsHash} ${asked.needsStake}` })))
            .filter(asked => asked.operator === operator)
          for (const peer of ids) {
            const had = told.get(peer)
            if (had?.stake !== stake) desk.tell(peer, standing)
            for (const { row, needsStake, key } of offered) {
              if (!had?.offers.has(key)) desk.tell(peer, offerOf(row, needsStake))
            }
            now.set(peer, { operator, stake, offers: new Set(offered.map(({ key }) => key)) })
          }
        }
      }
      // Whoever lost its place hears of its stake until nothing more can come of that.
      for (const [peer, had] of told) {
        if (now.has(peer)) continue
        const standing = standingOf(had.operator)
        const stake = JSON.stringify(standing)
        if (had.stake !== stake) desk.tell(peer, standing)
        const isOver = of(had.operator).amountAtomic === 0n
        if (!isOver) now.set(peer, { operator: had.operator, stake, offers: new Set() })
      }
      told = now
    },
  }
}
