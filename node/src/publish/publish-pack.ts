/**
 * Puts the parts of a pack into blob storage and writes down beside the manifest where they are: after each part, so that a run that
 * stopped goes on. It knows no chain and no network.
 */
import { createHash } from 'node:crypto'
import { open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Manifest,
  type PackPart,
  type PackPlaces,
  parseManifest,
  parsePackPlaces,
  pieceBytes,
  placesName,
} from '@computepool/shared/model'
import type { BlobStore } from '@computepool/shared/ports'

/** Where a pack is put. */
export interface PublishTarget {
  readonly chainId: number
  readonly isStandIn: boolean
  /** What tabs are told to ask; at least one. */
  readonly gateways: readonly string[]
  readonly isFirst: boolean
}

export interface PublishPlan {
  readonly packDir: string
  readonly manifest: Manifest
  readonly manifestSha256: string
  readonly target: PublishTarget
  /** Parts that an earlier run stored, and that are there still. */
  readonly kept: PackPlaces['parts']
  readonly missing: readonly PackPart[]
  /** Of each file that is still to be stored, in bytes. */
  readonly sizes: readonly number[]
}

export interface PublishProgress {
  /** The part that is being stored. */
  readonly part: string
  readonly doneBytes: number
  readonly totalBytes: number
}

const readBytes = 4 << 20

/** What is left to do. `has` tells whether a root is known there. Errors: `artifact_invalid`, and those of `has`. */
export async function planPublish(
  packDir: string,
  target: PublishTarget,
  has: (root: `0x${string}`) => Promise<boolean>,
  piece = pieceBytes,
): Promise<PublishPlan> {
  const bytes = await readFile(join(packDir, 'manifest.json')).catch((cause: unknown) => {
    throw new ComputePoolError('artifact_invalid', `There is no pack in "${packDir}".`, {
      remedy: 'Make one with `computepool pack <source> --out DIR`.',
      cause,
    })
  })
  const manifest = parseManifest(JSON.parse(bytes.toString('utf8')))
  const manifestSha256 = createHash('sha256').update(bytes).digest('hex')
  const before = await readPlaces(packDir, manifestSha256)
  const isSame = before?.chainId === target.chainId && before.isStandIn === target.isStandIn
  const kept: PackPlaces['parts'] = []
  for (const part of isSame ? before.parts : []) {
    const found = await Promise.all(part.pieces.map(({ root }) => has(root as `0x${string}`)))
    if (found.every(Boolean)) kept.push(part)
  }
  const missing = manifest.parts.filter(({ sha256 }) => !kept.some(part => part.sha256 === sha256))
  const sizes = missing.flatMap(({ sizeBytes }) => sizesOf(sizeBytes, piece))
  return { packDir, manifest, manifestSha256, target, kept, missing, sizes }
}

/**
 * Stores what is missing, a part after the other. Errors: the store's, the signal's reason; `artifact_digest_mismatch` for a part that
 * is not what the manifest says, before anything is paid for it.
 */
export async function publishPack(
  { packDir, manifest, manifestSha256, target, kept, missing }: PublishPlan,
  {
    store,
    signal,
    piece = pieceBytes,
    onProgress,
  }: {
    readonly store: Pick<BlobStore, 'put'>
    readonly signal: AbortSignal
    /** A part is cut into files of so many bytes. */
    readonly piece?: number
    readonly onProgress: (progress: PublishProgress) => void
  },
): Promise<PackPlaces> {
  let places: PackPlaces = {
    format: 'computepool-places',
    version: 1,
    manifestSha256,
    isStandIn: target.isStandIn,
    chainId: target.chainId,
    gateways: [...target.gateways],
    isFirst: target.isFirst,
    parts: [...kept],
  }
  await writePlaces(packDir, places)
  const totalBytes = manifest.parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  let doneBytes = totalBytes - missing.reduce((sum, part) => sum + part.sizeBytes, 0)
  for (const part of missing) {
    const path = join(packDir, part.path)
    onProgress({ part: part.name, doneBytes, totalBytes })
    await requireDigest(path, part, signal)
    const pieces: PackPlaces['parts'][number]['pieces'] = []
    let offset = 0
    for (const length of sizesOf(part.sizeBytes, piece)) {
      signal.throwIfAborted()
      const { root, sizeBytes } = await store.put(await readPiece(path, offset, length), signal)
      pieces.push({ root, sizeBytes })
      offset += sizeBytes
      doneBytes += sizeBytes
      onProgress({ part: part.name, doneBytes, totalBytes })
    }
    places = { ...places, parts: [...places.parts, { sha256: part.sha256, pieces }] }
    await writePlaces(packDir, places)
  }
  return places
}

function sizesOf(sizeBytes: number, piece: number): number[] {
  const count = Math.ceil(sizeBytes / piece)
  return Array.from({ length: count }, (_, at) => Math.min(piece, sizeBytes - at * piece))
}

async function readPlaces(packDir: string, manifestSha256: string): Promise<PackPlaces | null> {
  try {
    return parsePackPlaces(JSON.parse(await readFile(join(packDir, placesName), 'utf8')), manifestSha256)
  } catch {
    return null
  }
}

/** As a whole: a pool that serves the pack reads the old one or the new one. */
async function writePlaces(packDir: string, places: PackPlaces): Promise<void> {
  const draft = join(packDir, `${placesName}.${process.pid}`)
  await writeFile(draft, `${JSON.stringify(places, null, 1)}\n`)
  await rename(draft, join(packDir, placesName))
}

async function requireDigest(path: string, { sha256, sizeBytes }: PackPart, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256')
  const size = await stat(path).then(
    facts => facts.size,
    () => null,
  )
  if (size === sizeBytes) {
    for (let offset = 0; offset < sizeBytes; offset += readBytes) {
      signal.throwIfAborted()
      hash.update(await readPiece(path, offset, Math.min(readBytes, sizeBytes - offset)))
    }
    if (hash.digest('hex') === sha256) return
  }
  throw new ComputePoolError('artifact_digest_mismatch', `"${path}" is not the file that the manifest names.`, {
    remedy: 'Pack the model again, then publish it.',
  })
}

async function readPiece(path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const file = await open(path)
  try {
    for (let at = 0; at < length; ) {
      const { bytesRead } = await file.read(bytes, at, length - at, offset + at)
      if (bytesRead === 0) throw new ComputePoolError('artifact_invalid', `"${path}" became shorter while it was read.`)
      at += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}
