/**
 * Whether this peer's wallet signs the terms that its pool offers, by its owner's settings and by what it holds, never by the word of
 * whoever offers them: a desk that lies gets no more signed away than the owner gives. It knows neither hub nor chain.
 */
import {
  type CoalitionTerms,
  coalitionTermsSchema,
  leaveTypedData,
  ownTermsFault,
  stakeNonceValues,
  termsTypedData,
  transferTypedData,
} from '@computepool/shared/coalition'
import type { LayerRange } from '@computepool/shared/model'
import type { Clock } from '@computepool/shared/ports'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import { encodeAbiParameters, type Hex, hashTypedData, keccak256 } from 'viem'
import type { PeerKey } from './peer-powers.ts'

type Offer = Extract<DeskCommand, { type: 'terms-offered' }>
type Told = Extract<DeskCommand, { type: 'stake-told' }>
type Answer = Extract<DeskRequest, { type: 'terms-signed' | 'terms-refused' }>
type Leave = Extract<DeskRequest, { type: 'leave-signed' }>

/** What the owner of the wallet gives at most, and asks at least. */
export interface StakeSettings {
  /** USDC, 6 decimals: for one stake, and for all that are signed within a day. 0: it stakes nothing. */
  readonly mostStakeAtomic: bigint
  readonly leastPricePerSecondAtomic: bigint
  /** For how long it is bound at most. */
  readonly mostTermSeconds: number
}

/** 25 USDC, any price, a month: the longest term of a registry. */
const defaultStakeSettings: StakeSettings = {
  mostStakeAtomic: 25_000_000n,
  leastPricePerSecondAtomic: 0n,
  mostTermSeconds: 31 * 86_400,
}

/** What the peer holds, of which model. */
export interface HeldWork {
  /** SHA-256 of the manifest that it verified, hex. */
  readonly manifestSha256: string
  readonly modelLayers: number
  /** Of all seats of its wallet. */
  readonly layers: LayerRange
}

export interface TermsSigner {
  /** Signed, or why not. Never rejects for what an offer says. */
  answer(offer: Offer, held: HeldWork | null): Promise<Answer>
  /** How its stake stands: where it lies in a coalition, the word of leaving is made ready. */
  told(stake: Told): Promise<void>
  /** The word that goes with leaving; null where nothing is at stake. */
  leaveWord(): Leave | null
}

export interface TermsSignerOptions {
  readonly key: Pick<PeerKey, 'address' | 'signTypedData'>
  readonly clock: Pick<Clock, 'wallMs'>
  readonly settings?: Partial<StakeSettings> | undefined
}

/** Nobody needs a stake's authorization for longer: terms are signed within minutes, or offered anew. */
const mostOfferSeconds = 3600n
const dayMs = 86_400_000
/**
 * The domain names of USDC on the chains that have it: a signature under such a name is worth nothing to a token of another name, so
 * that what is reckoned as dollars cannot be somebody's bitcoin.
 */
const isDollarName = (name: string): boolean => /^(USD Coin|USDC|USDC\.e|Bridged USDC( \([\w .]{1,40}\))?)$/.test(name)

export function createTermsSigner({ key, clock, settings }: TermsSignerOptions): TermsSigner {
  const own = { ...defaultStakeSettings, ...settings }
  /** What was signed first: another chain, registry or token is not this pool's. */
  let firstPlace: string | null = null
  /** By model: the vault and the pool of what was signed first. */
  const firstVaults = new Map<string, string>()
  /** Stakes signed within the last day, by the terms' hash: whether one was taken, no key can tell. */
  const signed = new Map<Hex, { readonly atMs: number; readonly amountAtomic: bigint }>()
  let leave: Leave | null = null

  const signedAtomic = (termsHash: Hex): bigint => {
    for (const [hash, { atMs }] of signed) if (clock.wallMs() - atMs > dayMs) signed.delete(hash)
    return [...signed].reduce((sum, [hash, { amountAtomic }]) => (hash === termsHash ? sum : sum + amountAtomic), 0n)
  }

  const faultOf = (offer: Offer, terms: CoalitionTerms, held: HeldWork | null): string | null => {
    const { place, needsStake } = offer
    const nowSeconds = BigInt(Math.floor(clock.wallMs() / 1000))
    if (held === null) return 'This peer holds no layers now.'
    if (terms.layers !== held.modelLayers)
      return `The terms are of ${terms.layers} layers, the model has ${held.modelLayers}.`
    const fault = ownTermsFault(terms, {
      operator: key.address,
      modelDigest: `0x${held.manifestSha256}`,
      layers: held.layers,
      // Which vault is whose no key can tell; that it stays the same, it can.
      pool: terms.pool,
      vault: terms.vault,
      mostStakeAtomic: own.mostStakeAtomic,
      leastPricePerSecondAtomic: own.leastPricePerSecondAtomic,
      latestEndsAt: nowSeconds + BigInt(own.mostTermSeconds),
    })
    if (fault !== null) return fault.text
    if (firstPlace !== null && firstPlace !== placeOf(offer)) {
      return 'The offer names another chain, registry or token than the one before.'
    }
    const vault = firstVaults.get(terms.modelDigest)
    if (vault !== undefined && vault !== vaultOf(terms))
      return 'The offer names another vault or pool than the one before.'
    if (terms.proposalEndsAt > nowSeconds + mostOfferSeconds) return 'The offer stays open for too long.'
    if (!needsStake) return null
    if (BigInt(offer.validBefore) > nowSeconds + mostOfferSeconds) return 'The stake would be good for too long.'
    if (!isDollarName(place.usdcName)) return `Stakes are of USDC; the offer’s token calls itself “${place.usdcName}”.`
    const before = signedAtomic(hashTypedData(termsTypedData(asPlace(place), terms)))
    if (before + terms.stakeAtomic > own.mostStakeAtomic) {
      return `Stakes of ${before} atomic were signed within a day; with ${terms.stakeAtomic} more they pass ${own.mostStakeAtomic}.`
    }
    return null
  }

  return {
    answer: async (offer, held) => {
      const { salt, version } = offer.terms
      const refused = (words: string): Answer => ({ type: 'terms-refused', salt, version, words: words.slice(0, 1000) })
      const parsed = coalitionTermsSchema.safeParse(offer.terms)
      if (!parsed.success) return refused('The terms cannot be read.')
      const terms = parsed.data
      const { place, needsStake } = offer
      const fault = faultOf(offer, terms, held)
      if (fault !== null) return refused(fault)
      firstPlace ??= placeOf(offer)
      firstVaults.set(terms.modelDigest, vaultOf(terms))
      try {
        const typed = termsTypedData(asPlace(place), terms)
        const termsHash = hashTypedData(typed)
        // Counted before it is signed: two offers at once may not both find room.
        if (needsStake) signed.set(termsHash, { atMs: clock.wallMs(), amountAtomic: terms.stakeAtomic })
        const termsSignature = await key.signTypedData(typed)
        const answer = { type: 'terms-signed', salt, version, termsSignature } as const
        if (!needsStake) return { ...answer, validAfter: '0', validBefore: '0', stakeSignature: '0x' }
        const { parameters, values } = stakeNonceValues(termsHash, key.address)
        const token = { address: place.usdc as Hex, name: place.usdcName, version: place.usdcVersion }
        const transfer = {
          from: key.address,
          amountAtomic: terms.stakeAtomic,
          nonce: keccak256(encodeAbiParameters(parameters, values)),
          ...{ validAfter: 0n, validBefore: BigInt(offer.validBefore) },
        }
        const stakeSignature = await key.signTypedData(transferTypedData(asPlace(place), token, transfer))
        return { ...answer, validAfter: '0', validBefore: offer.validBefore, stakeSignature }
      } catch {
        // A wallet's own words may hold more than a desk is to know.
        return refused('The wallet did not sign.')
      }
    },
    told: async ({ state, coalition, version }) => {
      leave = null
      if (state !== 'staked' || coalition === null || version === undefined || firstPlace === null) return
      const place = placeFrom(firstPlace)
      const message = { id: BigInt(coalition), operator: key.address, version }
      const signature = await key.signTypedData(leaveTypedData(place, message))
      leave = { type: 'leave-signed', id: coalition, version, signature }
    },
    leaveWord: () => leave,
  }
}

type Place = Offer['place']

const asPlace = ({ chainId, coalition }: Place): { chainId: number; coalition: Hex } => ({
  chainId,
  coalition: coalition as Hex,
})
const placeOf = ({ place }: Offer): string =>
  JSON.stringify([place.chainId, place.coalition, place.usdc, place.usdcName, place.usdcVersion])
const placeFrom = (text: string): { chainId: number; coalition: Hex } => {
  const [chainId, coalition] = JSON.parse(text) as [number, Hex]
  return { chainId, coalition }
}
const vaultOf = ({ pool, vault }: CoalitionTerms): string => `${pool} ${vault}`
