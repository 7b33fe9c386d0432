/**
 * Signals that came before the assignment that explains them: they wait for it, whatever its number, because assignments of several
 * coalitions are not heard in the order of their numbers. No sender's crowd out another's. It knows no links.
 */
import type { LinkSignal, PeerId } from '@computepool/shared/wire'

export interface EarlySignals {
  add(from: PeerId, signal: LinkSignal): void
  /** Those of this assignment, and of these peers; each of the sender's latest connection, for others are over. */
  take(epoch: number, isWanted: (peer: PeerId) => boolean): { readonly from: PeerId; readonly signal: LinkSignal }[]
  /** Forgets whom two assignments in a row did not name. */
  noteAssigned(isWanted: (peer: PeerId) => boolean): void
  clear(): void
}

/** A description, some candidates for each of a few connections and assignments. */
const maxOfSender = 128
const maxInAll = 2048

interface Sender {
  signals: LinkSignal[]
  wasPassedOver: boolean
}

export function createEarlySignals(): EarlySignals {
  const senders = new Map<PeerId, Sender>()
  let count = 0

  function keep(from: PeerId, sender: Sender, signals: LinkSignal[]): void {
    count += signals.length - sender.signals.length
    sender.signals = signals
    if (signals.length === 0) senders.delete(from)
  }
  function dropOldestOf(from: PeerId, sender: Sender): void {
    keep(from, sender, sender.signals.slice(1))
  }

  return {
    add(from, signal) {
      const sender = senders.get(from) ?? { signals: [], wasPassedOver: false }
      senders.set(from, sender)
      sender.signals.push(signal)
      count += 1
      if (sender.signals.length > maxOfSender) dropOldestOf(from, sender)
      if (count <= maxInAll) return
      const [[who, most]] = [...senders].sort(([, one], [, other]) => other.signals.length - one.signals.length) as [
        [PeerId, Sender],
      ]
      dropOldestOf(who, most)
    },
    take(epoch, isWanted) {
      const taken: { readonly from: PeerId; readonly signal: LinkSignal }[] = []
      for (const [from, sender] of [...senders]) {
        if (!isWanted(from)) continue
        const due = sender.signals.filter(signal => signal.epoch === epoch)
        const latest = Math.max(...due.map(({ link }) => link))
        for (const signal of due) if (signal.link === latest) taken.push({ from, signal })
        keep(
          from,
          sender,
          sender.signals.filter(signal => signal.epoch !== epoch),
        )
      }
      return taken
    },
    noteAssigned(isWanted) {
      for (const [from, sender] of [...senders]) {
        if (isWanted(from)) sender.wasPassedOver = false
        // Once: they may tell of an assignment that is not heard here yet.
        else if (!sender.wasPassedOver) sender.wasPassedOver = true
        else keep(from, sender, [])
      }
    },
    clear() {
      senders.clear()
      count = 0
    },
  }
}
