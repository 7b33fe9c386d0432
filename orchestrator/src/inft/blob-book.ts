/**
 * Containers by their root alone, for whoever shows or opens a token: which sizes belong to which roots, few bytes kept at hand, and how
 * much people may upload at the pool's cost. It opens none.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { isContainer, mostContainerBytes, mostUploadBytes } from '@computepool/shared/inft'
import type { BlobStore, Clock, StoredBlob } from '@computepool/shared/ports'
import { fileRootOf } from '@computepool/shared/storage0g'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import type { KeptFile } from './kept-file.ts'

/** However many: who filled the file must not keep the pool from opening. What is too much goes with the next upload. */
export const uploadsSchema = z.array(
  z.strictObject({
    root: z.string(),
    sizeBytes: z.int().positive(),
    by: z.string(),
    atMs: z.number(),
  }),
)
export type Uploads = z.output<typeof uploadsSchema>

export interface BlobBookOptions {
  readonly store: BlobStore
  readonly kept: KeptFile<Uploads>
  readonly clock: Clock
  /** Of the pool's token; a part of all uploads is left to it. Asked only where the others' part is used up. */
  readonly ownerOf: () => Promise<Address>
}

export interface BlobBook {
  /** A blob that a token or a transfer names. Whether that is so turns out when it is fetched. */
  learn(blob: StoredBlob): void
  /**
   * Without a size: of the one that was fetched or uploaded, else of the last that was named.
   * Errors: `input_not_found` where nothing here names it; the store's.
   */
  get(root: Hex, sizeBytes?: number | null): Promise<Uint8Array>
  /** What was uploaded within the hour is neither paid for nor counted again. Errors: `input_invalid`, `input_too_large`, `swarm_busy` over a cap; the store's. */
  put(bytes: Uint8Array, by: Address): Promise<StoredBlob>
}

/** Uploads an account may make in an hour, all accounts together, and those of them that are left to the token's owner. */
const hourly = { each: 12, all: 120, owners: 12 } as const
const hourMs = 3_600_000
/** The latest: what nothing names can be fetched again for hours, however many upload. */
const mostKept = 2_000
const mostNamed = 10_000
const mostAtHandBytes = 8 * 1024 * 1024
/** The same, at once. */
const underWay = { all: 8, owners: 2 } as const

export function createBlobBook({ store, kept, clock, ownerOf }: BlobBookOptions): BlobBook {
  /** By root and size, since a root does not tell the size, and anybody can mint a token that names any. The longest unnamed first. */
  const named = new Set<string>()
  /** For whoever names no size. */
  const usual = new Map<string, { readonly sizeBytes: number; readonly isProven: boolean }>()
  const atHand = new Map<string, Uint8Array>()
  let atHandBytes = 0
  const fetching = new Map<string, Promise<Uint8Array>>()
  const putting = new Map<string, { readonly by: string; readonly done: Promise<StoredBlob> }>()

  const name = ({ root, sizeBytes }: { root: string; sizeBytes: number }, isProven: boolean): void => {
    const key = keyOf(root, sizeBytes)
    named.delete(key)
    if (named.size >= mostNamed) named.delete(named.keys().next().value!)
    named.add(key)
    const known = usual.get(root)
    if (known?.isProven === true) return
    usual.delete(root)
    if (usual.size >= mostNamed) usual.delete(usual.keys().next().value!)
    usual.set(root, { sizeBytes, isProven })
  }
  for (const upload of kept.value) name(upload, true)

  const hold = (key: string, bytes: Uint8Array): void => {
    if (atHand.has(key) || bytes.length > mostAtHandBytes / 4) return
    atHand.set(key, bytes)
    atHandBytes += bytes.length
    for (const [oldest, { length }] of atHand) {
      if (atHandBytes <= mostAtHandBytes) return
      atHand.delete(oldest)
      atHandBytes -= length
    }
  }

  const recentUploads = (): Uploads => {
    const sinceMs = clock.wallMs() - hourMs
    return kept.value.filter(({ atMs }) => atMs > sinceMs)
  }
  /** Those under way count: they are paid for already. */
  const counts = () => {
    const recent = recentUploads()
    return { recent: [...recent, ...putting.values()], all: recent.length + putting.size, now: putting.size }
  }
  const requireRoom = (by: string, isOwners: boolean): void => {
    const { recent, all, now } = counts()
    const own = recent.filter(each => each.by === by).length
    if (own >= hourly.each) throw busy(`${by} uploaded ${own} containers within the hour.`)
    const left = isOwners ? 0 : 1
    if (all >= hourly.all - left * hourly.owners) throw busy(`${all} containers were uploaded within the hour.`)
    if (now >= underWay.all - left * underWay.owners) throw busy(`${now} uploads are under way.`)
  }
  const isOthersPartUsed = (): boolean => {
    const { all, now } = counts()
    return all >= hourly.all - hourly.owners || now >= underWay.all - underWay.owners
  }
  const isOwner = (by: string): Promise<boolean> =>
    ownerOf().then(
      owner => owner.toLowerCase() === by,
      () => false,
    )

  async function upload(bytes: Uint8Array, by: string): Promise<StoredBlob> {
    const blob = await store.put(bytes)
    const others = kept.value.filter(({ root, sizeBytes }) => root !== blob.root || sizeBytes !== blob.sizeBytes)
    await kept.set([...others.slice(-(mostKept - 1)), { ...blob, by, atMs: clock.wallMs() }])
    name(blob, true)
    hold(keyOf(blob.root, bytes.length), bytes)
    return blob
  }

  return {
    learn({ root, sizeBytes }) {
      // Nothing larger is a container, and to ask for it would cost memory.
      if (sizeBytes <= mostContainerBytes) name({ root: root.toLowerCase(), sizeBytes }, false)
    },
    async get(root, given = null) {
      const sizeBytes = given ?? usual.get(root)?.sizeBytes
      if (sizeBytes === undefined || !named.has(keyOf(root, sizeBytes))) {
        throw new ComputePoolError('input_not_found', `Nothing that was asked about here names ${root}.`, {
          remedy: 'Ask about the token first (GET /api/inft/tokens/ID): its containers can be fetched then.',
        })
      }
      const key = keyOf(root, sizeBytes)
      const known = atHand.get(key)
      if (known !== undefined) return known
      const asked = fetching.get(key) ?? store.get({ root, sizeBytes }).finally(() => fetching.delete(key))
      fetching.set(key, asked)
      const bytes = await asked
      name({ root, sizeBytes }, true)
      hold(key, bytes)
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
      const { root } = fileRootOf(bytes)
      const key = keyOf(root, bytes.length)
      // Nothing is waited for from here to where the upload counts, unless the answer matters.
      const isOwners = isOthersPartUsed() && (await isOwner(by))
      if (recentUploads().some(each => each.root === root && each.sizeBytes === bytes.length)) {
        return { root, sizeBytes: bytes.length }
      }
      const same = putting.get(key)
      if (same !== undefined) return same.done
      requireRoom(by, isOwners)
      const done = upload(bytes, by).finally(() => putting.delete(key))
      putting.set(key, { by, done })
      return done
    },
  }
}

const keyOf = (root: string, sizeBytes: number): string => `${root} ${sizeBytes}`

const busy = (what: string): ComputePoolError =>
  new ComputePoolError('swarm_busy', what, {
    remedy: 'Try again later: storage is paid by the pool.',
    context: { retryAfterSeconds: 600 },
  })
