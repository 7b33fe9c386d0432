import type { PackPlaces } from '@computepool/shared/model'

/** What a test may ask of the worker in which storages live. */
export interface HarnessFile {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
}

export type ArtifactsCall =
  | { readonly type: 'contract'; readonly kind: 'opfs' | 'cache'; readonly caseName: string }
  /** Fetches and opens; `stopAfter` gives up when so many bytes are there; `places`: where else the file is. */
  | {
      readonly type: 'obtain'
      readonly url: string
      readonly file: HarnessFile
      readonly stopAfter?: number
      readonly places?: PackPlaces
    }
  /** Flips one stored bit behind the store's back. */
  | { readonly type: 'rot'; readonly sha256: string; readonly offset: number }
  | { readonly type: 'kinds' }
