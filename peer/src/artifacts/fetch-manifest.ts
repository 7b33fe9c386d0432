/** The manifest of an offered pack: its bytes must have the digest that the orchestrator named. */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { type Manifest, parseManifest } from '@computepool/shared/model'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { FetchBytes } from './fetch-artifact.ts'

/** 512 layers of 32 tensors and a chat template take about 4 MB. */
const maxManifestBytes = 16 << 20

/** `packUrl` ends with a slash. Errors: `artifact_fetch_failed`, `artifact_digest_mismatch`, `artifact_invalid`. */
export async function fetchManifest(options: {
  readonly packUrl: string
  readonly manifestSha256: string
  readonly fetchBytes: FetchBytes
  readonly signal: AbortSignal
}): Promise<Manifest> {
  const url = new URL('manifest.json', options.packUrl).href
  const bytes = await readWhole(url, options)
  const digest = bytesToHex(sha256(bytes))
  if (digest !== options.manifestSha256)
    throw new ComputePoolError(
      'artifact_digest_mismatch',
      `${url} should have digest ${options.manifestSha256}, but has ${digest}.`,
      { remedy: 'The pack changed while it was served: restart the orchestrator.', context: { url, got: digest } },
    )
  try {
    return parseManifest(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (thrown) {
    throw asComputePoolError(thrown, 'artifact_invalid')
  }
}

async function readWhole(
  url: string,
  { fetchBytes, signal }: { readonly fetchBytes: FetchBytes; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const remedy = 'Check the connection, and that the pack is still served there.'
  let response: Response
  try {
    response = await fetchBytes(url, { signal, cache: 'no-cache' })
  } catch (cause) {
    signal.throwIfAborted()
    throw new ComputePoolError('artifact_fetch_failed', `${url} could not be fetched.`, { remedy, cause })
  }
  const length = Number(response.headers.get('content-length') ?? 0)
  if (!response.ok || length > maxManifestBytes) {
    await response.body?.cancel()
    const what = response.ok
      ? `has ${length} bytes; at most ${maxManifestBytes} are read`
      : `has status ${response.status}`
    throw new ComputePoolError('artifact_fetch_failed', `${url} ${what}.`, { remedy })
  }
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (bytes.length > maxManifestBytes)
    throw new ComputePoolError(
      'artifact_fetch_failed',
      `${url} has ${bytes.length} bytes; at most ${maxManifestBytes} are read.`,
    )
  return bytes
}
