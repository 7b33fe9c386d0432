/**
 * Judges bundles about whatever model a pool serves: the pack's parts come from the pool by the digest that the attempt was bound to, and
 * stay on the disk. It knows no chain, and takes no tolerance but what was measured.
 */

import { downloadSlice } from '@computepool/peer/artifacts/download-slice.ts'
import type { FetchBytes } from '@computepool/peer/artifacts/fetch-artifact.ts'
import { fetchManifest } from '@computepool/peer/artifacts/fetch-manifest.ts'
import { fetchPlaces } from '@computepool/peer/artifacts/fetch-places.ts'
import { createVerifiedStore } from '@computepool/peer/artifacts/verified-store.ts'
import { measuredTolerances } from '@computepool/shared/audit'
import { kvBytesPerToken, type Manifest, partsFor } from '@computepool/shared/model'
import type { ArtifactStorage, Clock, OpenEngine } from '@computepool/shared/ports'
import { verifyEvidence } from '../audit/verify-evidence.ts'
import type { JudgeBundle } from '../auditor-votes.ts'

export interface PoolJudgeOptions {
  /** Origin of the pool. */
  readonly url: string
  readonly storage: ArtifactStorage
  readonly clock: Clock
  readonly fetchBytes: FetchBytes
  /** The same object for a digest each time, so that whoever shares what is loaded sees that it is the same. */
  readonly shareManifest?: (manifest: Manifest) => Manifest
  readonly open: OpenEngine
}

const kvDtypeBytes = 4

/** Errors of the function: `artifact_*`, `engine_*`. */
export function createPoolJudge(options: PoolJudgeOptions): JudgeBundle {
  const { url, storage, clock, fetchBytes, shareManifest = manifest => manifest, open } = options
  const store = createVerifiedStore({ storages: [storage], fetchBytes, clock })
  return async (bundle, signal) => {
    const { name } = bundle.header.model
    const { terms, endPosition } = bundle.header.check
    const { manifestSha256 } = terms
    const packUrl = new URL(`/packs/${encodeURIComponent(name)}@${manifestSha256.slice(0, 16)}/`, url).href
    const manifest = await fetchManifest({ packUrl, manifestSha256, fetchBytes, signal })
    const places = await fetchPlaces({ packUrl, manifestSha256, fetchBytes, clock, signal })
    return verifyEvidence({
      ...{ bundle, manifest, manifestSha256, signal },
      table: measuredTolerances(),
      async open(layers) {
        const parts = partsFor(manifest, layers)
        const download = downloadSlice({ store, packUrl, places, parts, clock, signal, onChange: () => {} })
        const maxContext = Math.min(manifest.dimensions.context, endPosition)
        const kvBudgetBytes = kvBytesPerToken(manifest, kvDtypeBytes) * maxContext * (layers.end - layers.start)
        return open({
          manifest: shareManifest(manifest),
          ...{ layers, parts: await download.finished, kvBudgetBytes, maxContext },
        })
      },
    })
  }
}
