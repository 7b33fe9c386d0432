/** Bundles of evidence at the pool: left by whoever accuses, fetched by whoever judges. It knows paths at the pool's own origin, and reads no bundle. */
import { maxEvidenceHeaderBytes, maxEvidenceSectionBytes } from '@computepool/shared/audit'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Digest } from '@computepool/shared/receipts'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { FetchBytes } from '../artifacts/fetch-artifact.ts'

export interface EvidenceStoreOptions {
  /** A page of the pool. */
  readonly pageUrl: string
  readonly fetchBytes: FetchBytes
  readonly digest: Digest
}

/** Two sections, the header, and what stands before it. */
const maxBundleBytes = 2 * maxEvidenceSectionBytes + maxEvidenceHeaderBytes + 64

/** Answers the bundle's SHA-256, under which it is kept. Errors: `peer_unreachable`; the signal's reason. */
export async function leaveEvidence(
  { pageUrl, fetchBytes, digest }: EvidenceStoreOptions,
  bundle: Uint8Array,
  place: { readonly path: string; readonly ticket: string },
  signal: AbortSignal,
): Promise<string> {
  const sha256 = bytesToHex(digest(bundle))
  const response = await ask(fetchBytes, urlOf(`${place.path}/${sha256}`, pageUrl), {
    method: 'PUT',
    headers: { authorization: `Bearer ${place.ticket}`, 'content-type': 'application/octet-stream' },
    body: bundle as Uint8Array<ArrayBuffer>,
    signal,
  })
  await response.body?.cancel()
  if (response.ok) return sha256
  throw unreachable(`The pool did not keep the evidence: status ${response.status}.`)
}

/** Errors: `peer_unreachable`, `input_too_large`, `artifact_digest_mismatch`; the signal's reason. */
export async function fetchEvidence(
  { pageUrl, fetchBytes, digest }: EvidenceStoreOptions,
  { path, sha256 }: { readonly path: string; readonly sha256: string },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const response = await ask(fetchBytes, urlOf(path, pageUrl), { signal })
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    throw unreachable(`The pool does not hand out the evidence: status ${response.status}.`)
  }
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  const reader = response.body.getReader()
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    pieces.push(read.value)
    sizeBytes += read.value.length
    if (sizeBytes <= maxBundleBytes) continue
    await reader.cancel()
    throw new ComputePoolError('input_too_large', `The evidence has more than ${maxBundleBytes} bytes.`, {
      remedy: 'Do not judge it.',
      context: { limitBytes: maxBundleBytes },
    })
  }
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  const found = bytesToHex(digest(bytes))
  if (found === sha256) return bytes
  throw new ComputePoolError(
    'artifact_digest_mismatch',
    `The evidence should have digest ${sha256}, but is ${found}.`,
    {
      remedy: 'Do not judge it.',
      context: { expected: sha256, got: found },
    },
  )
}

async function ask(fetchBytes: FetchBytes, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetchBytes(url, init)
  } catch (cause) {
    init.signal?.throwIfAborted()
    throw unreachable('The pool cannot be reached for evidence.', cause)
  }
}

/** The ticket is the pool's, and goes nowhere else. */
function urlOf(path: string, pageUrl: string): string {
  const page = new URL(pageUrl)
  const url = new URL(path, page)
  if (url.origin === page.origin) return url.href
  throw new ComputePoolError('input_invalid', `Evidence lies at the pool itself, not at ${url.origin}.`, {
    remedy: 'Have the desk name a path of its own.',
    context: { param: 'path' },
  })
}

function unreachable(message: string, cause?: unknown): ComputePoolError {
  return new ComputePoolError('peer_unreachable', message, { remedy: 'Have it checked again.', cause })
}
