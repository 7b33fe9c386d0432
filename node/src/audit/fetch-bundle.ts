/** Fetches a bundle of evidence from a pool: no more of it than a bundle may have, and only the bytes that were asked for. */
import { createHash } from 'node:crypto'
import {
  decodeEvidence,
  type EvidenceBundle,
  maxEvidenceHeaderBytes,
  maxEvidenceSectionBytes,
} from '@computepool/shared/audit'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'

export interface FetchBundleOptions {
  readonly origin: string
  /** At the origin; one that leads elsewhere is not followed. */
  readonly path: string
  /** Hex. */
  readonly sha256: string
  readonly fetch: typeof globalThis.fetch
  readonly signal: AbortSignal
}

/** The two sections, the header and the magic before it. */
export const maxBundleBytes = 2 * maxEvidenceSectionBytes + maxEvidenceHeaderBytes + 64
const deadlineMs = 120_000

/** Null where it is gone, is not what has this hash, or is no bundle. Errors: `peer_unreachable` where it cannot be had now, `input_version_unsupported`. */
export async function fetchBundle(options: FetchBundleOptions): Promise<EvidenceBundle | null> {
  const { origin, path, sha256, fetch, signal } = options
  const url = new URL(path, origin)
  if (url.origin !== new URL(origin).origin) return null
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
  })
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    if (response.status === 404 || response.status === 410) return null
    throw new ComputePoolError('peer_unreachable', `${url} answered ${response.status}.`, {
      remedy: 'It is asked again by itself.',
    })
  }
  const hash = createHash('sha256')
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body) {
    size += part.length
    // Leaving the loop lets go of the rest.
    if (size > maxBundleBytes) return null
    hash.update(part)
    parts.push(part)
  }
  if (hash.digest('hex') !== sha256) return null
  try {
    return decodeEvidence(new Uint8Array(Buffer.concat(parts)))
  } catch (thrown) {
    if (asComputePoolError(thrown).code === 'input_version_unsupported') throw thrown
    return null
  }
}
