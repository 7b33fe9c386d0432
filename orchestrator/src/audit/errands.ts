/**
 * Work for auditors, in a queue: each errand waits for somebody who may do it and for the layers to be loaded, and has a time to be done in. It
 * knows no receipts and no verdicts: whoever hands an errand in begins it and hears how it ended.
 */
import type { LayerRange } from '@computepool/shared/model'
import type { Clock } from '@computepool/shared/ports'
import { operatorOf } from '../receipts/operator-of.ts'
import type { AuditorRoster, AuditRing } from './auditor-roster.ts'

export interface Errand {
  readonly layers: LayerRange
  /** All of them must sit in the ring that the auditor is linked to; none: any ring will do. */
  readonly needs: readonly string[]
  /** It goes before all that wait, and counts for nothing in how many run. */
  readonly isUrgent: boolean
  /** How long it waits for its turn. */
  readonly patienceMs: number
  /** From `begin` on. */
  readonly withinMs: number
  isBarred(operator: string): boolean
  /** The auditor holds the layers: tell everybody. */
  begin(auditor: string, epoch: number): void
  /** It did not answer in time, or could not load: whoever asks another hands in another errand. */
  failed(auditor: string): void
  /** Nobody could be asked in time, or newer ones took its place. */
  dropped(): void
}

export interface Errands {
  add(errand: Errand): void
  /** Its auditor answered, or nobody waits for it any more. */
  end(errand: Errand): void
  /** Of the errand that is under way there; null: none. */
  auditorOf(errand: Errand): string | null
  /** `slice-ready` of an auditor. */
  sliceReady(peer: string, epoch: number, layers: LayerRange | undefined): void
  /** `slice-refused` of an auditor. */
  sliceRefused(peer: string): void
  gone(peer: string): void
  /** Rings, standbys or auditors have changed. */
  stir(): void
  /** Those that can come to nothing are dropped at once. */
  abandon(isHopeless: (errand: Errand) => boolean): void
  size(): number
  close(): void
}

export interface ErrandsOptions {
  readonly clock: Clock
  readonly roster: AuditorRoster
  readonly rings: () => readonly AuditRing[]
  /** Links an auditor to a ring and has it load the layers; false where there is no way to one of `needs`. */
  readonly attach: (auditor: string, epoch: number, layers: LayerRange, needs: readonly string[]) => boolean
  readonly mostAtOnce?: number
  readonly mostQueued?: number
}

const usualMostAtOnce = 3
const usualMostQueued = 32
/** A slice of a large model over a slow line. */
const loadMs = 180_000

interface Running {
  readonly auditor: string
  readonly epoch: number
  isBegun: boolean
  cancel: () => void
}

export function createErrands(options: ErrandsOptions): Errands {
  const { clock, roster, rings, attach, mostAtOnce = usualMostAtOnce, mostQueued = usualMostQueued } = options
  /** The eldest first; each with what ends its waiting. */
  const queue = new Map<Errand, () => void>()
  const running = new Map<Errand, Running>()
  /** Wallets of auditors that have no way to its seats, each with the ring's epoch. */
  const wayless = new WeakMap<Errand, Set<string>>()
  let isStirring = false
  let isStale = false

  const ringFor = ({ needs }: Errand): AuditRing | null =>
    rings().find(({ seats }) => needs.every(peer => seats.some(seat => seat.peer === peer))) ?? null

  const release = (errand: Errand): Running | null => {
    queue.get(errand)?.()
    queue.delete(errand)
    const run = running.get(errand) ?? null
    running.delete(errand)
    run?.cancel()
    if (run !== null) roster.free(run.auditor)
    return run
  }

  const drop = (errand: Errand): void => {
    release(errand)
    errand.dropped()
  }

  const fail = (errand: Errand, isBenched: boolean): void => {
    const run = release(errand)
    if (run === null) return
    if (isBenched) roster.bench(run.auditor)
    errand.failed(run.auditor)
    stir()
  }

  const begin = (errand: Errand, run: Running): void => {
    run.isBegun = true
    run.cancel()
    run.cancel = clock.schedule(errand.withinMs, () => fail(errand, true))
    errand.begin(run.auditor, run.epoch)
  }

  /** True where it has left the queue. */
  const start = (errand: Errand): boolean => {
    const ring = ringFor(errand)
    if (ring === null) return false
    const { layers, needs } = errand
    const isBarred = (operator: string): boolean =>
      errand.isBarred(operator) || wayless.get(errand)?.has(`${operator} ${ring.epoch}`) === true
    const found = roster.pick({ ring, layers, isBarred })
    if (found === null) return false
    const { peer, isPosted } = found
    if (!isPosted && !attach(peer, ring.epoch, layers, needs)) {
      // There may be a way to other rings.
      wayless.set(errand, (wayless.get(errand) ?? new Set()).add(`${operatorOf(peer)} ${ring.epoch}`))
      return start(errand)
    }
    queue.get(errand)!()
    queue.delete(errand)
    roster.take(peer)
    const run: Running = { auditor: peer, epoch: ring.epoch, isBegun: false, cancel: () => {} }
    running.set(errand, run)
    if (isPosted) begin(errand, run)
    else {
      roster.posted(peer, ring.epoch, layers)
      run.cancel = clock.schedule(loadMs, () => fail(errand, true))
    }
    return true
  }

  const queued = (errand: Errand): void => {
    const cancel = clock.schedule(errand.patienceMs, () => drop(errand))
    queue.set(errand, cancel)
  }

  /** Links ended with the ring: what was not begun waits for another, what was is lost with it. */
  const followRings = (): void => {
    const living = new Set(rings().map(({ epoch }) => epoch))
    roster.keepOnly(living)
    for (const [errand, run] of [...running]) {
      if (living.has(run.epoch) || (run.isBegun && errand.needs.length === 0)) continue
      if (run.isBegun) fail(errand, false)
      else {
        release(errand)
        queued(errand)
      }
    }
  }

  const stir = (): void => {
    isStale = true
    if (isStirring) return
    isStirring = true
    try {
      while (isStale && queue.size + running.size > 0) {
        isStale = false
        followRings()
        const waiting = [...queue.keys()].sort((a, b) => Number(b.isUrgent) - Number(a.isUrgent))
        for (const errand of waiting) {
          const hasRoom = [...running.keys()].filter(({ isUrgent }) => !isUrgent).length < mostAtOnce
          if ((hasRoom || errand.isUrgent) && queue.has(errand)) start(errand)
        }
      }
    } finally {
      isStirring = false
    }
  }

  return {
    add: errand => {
      const eldest = [...queue.keys()].find(({ isUrgent }) => !isUrgent)
      if (queue.size >= mostQueued && eldest !== undefined) drop(eldest)
      queued(errand)
      stir()
    },
    end: errand => {
      release(errand)
      stir()
    },
    auditorOf: errand => running.get(errand)?.auditor ?? null,
    sliceReady: (peer, epoch, layers) => {
      if (!roster.ready(peer, epoch, layers)) return
      for (const [errand, run] of running) {
        if (run.auditor === peer && run.epoch === epoch && !run.isBegun) return begin(errand, run)
      }
    },
    sliceRefused: peer => {
      for (const [errand, run] of [...running]) if (run.auditor === peer && !run.isBegun) fail(errand, true)
    },
    gone: peer => {
      for (const [errand, run] of [...running]) if (run.auditor === peer) fail(errand, false)
    },
    stir,
    abandon: isHopeless => {
      const open = [...queue.keys(), ...running.keys()]
      for (const errand of open) if ((queue.has(errand) || running.has(errand)) && isHopeless(errand)) drop(errand)
      stir()
    },
    size: () => queue.size + running.size,
    close: () => {
      for (const errand of [...queue.keys(), ...running.keys()]) release(errand)
    },
  }
}
