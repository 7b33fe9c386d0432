/**
 * Slices that are held without a seat, proved before they have one: a standby and somebody else who holds the same layers compute what a fresh seed
 * makes, and what they say came out is laid side by side; where it differs, a third decides. It gives way to anything else that is to do. It sees
 * sketches, never an activation, and nothing of it goes to a chain: a standby has no stake.
 */
import { type SliceChallenge, sliceProofText } from '@computepool/shared/audit'
import type { Manifest } from '@computepool/shared/model'
import type { Clock, Entropy } from '@computepool/shared/ports'
import { isTextSignedBy } from '@computepool/shared/receipts'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'
import type { AuditDesk } from './audit-ports.ts'
import type { AuditRing } from './auditor-roster.ts'
import type { CheckedEngine } from './check-orders.ts'
import type { Errand } from './errands.ts'
import { type Contradicted, hasOverrunAlone, type Witness, weighProofs } from './weigh-proofs.ts'

export interface StandbyChallengesOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  /** A slice that was proved is challenged again after so long. */
  readonly everyMs: number
  readonly send: (peer: string, command: DeskCommand) => void
  readonly quantisation: Manifest['quantisation']
  readonly audit: Pick<AuditDesk, 'isIdle' | 'helpers'>
  /** Those whose links stand. */
  readonly rings: () => readonly AuditRing[]
  /** Positions that every engine of this model has room for. */
  readonly mostPositions: number
  /** What computes at a peer; null: it never said. */
  readonly engineOf: (peer: string) => CheckedEngine | null
  /** That its wallet vouched for, hex; null: none. */
  readonly sessionKeyOf: (peer: string) => string | null
  readonly isTrusted: (operator: string) => boolean
  readonly isBanned: (operator: string) => boolean
  /** Users' requests that run or wait, and challenges of idle rings. */
  readonly isBusy: () => boolean
  /** It was challenged, and met the other, or did not. */
  readonly onChallenged?: ((operator: string, isMet: boolean) => void) | undefined
  /** Two others, one of them vouched for, or both where it is itself, computed something else of the layers with which it stands by. */
  readonly onWrongSlice?: ((operator: string, why: string) => void) | undefined
  /** The same of an auditor, which said what it had computed: both others are vouched for. */
  readonly onLazy?: ((operator: string) => void) | undefined
  /** Others should sit where it could: it does not answer, or voices that bar nobody say that it computes otherwise. */
  readonly onFailing?: ((operator: string, why: string) => void) | undefined
  /** It is at nothing any more: others may begin. */
  readonly onFree?: () => void
}

export interface StandbyFigures {
  readonly proved: number
  readonly wrong: number
  /** Not answered, not judged, or nobody to decide. */
  readonly unproved: number
}

export interface StandbyChallenges {
  /** Standbys, rings, auditors, checks or requests have changed. */
  stir(): void
  /** A user's request comes. */
  giveWay(): void
  heard(peer: string, request: DeskRequest): void
  view(): { readonly slices: StandbyFigures }
  close(): void
}

type Proved = Extract<DeskRequest, { type: 'slice-proved' }>

interface Active {
  readonly asked: SliceChallenge
  readonly peer: string
  readonly ring: AuditRing
  /** Who is waited for. */
  readonly waiting: Set<string>
  /** The standby first, once it has answered; then those that it is compared with. */
  own: Witness | null
  readonly others: Witness[]
  /** Wallets that were asked, or are the standby's. */
  readonly involved: Set<string>
  errand: Errand | null
  isAsked: boolean
  cancelDeadline: () => void
}

/** Positions that are computed: enough for nine sizes of rows, and for an exit's draws. */
const usualPositions = 54
/** Of a slow tab that has other work. */
const withinMs = 60_000
/** Nothing else is to do: who cannot begin now is away for longer. */
const patienceMs = 5000
/** Until it is tried again where something came between: a second look at a check often follows the first. */
const againMs = 5000
/** The same where nobody was left to ask. */
const nobodyMs = 30_000
/** Who does not answer so often in a row is put behind others. */
const mostMisses = 2
/** Who says so often in a row that its floats ran over, where a vouched one's of its kind did not, is put behind others. */
const mostOverruns = 3
/** Of others that are asked of one challenge, those that failed among them. */
const mostAsked = 4
/** Whose answers are weighed, beside the standby's. */
const mostWitnesses = 3

const keyOf = (peer: string, { start, end }: { start: number; end: number }): string => `${peer} ${start} ${end}`

export function createStandbyChallenges(options: StandbyChallengesOptions): StandbyChallenges {
  const { clock, entropy, everyMs, send, audit, rings, isTrusted, isBanned, isBusy } = options
  /** By standby and layers: when it is due. */
  const due = new Map<string, number>()
  /** By wallet, in a row. */
  const misses = new Map<string, number>()
  /** By wallet, in a row: answers that ran over alone. */
  const overruns = new Map<string, number>()
  const counts = { proved: 0, wrong: 0, unproved: 0 }
  let active: Active | null = null
  let cancelTimer = (): void => {}
  let isClosed = false

  const hex = (bytes: number): string => Buffer.from(entropy.bytes(bytes)).toString('hex')

  /** Nobody waits for it any more; those still at it hear so. */
  const end = (challenge: Active, laterMs: number): void => {
    if (active === challenge) active = null
    challenge.cancelDeadline()
    for (const peer of challenge.waiting) send(peer, { type: 'drop-proof', challenge: challenge.asked.challenge })
    if (challenge.errand !== null) audit.helpers.end(challenge.errand)
    due.set(keyOf(challenge.peer, challenge.asked.layers), clock.monotonicMs() + laterMs)
    options.onFree?.()
  }

  const giveWay = (): void => {
    if (active !== null) end(active, Math.min(everyMs, againMs))
  }

  const unproved = (challenge: Active): void => {
    end(challenge, everyMs)
    counts.unproved += 1
    stir()
  }

  const missed = (challenge: Active, why: string): void => {
    const operator = operatorOf(challenge.peer)
    const inARow = (misses.get(operator) ?? 0) + 1
    misses.delete(operator)
    if (inARow < mostMisses) misses.set(operator, inARow)
    else options.onFailing?.(operator, `Twice in a row your slice was challenged and not proved: ${why}`)
    for (const eldest of [...misses.keys()].slice(0, -mostRemembered)) misses.delete(eldest)
    unproved(challenge)
  }

  /** Each time by another seed: what holds the rows of one engine holds those of its like. */
  const overran = (operator: string): void => {
    const inARow = Math.min(mostOverruns, (overruns.get(operator) ?? 0) + 1)
    overruns.delete(operator)
    overruns.set(operator, inARow)
    for (const eldest of [...overruns.keys()].slice(0, -mostRemembered)) overruns.delete(eldest)
    if (inARow < mostOverruns) return
    options.onChallenged?.(operator, false)
    options.onFailing?.(
      operator,
      `${mostOverruns} times in a row your slice was challenged and its floats ran over, where others of its kind did not`,
    )
  }

  const ask = (challenge: Active, peer: string): void => {
    challenge.waiting.add(peer)
    send(peer, { type: 'prove-slice', ...challenge.asked, withinMs })
  }

  /** Somebody else who holds the layers, or loads them, computes it too. */
  const askAnother = (challenge: Active): void => {
    const { asked, ring, involved } = challenge
    if (involved.size > mostAsked || !hasAnother(challenge)) {
      nobodyLeft(challenge)
      return
    }
    const errand: Errand = {
      layers: asked.layers,
      // It needs no link to anybody; but a standby is looked for in its own ring.
      needs: rings()[0]?.epoch === ring.epoch ? [] : [ring.seats[0]!.peer],
      isUrgent: false,
      patienceMs,
      withinMs: withinMs + 5000,
      isBarred: operator => isBarredFrom(challenge, operator),
      begin: helper => {
        involved.add(operatorOf(helper))
        ask(challenge, helper)
        if (challenge.isAsked) return
        challenge.isAsked = true
        ask(challenge, challenge.peer)
        challenge.cancelDeadline = clock.schedule(withinMs + 5000, () => {
          if (challenge.own === null) missed(challenge, 'it did not answer in time.')
        })
      },
      failed: helper => {
        involved.add(operatorOf(helper))
        challenge.errand = null
        if (challenge.waiting.delete(helper)) drop(challenge, helper)
        if (active === challenge) askAnother(challenge)
      },
      dropped: () => {
        challenge.errand = null
        if (active === challenge) nobodyLeft(challenge)
      },
    }
    challenge.errand = errand
    audit.helpers.add(errand)
  }

  const drop = ({ asked: { challenge } }: Active, peer: string): void => send(peer, { type: 'drop-proof', challenge })

  const isBarredFrom = ({ involved, asked: { layers }, ring }: Active, operator: string): boolean => {
    if (involved.has(operator) || isBanned(operator)) return true
    // A standby's friend would say what it says: no stranger is asked while somebody vouched for could be, however long that one is at work.
    if (isTrusted(operator)) return false
    const isOther = (other: string): boolean => involved.has(other) || isBanned(other) || !isTrusted(other)
    return audit.helpers.hasAny({ ring, layers, isBarred: isOther })
  }

  const hasAnother = (challenge: Active): boolean =>
    audit.helpers.hasAny({
      ring: challenge.ring,
      layers: challenge.asked.layers,
      isBarred: operator => isBarredFrom(challenge, operator),
    })

  /** It differs from somebody, and nobody can say who is wrong; or nobody could be asked at all. */
  const nobodyLeft = (challenge: Active): void => {
    const { own, others, isAsked } = challenge
    if (others.length > 1) judge(challenge, false)
    else if (own !== null && others.some(({ operator }) => isTrusted(operator))) {
      const { start, end: last } = challenge.asked.layers
      options.onChallenged?.(own.operator, false)
      options.onFailing?.(own.operator, `A challenge of layers ${start} to ${last} found something else at your slice`)
      unproved(challenge)
    } else if (isAsked && others.length > 0) unproved(challenge)
    else {
      end(challenge, nobodyMs)
      stir()
    }
  }

  const met = (challenge: Active): void => {
    const operator = operatorOf(challenge.peer)
    misses.delete(operator)
    overruns.delete(operator)
    end(challenge, everyMs)
    options.onChallenged?.(operator, true)
    counts.proved += 1
  }

  const isStandby = (peer: string): boolean => standbys().some(standby => standby.peer === peer)
  /** Strangers may be one person, or one who is vouched for and its own standby: a standby is barred where one voice of two is vouched for, all others where both are. */
  const isHeard = ({ witness: { peer, operator }, agreeing }: Contradicted): boolean => {
    const voices = agreeing.filter(each => isTrusted(each.operator)).length
    return voices >= (isStandby(peer) && !isTrusted(operator) ? 1 : agreeing.length)
  }

  const wrong = ({ asked: { layers } }: Active, found: Contradicted): void => {
    const { peer, operator } = found.witness
    const why = `two others computed something else of layers ${layers.start} to ${layers.end}`
    if (!isHeard(found)) options.onFailing?.(operator, `Your slice was challenged, and ${why}`)
    else if (isStandby(peer)) options.onWrongSlice?.(operator, why)
    else options.onLazy?.(operator)
  }

  /** The standby and one voice against a vouched witness: somebody else who is vouched for decides, where anybody is here. */
  const canBeSeconded = ({ involved, others, ring, asked: { layers } }: Active): boolean => {
    const isOther = (operator: string): boolean => involved.has(operator) || isBanned(operator) || !isTrusted(operator)
    return others.length < mostWitnesses && audit.helpers.hasAny({ ring, layers, isBarred: isOther })
  }

  const judge = (challenge: Active, mayAsk = true): void => {
    const { own, others, asked } = challenge
    const how = { layers: asked.layers, quantisation: options.quantisation }
    const found = weighProofs({ own, others, ...how })
    switch (found.kind) {
      case 'waiting':
        return
      case 'undecided':
        if (challenge.errand === null) askAnother(challenge)
        return
      case 'unproved':
        misses.delete(operatorOf(challenge.peer))
        if (others.some(other => isTrusted(other.operator) && hasOverrunAlone(own!, other, how))) overran(own!.operator)
        unproved(challenge)
        return
      case 'met':
        if (found.wrong === null || isHeard(found.wrong) || !isTrusted(found.wrong.witness.operator)) met(challenge)
        else if (mayAsk && canBeSeconded(challenge)) {
          askAnother(challenge)
          return
        } else unproved(challenge)
        break
      case 'wrong':
        end(challenge, everyMs)
        options.onChallenged?.(operatorOf(challenge.peer), false)
        counts.wrong += 1
    }
    if (found.wrong !== null) wrong(challenge, found.wrong)
    stir()
  }

  /** Signed by its session key, or it is no answer. */
  const witnessOf = ({ asked }: Active, peer: string, { proof, signature }: Proved): Witness | null => {
    const key = options.sessionKeyOf(peer)
    if (proof === null || signature === null || key === null) return null
    if (!isTextSignedBy(sliceProofText(asked, proof), signature, key)) return null
    return { peer, operator: operatorOf(peer), proof, engine: options.engineOf(peer) }
  }

  const answered = (challenge: Active, peer: string, said: Proved): void => {
    challenge.waiting.delete(peer)
    const witness = witnessOf(challenge, peer, said)
    if (peer === challenge.peer) {
      challenge.cancelDeadline()
      if (witness === null) {
        missed(challenge, said.proof === null ? said.words : 'its answer was not signed by its session key.')
        return
      }
      challenge.own = witness
    } else {
      const { errand } = challenge
      challenge.errand = null
      if (errand !== null) audit.helpers.end(errand)
      if (witness === null) {
        if (active === challenge) askAnother(challenge)
        return
      }
      challenge.others.push(witness)
    }
    if (active === challenge) judge(challenge)
  }

  const begin = (ring: AuditRing, peer: string, layers: SliceChallenge['layers']): void => {
    const positions = Math.min(usualPositions, options.mostPositions)
    const asked = { challenge: `challenge:${hex(10)}`, layers, seed: hex(32), nonce: hex(32), positions }
    const challenge: Active = {
      ...{ asked, peer, ring, waiting: new Set<string>(), own: null, others: [] },
      ...{ involved: new Set([operatorOf(peer)]), errand: null, isAsked: false, cancelDeadline: () => {} },
    }
    active = challenge
    askAnother(challenge)
  }

  const standbys = () =>
    rings().flatMap(ring =>
      ring.standbys
        .filter(({ peer, isReady }) => isReady && !isBanned(operatorOf(peer)))
        .map(each => ({ ring, ...each })),
    )

  const stir = (): void => {
    cancelTimer()
    cancelTimer = () => {}
    if (isClosed) return
    const nowMs = clock.monotonicMs()
    const here = standbys()
    const keys = new Set(here.map(({ peer, layers }) => keyOf(peer, layers)))
    if (active !== null) {
      const isLost = !keys.has(keyOf(active.peer, active.asked.layers))
      if (isLost || isBusy() || !audit.isIdle(active.errand === null ? 0 : 1)) giveWay()
    }
    for (const key of due.keys()) if (!keys.has(key)) due.delete(key)
    if (active !== null || isBusy() || !audit.isIdle()) return
    const dueAt = ({ peer, layers }: (typeof here)[number]): number => due.get(keyOf(peer, layers)) ?? nowMs
    const chosen = here.find(each => dueAt(each) <= nowMs && isComparable(each))
    if (chosen !== undefined) {
      begin(chosen.ring, chosen.peer, chosen.layers)
      return
    }
    const laterMs = here.map(each => dueAt(each) - nowMs).filter(ms => ms > 0)
    if (laterMs.length > 0) cancelTimer = clock.schedule(Math.min(...laterMs), stir)
  }

  const isComparable = ({ ring, peer, layers }: ReturnType<typeof standbys>[number]): boolean =>
    audit.helpers.hasAny({ ring, layers, isBarred: other => other === operatorOf(peer) || isBanned(other) })

  return {
    stir,
    giveWay,
    heard: (peer, said) => {
      if (said.type !== 'slice-proved' || active === null) return
      if (said.challenge === active.asked.challenge && active.waiting.has(peer)) answered(active, peer, said)
    },
    view: () => ({ slices: { ...counts } }),
    close: () => {
      isClosed = true
      cancelTimer()
      active?.cancelDeadline()
      active = null
    },
  }
}

/** Wallets whose misses are remembered. */
const mostRemembered = 256
