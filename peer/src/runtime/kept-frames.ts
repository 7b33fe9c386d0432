/**
 * What this peer received of recent attempts, and at an exit the rows that it drew from and what it drew, over assignments: for checks of its own work
 * and of the seat before it. The eldest attempts go first. It knows neither links nor desk.
 */
import {
  cutHandover,
  type DrawRun,
  encodeHandoverHeader,
  type HandedAttempt,
  isDrawnFrom,
  maxHandoverBytes,
  orderlyFrames,
  runAmongDrawn,
} from '@computepool/shared/audit'
import { asComputePoolError } from '@computepool/shared/errors'
import type { FrameKeeper } from '@computepool/shared/pipeline'
import { type Digest, linkOfFrame } from '@computepool/shared/receipts'
import { type FrameHeader, maxHandoverFrameBytes } from '@computepool/shared/wire'
import { bytesToHex } from '@noble/hashes/utils.js'

export interface HandOverAsk {
  /** Attempts by their ids, the last is the one that is checked. */
  readonly attempts: readonly string[]
  readonly endPosition: number
  /** Exit: its own rows and draws are wanted, and the rows of these draws beside those before `endPosition`. Else what it received. */
  readonly draws?: DrawRun | undefined
}

export type HandOver =
  | { readonly chunks: Iterable<{ readonly chunk: Uint8Array; readonly isLast: boolean }>; readonly sizeBytes: number }
  | { readonly refusal: string }

export interface KeptFrames extends FrameKeeper {
  /** All links of these attempts, payloads of frames before `endPosition`. Hashes what it names, with a breath in between. */
  handOver(ask: HandOverAsk): Promise<HandOver>
  readonly keptBytes: number
}

export interface KeptFramesOptions {
  readonly digest: Digest
  readonly breathe: () => Promise<void>
  /** Default 64 MiB, of payloads and what goes with them. */
  readonly limitBytes?: number | undefined
}

/** Of a header as it lies in memory, and of what holds it. */
const frameOverheadBytes = 1024
const tokenBytes = 8
/** Hashed between two breaths. */
const breathBytes = 1 << 20

interface KeptFrame {
  readonly header: Omit<FrameHeader, 'epoch'>
  readonly payload: Uint8Array
}

interface Kept {
  readonly frames: KeptFrame[]
  /** Exit: what its head took. */
  readonly rows: KeptFrame[]
  readonly drawn: number[]
  firstDrawn: number | null
  sizeBytes: number
}

export function createKeptFrames({ digest, breathe, limitBytes = maxHandoverBytes }: KeptFramesOptions): KeptFrames {
  /** In the order in which they began. */
  const attempts = new Map<string, Kept>()
  /** Larger by themselves than all that is kept: not begun again. */
  const given = new Set<string>()
  /** Receipts are out: nothing is added to these, whoever sends more under their ids. */
  const over = new Set<string>()
  let keptBytes = 0

  function open(requestId: string): Kept | null {
    if (given.has(requestId) || over.has(requestId)) return null
    const known = attempts.get(requestId)
    if (known !== undefined) return known
    const kept: Kept = { frames: [], rows: [], drawn: [], firstDrawn: null, sizeBytes: 0 }
    attempts.set(requestId, kept)
    return kept
  }

  function grow(kept: Kept, bytes: number): void {
    kept.sizeBytes += bytes
    keptBytes += bytes
    if (keptBytes > limitBytes) forgetEldest()
  }

  function forgetEldest(): void {
    for (const [requestId, eldest] of attempts) {
      if (keptBytes <= limitBytes) return
      attempts.delete(requestId)
      keptBytes -= eldest.sizeBytes
      // What follows of it would have no beginning.
      remember(given, requestId)
    }
  }

  async function attemptOf(
    requestId: string,
    { endPosition, draws: planned }: HandOverAsk,
  ): Promise<readonly [HandedAttempt, Uint8Array[]] | null> {
    const kept = attempts.get(requestId)
    if (kept === undefined) return null
    const source = [...(planned === undefined ? kept.frames : kept.rows)]
    const [first] = source
    const { firstDrawn: firstPosition, drawn } = kept
    const draws = planned === undefined || firstPosition === null ? null : { firstPosition, tokens: [...drawn] }
    // The desk's plan may lie elsewhere than what was drawn, by an entry that asked otherwise.
    const run =
      draws === null
        ? null
        : runAmongDrawn(planned!, { from: draws.firstPosition, until: draws.firstPosition + drawn.length })
    if (first === undefined) return [{ requestId, frames: null, draws }, []]
    const links: NonNullable<HandedAttempt['frames']>['links'] = []
    let unbreathed = 0
    for (const { header, payload } of source) {
      const { position, rows, terms = '' } = linkOfFrame(header, payload)
      links.push({ position, rows, terms, sha256: bytesToHex(digest(payload)) })
      unbreathed += payload.length
      if (unbreathed < breathBytes) continue
      unbreathed = 0
      await breathe()
    }
    const held = orderlyFrames(links).links.findLastIndex(({ position }) => position < endPosition) + 1
    const from = run === null ? -1 : links.findIndex((link, i) => i >= held && isDrawnFrom(link, run))
    const until = run === null ? 0 : links.findLastIndex(link => isDrawnFrom(link, run)) + 1
    const apart = from < 0 ? {} : { apart: { from, count: until - from } }
    const dtype = first.header.dtype as NonNullable<HandedAttempt['frames']>['dtype']
    const frames = { kind: 'frames' as const, dtype, hidden: first.header.shape[1] ?? 0, links, held, ...apart }
    const given = from < 0 ? source.slice(0, held) : [...source.slice(0, held), ...source.slice(from, until)]
    return [{ requestId, frames, draws }, given.map(({ payload }) => payload)]
  }

  function add(requestId: string, side: 'frames' | 'rows', { header, payload }: KeptFrame): void {
    const kept = open(requestId)
    if (kept === null) return
    kept[side].push({ header, payload: ownOrView(payload) })
    const told = (header.prompt_tokens?.length ?? 0) + (header.generated_tokens?.length ?? 0)
    grow(kept, payload.length + frameOverheadBytes + told * tokenBytes)
  }

  return {
    received: (requestId, header, payload) => add(requestId, 'frames', { header, payload }),
    computed: (requestId, header, payload) => add(requestId, 'rows', { header, payload }),
    drew(requestId, position, tokens) {
      const kept = open(requestId)
      if (kept === null) return
      kept.firstDrawn ??= position
      kept.drawn.push(...tokens)
      grow(kept, tokens.length * tokenBytes)
    },
    over(requestId) {
      const isFirst = !over.has(requestId)
      remember(over, requestId)
      return isFirst
    },
    async handOver(ask) {
      const handed: HandedAttempt[] = []
      const payloads: Uint8Array[] = []
      for (const requestId of ask.attempts) {
        const found = await attemptOf(requestId, ask)
        if (found === null)
          return { refusal: `What it received of attempt ${requestId} is not kept any more, or never was.` }
        handed.push(found[0])
        payloads.push(...found[1])
      }
      try {
        const pieces = [encodeHandoverHeader({ attempts: handed }), ...payloads]
        const sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0)
        return { chunks: cutHandover(pieces, maxHandoverFrameBytes), sizeBytes }
      } catch (thrown) {
        return { refusal: asComputePoolError(thrown).message }
      }
    },
    get keptBytes() {
      return keptBytes
    },
  }
}

/** More requests than one neighbour can begin and end while a receipt is waited for. */
const rememberedIds = 65_536

function remember(ids: Set<string>, requestId: string): void {
  ids.add(requestId)
  if (ids.size > rememberedIds) ids.delete(ids.values().next().value!)
}

/** A small view must not keep a large buffer. */
function ownOrView(payload: Uint8Array): Uint8Array {
  return payload.buffer.byteLength > 1.5 * payload.length + 4096 ? payload.slice() : payload
}
