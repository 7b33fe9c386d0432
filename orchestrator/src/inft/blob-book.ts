/**
 * Containers by their root alone, for whoever shows or opens a token: which sizes belong to which roots, few bytes kept at hand, and how
 * much people may upload at the pool's cost. It opens none.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { isContainer, mostUploadBytes } from '@computepool/shared/inft'
import type { BlobStore, Clock, StoredBlob } from '@computepool/shared/ports'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import type { KeptFile } from './kept-file.ts'

export const uploadsSchema = z
  .array(
    z.strictObject({
      root: z.string(),
      sizeBytes: z.int().positive(),
      by: z.string(),
      atMs: z.number(),
    }),
  )
  .max(10_000)
export type Uploads = z.output<typeof uploadsSchema>

export interface BlobBookOptions {
  readonly store: BlobStore
  readonly kept: KeptFile<Uploads>
  readonly clock: Clock
}

export interface BlobBook {
  /** A blob that a token or a transfer names. */
  learn(blob: StoredBlob): void
  /** Errors: `input_not_found` where nothing here names it; the store's. */
  get(root: Hex): Promise<Uint8Array>
  /** Errors: `input_invalid`, `input_too_large`, `swarm_busy` over a cap; the store's. */
  put(bytes: Uint8Array, by: Address): Promise<StoredBlob>
}

/** Uploads an account may make in an hour, and all accounts together: the pool pays for them. */
const hourly = { each: 12, all: 120 } as const
const hourMs = 3_600_000
const mostUploads = 10_000
const mostNamed = 10_000
const mostAtHandBytes = 8 * 1024 * 1024
const mostUnderWay = 8

export function createBlobBook({ store, kept, clock }: BlobBookOptions): BlobBook {
  const sizes = new Map<string, number>(kept.value.map(({ root, sizeBytes }) => [root, sizeBytes]))
  const atHand = new Map<string, Uint8Array>()
  let atHandBytes = 0
  const fetching = new Map<string, Promise<Uint8Array>>()
  let underWay = 0

  const hold = (root: string, bytes: Uint8Array): void => {
    if (atHand.has(root) || bytes.length > mostAtHandBytes / 4) return
    atHand.set(root, bytes)
    atHandBytes += bytes.length
    for (const [oldest, { length }] of atHand) {
      if (atHandBytes <= mostAtHandBytes) return
      atHand.delete(oldest)
      atHandBytes -= length
    }
  }

  const requireRoom = (by: string): void => {
    const sinceMs = clock.wallMs() - hourMs
    const recent = kept.value.filter(({ atMs }) => atMs > sinceMs)
    const own = recent.filter(each => each.by === by).length
    if (own >= hourly.each) throw busy(`${by} uploaded ${own} containers within the hour.`)
    if (recent.length >= hourly.all) throw busy(`${recent.length} containers were uploaded within the hour.`)
    if (kept.value.length >= mostUploads) throw busy(`${mostUploads} containers were uploaded; more are not paid for.`)
    if (underWay >= mostUnderWay) throw busy(`${underWay} uploads are under way.`)
  }

  return {
    learn({ root, sizeBytes }) {
      if (sizes.size >= mostNamed) sizes.delete(sizes.keys().next().value!)
      sizes.set(root.toLowerCase(), sizeBytes)
    },
    async get(root) {
      const sizeBytes = sizes.get(root)
      if (sizeBytes === undefined) {
        throw new ComputePoolError('input_not_found', `Nothing that was asked about here names ${root}.`, {
          remedy: 'Ask about the token first (GET /api/inft/tokens/ID): its containers can be fetched then.',
        })
      }
      const known = atHand.get(root)
      if (known !== undefined) return known
      const asked = fetching.get(root) ?? store.get({ root, sizeBytes }).finally(() => fetching.delete(root))
      fetching.set(root, asked)
      const bytes = await asked
      hold(root, bytes)
      return bytes
    },
    async put(bytes, account) {
      const by = account.toLowerCase()
      if (bytes.length > mostUploadBytes) {
        throw new ComputePoolError('input_too_large', `The container has ${bytes.length} bytes.`, {
          remedy: `At most ${mostUploadBytes} are taken.`,
        })
      }
      if (!isContainer(bytes)) {
        throw new ComputePoolError('input_invalid', 'These bytes are no container of a pool’s intelligence.', {
          remedy: 'Seal it first: nothing else is kept here, and nothing in the clear.',
        })
      }
      requireRoom(by)
      underWay++
      try {
        const blob = await store.put(bytes)
        if (!kept.value.some(({ root }) => root === blob.root)) {
          await kept.set([...kept.value, { ...blob, by, atMs: clock.wallMs() }])
        }
        sizes.set(blob.root, blob.sizeBytes)
        hold(blob.root, bytes)
        return blob
      } finally {
        underWay--
      }
    },
  }
}

const busy = (what: string): ComputePoolError =>
  new ComputePoolError('swarm_busy', what, {
    remedy: 'Try again later: storage is paid by the pool.',
    context: { retryAfterSeconds: 600 },
  })
