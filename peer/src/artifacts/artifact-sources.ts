/** Where a file's bytes can be had, in the order in which to ask: the pool, and whatever gateways its pack names. It fetches nothing. */
import { type FileRef, type PackPlaces, piecesOf } from '@computepool/shared/model'

/** One place. Its pieces, one after the other, are the file. */
export interface ArtifactSource {
  readonly pieces: readonly [ArtifactPiece, ...ArtifactPiece[]]
}

export interface ArtifactPiece {
  readonly url: string
  readonly sizeBytes: number
}

export type ArtifactSources = readonly [ArtifactSource, ...ArtifactSource[]]

export const wholeAt = (url: string, { sizeBytes }: FileRef): ArtifactSource => ({ pieces: [{ url, sizeBytes }] })

/** `packUrl` ends with a slash. Gateways without encryption are left out where the pool itself is reached with it. */
export function sourcesOf(file: FileRef, packUrl: string, places: PackPlaces | null): ArtifactSources {
  const own = wholeAt(new URL(file.path, packUrl).href, file)
  const pieces = places === null ? null : piecesOf(places, file)
  if (places === null || pieces === null) return [own]
  const isSecure = new URL(packUrl).protocol === 'https:'
  const others = places.gateways
    .filter(gateway => !isSecure || gateway.startsWith('https:'))
    .map(gateway => {
      const [first, ...rest] = pieces.map(({ root, sizeBytes }) => ({ url: `${gateway}/file?root=${root}`, sizeBytes }))
      return { pieces: [first!, ...rest] } satisfies ArtifactSource
    })
  const [first, ...rest] = places.isFirst ? [...others, own] : [own, ...others]
  return [first!, ...rest]
}

/** Who answers there. */
export const hostOf = (source: ArtifactSource): string => new URL(source.pieces[0].url).origin
