/** A pack on this disk: its manifest, its tokenizer, and the list of files that may be served. Nothing else of the folder exists. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type FileRef,
  type Manifest,
  mostPlacesBytes,
  type PackPlaces,
  parseManifest,
  parsePackPlaces,
  placesName,
} from '@computepool/shared/model'

export interface PackFile {
  readonly path: string
  /** Absolute path on this disk. */
  readonly diskPath: string
  readonly sizeBytes: number
  readonly sha256: string
}

export interface PackFolder {
  readonly manifest: Manifest
  readonly manifestSha256: string
  /** By path inside the pack. */
  readonly files: ReadonlyMap<string, PackFile>
  /** tokenizer.json and tokenizer_config.json, parsed, their digests verified. */
  readonly tokenizer: unknown
  readonly tokenizerConfig: unknown
  /** Where else its parts are, as `publish` last wrote it; null: nowhere, or the file tells of another pack. */
  places(): Promise<PackPlaces | null>
}

const manifestName = 'manifest.json'

/** Opens the pack in `folder`. Errors: `artifact_invalid`, `artifact_digest_mismatch`, each with the path. */
export async function openPackFolder(folder: string): Promise<PackFolder> {
  const bytes = await readFile(join(folder, manifestName)).catch((cause: unknown) => {
    throw new ComputePoolError('artifact_invalid', `There is no pack in "${folder}": ${manifestName} cannot be read.`, {
      remedy: 'Make one with `npm run computepool -- pack <source>`.',
      cause,
    })
  })
  const manifest = parseManifestFile(bytes, folder)
  const manifestSha256 = sha256Of(bytes)
  const files = new Map<string, PackFile>()
  const put = ({ path, sizeBytes, sha256 }: FileRef): void => {
    files.set(path, { path, diskPath: join(folder, path), sizeBytes, sha256 })
  }
  const { tokenizer, config } = manifest.tokenizer
  for (const file of [...manifest.parts, tokenizer, config, ...(manifest.selfTest?.boundaries ?? [])]) put(file)
  await Promise.all([...files.values()].map(requireSize))
  put({ path: manifestName, sizeBytes: bytes.length, sha256: manifestSha256 })
  return {
    manifest,
    manifestSha256,
    files,
    tokenizer: await readVerified(files.get(tokenizer.path)!),
    tokenizerConfig: await readVerified(files.get(config.path)!),
    places: () => readPlaces(join(folder, placesName), manifestSha256),
  }
}

function parseManifestFile(bytes: Uint8Array, folder: string): Manifest {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new ComputePoolError('artifact_invalid', `The manifest in "${folder}" is not JSON.`, {
      remedy: 'Pack the model again.',
      cause,
    })
  }
  return parseManifest(json)
}

// Digests of the parts are the tabs' to verify; a size tells a half-written pack at once and costs nothing.
async function requireSize({ diskPath, path, sizeBytes }: PackFile): Promise<void> {
  const size = await stat(diskPath).then(
    facts => facts.size,
    () => null,
  )
  if (size === sizeBytes) return
  const has = size === null ? 'is missing' : `has ${size} bytes, not ${sizeBytes}`
  throw new ComputePoolError('artifact_invalid', `The pack's file "${path}" ${has}.`, {
    remedy: 'Pack the model again.',
  })
}

async function readVerified({ diskPath, path, sha256 }: PackFile): Promise<unknown> {
  const bytes = await readFile(diskPath)
  if (sha256Of(bytes) !== sha256) {
    throw new ComputePoolError('artifact_digest_mismatch', `The pack's file "${path}" does not have its digest.`, {
      remedy: 'Pack the model again.',
    })
  }
  return JSON.parse(bytes.toString('utf8'))
}

/** Anew each time: a pack may be published while it is served. */
async function readPlaces(file: string, manifestSha256: string): Promise<PackPlaces | null> {
  try {
    if ((await stat(file)).size > mostPlacesBytes) return null
    return parsePackPlaces(JSON.parse(await readFile(file, 'utf8')), manifestSha256)
  } catch {
    return null
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
