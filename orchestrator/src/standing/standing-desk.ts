/**
 * The book of standing at work: what happens in the pool becomes its events, its weights go to placement, and each operator hears what
 * changed and why. It judges nothing itself, and sees wallets, seats and seconds only.
 */
import type { Clock } from '@computepool/shared/ports'
import type { ReceiptVerdict } from '@computepool/shared/receipts'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { Desk } from '../dispatch/desk-ports.ts'
import { operatorOf } from '../receipts/operator-of.ts'
import type { SettledAttempt } from '../receipts/receipt-book.ts'
import { createStandingBook, type StandingBook, type StandingBookOptions } from './standing-book.ts'

export interface StandingDeskOptions extends Pick<StandingBookOptions, 'store' | 'leastCheckRate' | 'mostWallets'> {
  readonly clock: Clock
}

export type ServedDesk = Pick<Desk, 'weigh' | 'tell' | 'onRequest' | 'isStaked' | 'stakeFactorOf'>

export interface StandingDesk {
  readonly book: StandingBook
  /** From now on this desk places by it, and tells its operators. Once. */
  serve(desk: ServedDesk): void
  /** As a seat of the pool shows it. */
  shown(operator: string): NonNullable<PoolSnapshot['seats'][number]['standing']>
  /** Time served counts for whoever's receipts were whole. */
  settled(verdict: ReceiptVerdict, attempt: Pick<SettledAttempt, 'seats' | 'ranMs'>): void
  gone(peer: string, leavesAnswer: boolean): void
  /** For ten minutes it weighs next to nothing: whoever else can takes its seat. Nothing is held against it. */
  part(operator: string, why?: string): void
  /** When all of it is kept. */
  close(): Promise<void>
}

/** An operator hears of many changes at once, after the first. */
const tellEveryMs = 2000
/** Of those who are here, whether they have a stake. */
const lookEveryMs = 5000
/** Weights fade by themselves, so slowly. */
const weighEveryMs = 3_600_000
const partedMinutes = 10
/** Of a weight, while others are seated before it: its ring stays where nobody else is. */
const partedFactor = 0.02
/** Smaller differences are not told to placement. */
const leastStep = 0.02

export function createStandingDesk({ clock, ...options }: StandingDeskOptions): StandingDesk {
  let desk: ServedDesk | null = null
  let isLoaded = false
  let forget = (): void => {}
  let weighedAtMs = clock.monotonicMs()
  let lookedAtMs = weighedAtMs
  /** By wallet: its peers that are here. */
  const peers = new Map<string, Set<string>>()
  /** As placement was told last. */
  const weighed = new Map<string, { readonly weight: number; readonly mayHoldText: boolean }>()
  const waiting = new Map<string, { isStale: boolean; cancel: () => void }>()

  /** With what ends it. */
  const parted = new Map<string, () => void>()

  const weigh = (operators: Iterable<string>): void => {
    if (desk === null) return
    const { isStaked, stakeFactorOf } = desk
    const news = [...operators].flatMap(operator => {
      const weight = book.weightOf(operator) * stakeFactorOf(operator) * (parted.has(operator) ? partedFactor : 1)
      const now = { weight, mayHoldText: book.mayHoldText(operator, isStaked(operator)) }
      const told = weighed.get(operator)
      if (told !== undefined && isAlike(told, now)) return []
      weighed.set(operator, now)
      return [[operator, now] as const]
    })
    if (news.length === 0) return
    const weights = Object.fromEntries(news.map(([operator, { weight }]) => [operator, weight]))
    const holders = news.filter(([, { mayHoldText }]) => mayHoldText).map(([operator]) => operator)
    desk.weigh(weights, holders)
  }

  const tellPeer = (peer: string): void => {
    desk?.tell(peer, { type: 'standing-told', ...book.told(operatorOf(peer)) })
  }

  /** At once; what changes within two seconds after that, together at their end. */
  const tell = (operator: string): void => {
    const own = peers.get(operator)
    if (desk === null || own === undefined) return
    const soon = waiting.get(operator)
    if (soon !== undefined) {
      soon.isStale = true
      return
    }
    for (const peer of own) tellPeer(peer)
    const next = { isStale: false, cancel: () => {} }
    next.cancel = clock.schedule(tellEveryMs, () => {
      waiting.delete(operator)
      if (next.isStale) tell(operator)
    })
    waiting.set(operator, next)
  }

  const changed = (operator: string): void => {
    // Of what was kept placement hears at once, when all of it is read.
    if (!isLoaded) return
    weigh([operator])
    tell(operator)
  }

  const book = createStandingBook({ clock, ...options, onChange: changed })

  const refresh = (): void => {
    weighedAtMs = clock.monotonicMs()
    const known = new Set([...peers.keys(), ...Object.keys(book.weights())])
    // Whoever is neither here nor in the book is a newcomer again.
    weigh(new Set([...known, ...weighed.keys()]))
    for (const operator of weighed.keys()) if (!known.has(operator)) weighed.delete(operator)
  }

  /** Weights fade, and stakes come and go, with no word to the book. */
  const look = (): void => {
    const nowMs = clock.monotonicMs()
    if (nowMs - weighedAtMs >= weighEveryMs) refresh()
    else if (nowMs - lookedAtMs >= lookEveryMs) weigh(peers.keys())
    else return
    lookedAtMs = nowMs
  }

  void book.ready.then(() => {
    isLoaded = true
    refresh()
    for (const operator of Object.keys(book.weights())) tell(operator)
  })

  return {
    book,
    serve: served => {
      desk = served
      forget = served.onRequest((peer, request) => {
        look()
        const operator = operatorOf(peer)
        if (request.type !== 'peer-joined' || peers.get(operator)?.has(peer) === true) return
        peers.set(operator, (peers.get(operator) ?? new Set()).add(peer))
        weigh([operator])
        tellPeer(peer)
      })
      refresh()
    },
    shown: operator => {
      const { weight, trust, checked, failed } = book.told(operator)
      return { weight: rounded(weight), trust: rounded(trust), checked: rounded(checked), failed: rounded(failed) }
    },
    settled: ({ whole, faults }, { seats, ranMs = 0 }) => {
      const walletOf = (seat: number): string => operatorOf(seats[seat]!.peer)
      const failed = new Set(faults.flatMap(fault => fault.seats.map(walletOf)))
      const event = { type: 'served', seconds: ranMs / 1000, atMs: clock.wallMs() } as const
      // Once an attempt, however many of its seats a wallet has.
      for (const operator of new Set(whole.map(walletOf))) if (!failed.has(operator)) book.note(operator, event)
    },
    gone: (peer, leavesAnswer) => {
      const operator = operatorOf(peer)
      const own = peers.get(operator)
      own?.delete(peer)
      if (own?.size === 0) peers.delete(operator)
      if (leavesAnswer) book.note(operator, { type: 'left-early', atMs: clock.wallMs() })
    },
    part: (operator, why) => {
      parted.get(operator)?.()
      const cancel = clock.schedule(partedMinutes * 60_000, () => {
        parted.delete(operator)
        weigh([operator])
      })
      parted.set(operator, cancel)
      book.note(operator, {
        type: 'parted',
        minutes: partedMinutes,
        ...(why === undefined ? {} : { why }),
        atMs: clock.wallMs(),
      })
    },
    close: async () => {
      for (const cancel of parted.values()) cancel()
      parted.clear()
      forget()
      desk = null
      for (const { cancel } of waiting.values()) cancel()
      waiting.clear()
      await book.close()
    },
  }
}

/** What fades with every millisecond is not news. */
const rounded = (value: number): number => Math.round(value * 1000) / 1000

function isAlike(
  a: { readonly weight: number; readonly mayHoldText: boolean },
  b: { readonly weight: number; readonly mayHoldText: boolean },
): boolean {
  if (a.mayHoldText !== b.mayHoldText || (a.weight === 0) !== (b.weight === 0)) return false
  return Math.abs(a.weight - b.weight) <= leastStep * Math.max(a.weight, b.weight)
}
