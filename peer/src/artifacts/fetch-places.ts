/** Asks a pool where else its pack is. Nobody needs the answer, so nothing of it is an error. */
import { mostPlacesBytes, type PackPlaces, parsePackPlaces, placesName } from '@computepool/shared/model'
import type { Clock } from '@computepool/shared/ports'
import type { FetchBytes } from './fetch-artifact.ts'

/** A pool that is up has answered by then. */
const patienceMs = 5_000

/** Null where it says nothing of the kind, or not in time. `packUrl` ends with a slash. */
export async function fetchPlaces(options: {
  readonly packUrl: string
  readonly manifestSha256: string
  readonly fetchBytes: FetchBytes
  readonly clock: Clock
  readonly signal: AbortSignal
}): Promise<PackPlaces | null> {
  const { packUrl, manifestSha256, fetchBytes, clock, signal } = options
  const late = new AbortController()
  let disarm = (): void => {}
  const over = new Promise<null>(resolve => {
    const end = (): void => {
      late.abort()
      resolve(null)
    }
    disarm = clock.schedule(patienceMs, end)
    signal.addEventListener('abort', end, { once: true, signal: late.signal })
    if (signal.aborted) end()
  })
  const read = async (): Promise<PackPlaces | null> => {
    const response = await fetchBytes(new URL(placesName, packUrl).href, { signal: late.signal, cache: 'no-cache' })
    const length = Number(response.headers.get('content-length') ?? 0)
    if (response.status !== 200 || length > mostPlacesBytes) {
      await response.body?.cancel()
      return null
    }
    const bytes = await response.arrayBuffer()
    if (bytes.byteLength > mostPlacesBytes) return null
    return parsePackPlaces(JSON.parse(new TextDecoder().decode(bytes)), manifestSha256)
  }
  try {
    return await Promise.race([read().catch(() => null), over])
  } finally {
    disarm()
    late.abort()
  }
}
