/**
 * What a relay does with a parcel: who may pass what to whom, how much, and in which order it leaves. Pure of I/O: parcels and the time are
 * handed in, parcels are taken out. It can read and forge no datagram, and knows neither links nor daemons.
 */
import { decodeParcel, entryBytes, type ParcelEntry } from '@computepool/shared/datagram'
import type { DeskCommand, DeskRequest, PeerId } from '@computepool/shared/wire'
import { fitsSenderHint } from '../axl/fits-sender-hint.ts'
import { type ByteBucket, createByteBucket } from './byte-bucket.ts'
import { createFairLanes } from './fair-lanes.ts'
import { defaultRelayLimits, type RelayLimits } from './relay-limits.ts'
import type { RelayRefusal } from './relay-refusal.ts'

export type RelayAssignment = Extract<DeskCommand, { type: 'assign-relay' }>
export type RelayMember = RelayAssignment['members'][number]
type RelayReport = Extract<DeskRequest, { type: 'relay-reported' }>['members']

/**
 * Where a parcel came from. A link proves its peer. AXL's sender header proves nothing and admits nobody: it says on whose budget a parcel
 * goes, and where it names another member's daemon than the claimed one's, that the claim is false.
 */
export type RelaySource =
  | { readonly kind: 'link'; readonly peer: PeerId }
  | { readonly kind: 'axl'; readonly senderHint: string }

export interface RelayVerdict {
  /** Members for whom something waits now. */
  readonly wake: readonly PeerId[]
  /** At most one of a kind. */
  readonly refusals: readonly RelayRefusal[]
}

export interface Relay {
  readonly members: readonly RelayMember[]
  /** Forgets what waits for those who are no members any more; an empty list ends its work. Counters begin anew with an epoch. */
  assign(assignment: Pick<RelayAssignment, 'epoch' | 'members'>): void
  accept(source: RelaySource, bytes: Uint8Array, nowMs: number): RelayVerdict
  /** What goes to `member` next, as much as a parcel holds. */
  take(member: PeerId): readonly ParcelEntry[]
  hasWork(member: PeerId): boolean
  /** `sizeBytes` came over the link of `member` and were never a parcel: for what the transport below refused. */
  noteRefused(member: PeerId, sizeBytes: number): void
  report(): RelayReport
}

const strangers = 'strangers'

interface Source {
  readonly id: string
  /** The one that every datagram must be from; null on AXL, where that is not known. */
  readonly proven: PeerId | null
  /** The member's daemon that AXL's header points to. */
  readonly daemon: string | null
  /** Whose bytes they are; null where that is not known, whatever they claim. */
  readonly charged: PeerId | null
  readonly bytes: ByteBucket
  readonly datagrams: ByteBucket
}

/** A datagram that waits, and the member on whose account it goes. */
interface Taken extends ParcelEntry {
  readonly charged: PeerId | null
}

export function createRelay(given: Partial<RelayLimits> = {}): Relay {
  const limits = { ...defaultRelayLimits, ...given }
  const lanes = createFairLanes<Taken>(limits)
  let members = new Map<PeerId, RelayMember>()
  let sources = new Map<string, Source>()
  let tallies = new Map<PeerId, { forwardedBytes: number; refusedBytes: number }>()
  let epoch = -1

  function sourceOf(from: RelaySource): Source | null {
    if (from.kind === 'link') {
      const { peer } = from
      return members.get(peer)?.axl === null
        ? source({ id: `link ${peer}`, proven: peer, daemon: null, charged: peer })
        : null
    }
    const behind = [...members.values()].filter(({ axl }) => axl !== null && fitsSenderHint(axl, from.senderHint))
    const daemon = behind[0]?.axl ?? null
    if (daemon === null) return source({ id: strangers, proven: null, daemon, charged: null })
    return source({
      id: `axl ${daemon}`,
      proven: null,
      daemon,
      charged: behind.length === 1 ? behind[0]!.peer : null,
    })
  }

  function source(named: Omit<Source, 'bytes' | 'datagrams'>): Source {
    const known = sources.get(named.id)
    if (known) return known
    const isStranger = named.id === strangers
    const made: Source = {
      ...named,
      bytes: isStranger
        ? createByteBucket(limits.strangerBurstBytes, limits.strangerBytesPerSecond)
        : createByteBucket(limits.burstBytes, limits.bytesPerSecond),
      datagrams: isStranger
        ? createByteBucket(limits.strangerBurstDatagrams, limits.strangerDatagramsPerSecond)
        : createByteBucket(limits.burstDatagrams, limits.datagramsPerSecond),
    }
    sources.set(named.id, made)
    return made
  }

  function refuse(member: PeerId | null, code: RelayRefusal['code'], sizeBytes: number, message: string): RelayRefusal {
    const tally = member === null ? undefined : tallies.get(member)
    if (tally) tally.refusedBytes += sizeBytes
    return { code, member: tally ? member : null, sizeBytes, message }
  }

  /** Null where the datagram was taken. */
  function judge(from: Source, entry: ParcelEntry, nowMs: number): RelayRefusal | null {
    const sizeBytes = entryBytes(entry.datagram)
    const claimed = members.get(entry.from)
    // A claim must not cost the one whom it names: only where members share a daemon does it tell them apart.
    const isOfDaemon = from.daemon !== null && claimed?.axl === from.daemon
    const blamed = from.charged ?? (isOfDaemon ? entry.from : null)
    if (!from.datagrams.take(1, nowMs) || !from.bytes.take(sizeBytes, nowMs)) {
      return refuse(blamed, 'peer_rate_limited', sizeBytes, `${nameOf(from)} sends more than this relay passes on.`)
    }
    if (from.proven !== null && entry.from !== from.proven) {
      return refuse(blamed, 'peer_unauthenticated', sizeBytes, `${from.proven} sent a datagram as ${entry.from}.`)
    }
    if (claimed === undefined || (from.proven === null && claimed.axl === null)) {
      return refuse(blamed, 'peer_unauthenticated', sizeBytes, `A datagram from AXL claims to be from ${entry.from}.`)
    }
    if (from.daemon !== null && !isOfDaemon) {
      const message = `The AXL daemon of another member sent a datagram as ${entry.from}.`
      return refuse(blamed, 'peer_unauthenticated', sizeBytes, message)
    }
    if (!members.has(entry.to) || entry.to === entry.from) {
      return refuse(blamed, 'peer_unreachable', sizeBytes, `${entry.to} is not behind this relay for ${entry.from}.`)
    }
    if (lanes.put(from.id, { ...entry, datagram: entry.datagram.slice(), charged: blamed })) return null
    return refuse(blamed, 'peer_rate_limited', sizeBytes, `${nameOf(from)} has too much waiting for ${entry.to}.`)
  }

  return {
    get members() {
      return [...members.values()]
    },
    assign(assignment) {
      const next = new Map(assignment.members.map(member => [member.peer, member]))
      const isNewEpoch = assignment.epoch !== epoch
      if (isNewEpoch) lanes.clear()
      for (const peer of members.keys()) if (!next.has(peer)) lanes.drop(peer)
      members = next
      // A bucket is its owner's only while that one is a member.
      sources = new Map()
      tallies = new Map(
        assignment.members.map(({ peer }) => [
          peer,
          (!isNewEpoch && tallies.get(peer)) || { forwardedBytes: 0, refusedBytes: 0 },
        ]),
      )
      epoch = assignment.epoch
    },
    accept(from, bytes, nowMs) {
      const known = sourceOf(from)
      if (known === null) {
        const who = from.kind === 'link' ? from.peer : 'Somebody'
        const message = `${who} is not linked to this relay by its assignment.`
        return { wake: [], refusals: [refuse(null, 'peer_unauthenticated', bytes.length, message)] }
      }
      const entries = decodeParcel(bytes)
      if (entries === null) {
        const message = `${nameOf(known)} sent ${bytes.length} bytes that are no parcel.`
        return { wake: [], refusals: [refuse(known.charged, 'peer_frame_invalid', bytes.length, message)] }
      }
      const wake = new Set<PeerId>()
      const refusals = new Map<string, RelayRefusal>()
      for (const entry of entries) {
        const refusal = judge(known, entry, nowMs)
        if (refusal === null) wake.add(entry.to)
        else {
          const before = refusals.get(refusal.code)?.sizeBytes ?? 0
          refusals.set(refusal.code, { ...refusal, sizeBytes: refusal.sizeBytes + before })
        }
      }
      return { wake: [...wake], refusals: [...refusals.values()] }
    },
    take(member) {
      for (;;) {
        const taken = lanes.take(member)
        const entries = taken.filter(({ from }) => members.has(from))
        // A whole parcel may have been of those who left since; what waits behind it is not theirs.
        if (entries.length === 0 && taken.length > 0) continue
        return entries.map(({ charged, ...entry }) => {
          const tally = charged === null ? undefined : tallies.get(charged)
          if (tally) tally.forwardedBytes += entry.datagram.length
          return entry
        })
      }
    },
    hasWork: member => lanes.hasWork(member),
    noteRefused(member, sizeBytes) {
      const tally = tallies.get(member)
      if (tally) tally.refusedBytes += sizeBytes
    },
    report: () => [...tallies].map(([peer, tally]) => ({ peer, ...tally })),
  }
}

const nameOf = ({ id, proven }: Source): string => proven ?? (id === strangers ? 'Somebody on AXL' : 'A daemon on AXL')
