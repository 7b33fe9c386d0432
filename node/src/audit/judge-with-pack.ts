/** Judges bundles by a model's pack in a folder: opens it once, and an engine of the accused's layers for each bundle. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type EvidenceBundle,
  type EvidenceVerdict,
  measuredTolerances,
  type ToleranceTable,
} from '@computepool/shared/audit'
import { ComputePoolError } from '@computepool/shared/errors'
import { parseManifest } from '@computepool/shared/model'
import type { Engine } from '@computepool/shared/ports'
import { verifyEvidence } from './verify-evidence.ts'

export interface PackJudgeOptions {
  readonly folder: string
  /** 0: the runtime's choice. */
  readonly threads?: number
  /** Default: what was measured for this version. */
  readonly table?: ToleranceTable
}

export type JudgeBundle = (bundle: EvidenceBundle, signal: AbortSignal) => Promise<EvidenceVerdict>

/** Errors: `input_not_found` where there is no pack. */
export async function openPackJudge({ folder, threads = 0, table }: PackJudgeOptions): Promise<JudgeBundle> {
  const path = join(folder, 'manifest.json')
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ComputePoolError('input_not_found', `${path} cannot be read.`, { remedy: 'Give a pack’s folder.', cause })
  })
  const manifest = parseManifest(JSON.parse(bytes.toString('utf8')))
  const manifestSha256 = createHash('sha256').update(bytes).digest('hex')
  const { openNativeEngine } = await import('../engine/open-native-engine.ts')
  const { packFolderParts } = await import('../engine/pack-folder-parts.ts')
  const opening = (layers: Engine['layers'], maxContext: number): Promise<Engine> =>
    openNativeEngine(
      { manifest, layers, parts: packFolderParts(folder), kvBudgetBytes: 2 ** 32, maxContext },
      { threads },
    )
  return async (bundle, signal) => {
    const { terms, endPosition } = bundle.header.check
    // Of another model this pack knows nothing: that is no fault of the bundle's.
    if (terms.manifestSha256 !== manifestSha256) return { verdict: 'unjudged', faults: ['It is about another model.'] }
    const maxContext = Math.min(manifest.dimensions.context, endPosition)
    return verifyEvidence({
      ...{ bundle, manifest, manifestSha256, signal },
      table: table ?? measuredTolerances(),
      open: layers => opening(layers, maxContext),
    })
  }
}
