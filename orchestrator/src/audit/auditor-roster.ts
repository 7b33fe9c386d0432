/**
 * Peers that can compute others' layers again: auditors that hold no seat, and the ready standbys of a ring. It knows who holds which layers, linked
 * to which ring, and who is at work; it orders nothing to be loaded.
 */
import type { LayerRange } from '@computepool/shared/model'
import type { Seat } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'

/** A living ring, as checks see it. */
export interface AuditRing {
  readonly epoch: number
  readonly seats: readonly Seat[]
  readonly standbys: ReadonlyArray<{ readonly peer: string; readonly layers: LayerRange; readonly isReady: boolean }>
}

/** Where an auditor was told to load layers. */
interface Post {
  readonly epoch: number
  readonly layers: LayerRange
  readonly isReady: boolean
}

export interface AuditorChoice {
  readonly ring: AuditRing
  readonly layers: LayerRange
  /** No peer of such a wallet is asked. */
  readonly isBarred: (operator: string) => boolean
}

export interface AuditorRoster {
  joined(peer: string): void
  /** What its memory holds, in bytes; the desk's own word for a standby. */
  measured(peer: string, memoryBudgetBytes: number): void
  gone(peer: string): void
  isAuditor(peer: string): boolean
  /** The best that is free, those first whom the pool's owner vouches for; null: none now. `isPosted`: it holds the layers in that ring already. */
  pick(choice: AuditorChoice): { readonly peer: string; readonly isPosted: boolean } | null
  /** Whether anybody could be picked, were it free. */
  hasAny(choice: AuditorChoice): boolean
  /** Whether anybody could, for whom the owner vouches. */
  hasTrusted(choice: AuditorChoice): boolean
  posted(peer: string, epoch: number, layers: LayerRange): void
  /** True where it was told to load just that. */
  ready(peer: string, epoch: number, layers: LayerRange | undefined): boolean
  /** It is asked nothing until then: it could not load, or did not answer. */
  bench(peer: string): void
  take(peer: string): void
  free(peer: string): void
  /** Rings that are no more: auditors keep their layers, and have no links. */
  keepOnly(epochs: ReadonlySet<number>): void
  count(): number
}

export interface RosterOptions {
  readonly nowMs: () => number
  readonly isTrusted: (operator: string) => boolean
  /** What a check of these layers takes of memory, in bytes. */
  readonly bytesOf: (layers: LayerRange) => number
}

const benchMs = 120_000
const mostAuditors = 256

interface Auditor {
  readonly peer: string
  memoryBudgetBytes: number | null
  post: Post | null
}

const isSame = (a: LayerRange | undefined, b: LayerRange): boolean => a?.start === b.start && a.end === b.end

export function createAuditorRoster({ nowMs, isTrusted, bytesOf }: RosterOptions): AuditorRoster {
  const auditors = new Map<string, Auditor>()
  const busy = new Set<string>()
  /** Until when. */
  const benched = new Map<string, number>()
  const isFree = (peer: string): boolean => !busy.has(peer) && (benched.get(peer) ?? 0) <= nowMs()

  /** The lower the sooner: whom the owner vouches for; then standbys, which hold layers and links already; then whoever has the least to load. */
  const trustOf = (peer: string): number => (isTrusted(operatorOf(peer)) ? 0 : 10)
  const rank = ({ peer, post }: Auditor, { ring, layers }: AuditorChoice): number => {
    const trust = trustOf(peer) + 1
    if (post === null) return trust + 2
    if (!isSame(post.layers, layers)) return trust + 3
    return trust + (post.epoch === ring.epoch && post.isReady ? 0 : 1)
  }
  const candidates = (choice: AuditorChoice): { peer: string; isPosted: boolean; rank: number }[] => {
    const { ring, layers, isBarred } = choice
    const isAllowed = (peer: string): boolean => !isBarred(operatorOf(peer))
    const standbys = ring.standbys
      .filter(({ peer, isReady, layers: held }) => isReady && isSame(held, layers) && isAllowed(peer))
      .map(({ peer }) => ({ peer, isPosted: true, rank: trustOf(peer) }))
    const others = [...auditors.values()]
      .filter(({ peer, memoryBudgetBytes }) => isAllowed(peer) && (memoryBudgetBytes ?? 0) >= bytesOf(layers))
      .map(auditor => {
        const { peer, post } = auditor
        const isPosted = post?.epoch === ring.epoch && post.isReady && isSame(post.layers, layers)
        return { peer, isPosted, rank: rank(auditor, choice) }
      })
    return [...standbys, ...others].sort((a, b) => a.rank - b.rank)
  }

  return {
    joined: peer => {
      if (auditors.size >= mostAuditors && !auditors.has(peer)) {
        // Anybody may call itself an auditor, under as many names as it likes.
        const stranger = isTrusted(operatorOf(peer))
          ? [...auditors.keys()].find(other => !isTrusted(operatorOf(other)) && !busy.has(other))
          : undefined
        if (stranger === undefined) return
        auditors.delete(stranger)
      }
      auditors.set(peer, { peer, memoryBudgetBytes: null, post: null })
    },
    measured: (peer, memoryBudgetBytes) => {
      const auditor = auditors.get(peer)
      if (auditor !== undefined) auditor.memoryBudgetBytes ??= memoryBudgetBytes
    },
    gone: peer => {
      auditors.delete(peer)
      busy.delete(peer)
      benched.delete(peer)
    },
    isAuditor: peer => auditors.has(peer),
    pick: choice => candidates(choice).find(({ peer }) => isFree(peer)) ?? null,
    hasAny: choice => candidates(choice).length > 0,
    hasTrusted: choice => candidates(choice).some(({ peer }) => trustOf(peer) === 0),
    posted: (peer, epoch, layers) => {
      const auditor = auditors.get(peer)
      if (auditor !== undefined) auditor.post = { epoch, layers, isReady: false }
    },
    ready: (peer, epoch, layers) => {
      const auditor = auditors.get(peer)
      const post = auditor?.post ?? null
      if (auditor === undefined || post === null || post.epoch !== epoch || !isSame(layers ?? post.layers, post.layers))
        return false
      auditor.post = { ...post, isReady: true }
      return true
    },
    bench: peer => void benched.set(peer, nowMs() + benchMs),
    take: peer => void busy.add(peer),
    free: peer => void busy.delete(peer),
    keepOnly: epochs => {
      for (const auditor of auditors.values()) {
        if (auditor.post !== null && !epochs.has(auditor.post.epoch))
          auditor.post = { ...auditor.post, epoch: -1, isReady: false }
      }
    },
    count: () => auditors.size,
  }
}
