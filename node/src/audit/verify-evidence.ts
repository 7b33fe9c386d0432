/**
 * Judges a bundle of evidence by oneself: against the receipts in it, then by computing the accused's steps again with one's own model,
 * engine and tolerances. It knows no chain: whether the bundle is the one that an accusation names is for whoever fetched it.
 */
import {
  checkEvidence,
  type EvidenceBundle,
  type RecomputeReport,
  recompute,
  replayOf,
  type ToleranceRow,
  type ToleranceSide,
  type ToleranceTable,
  toleranceFor,
  unpairedFrames,
} from '@computepool/shared/audit'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import type { Engine } from '@computepool/shared/ports'

export interface VerifyInput {
  readonly bundle: EvidenceBundle
  readonly manifest: Manifest
  /** Of the manifest's bytes, hex: what the coalition's terms name. */
  readonly manifestSha256: string
  readonly table: ToleranceTable
  readonly open: (layers: Engine['layers']) => Promise<Engine>
  readonly signal?: AbortSignal
}

/**
 * `unsound`: it proves nothing, and `faults` say why. `honest`: what the accused signed is what its layers compute. `cheated`: it is not.
 * `unpaired`: the accused signed for frames that cannot be laid side by side, which no honest seat does.
 */
export type EvidenceVerdict =
  | { readonly verdict: 'unsound' | 'unpaired'; readonly faults: readonly string[] }
  | { readonly verdict: 'honest' | 'cheated'; readonly report: RecomputeReport; readonly relative: number }

/** Errors: `input_model_unknown` for another model than the bundle's, `input_unsupported` where nobody measured this engine; the engine's. */
export async function verifyEvidence(input: VerifyInput): Promise<EvidenceVerdict> {
  const { bundle, manifest, manifestSha256 } = input
  const { model, receipts, check } = bundle.header
  if (model.manifestSha256 !== manifestSha256)
    throw new ComputePoolError(
      'input_model_unknown',
      `The evidence is about ${model.name} with the manifest ${model.manifestSha256}, and this pack's is ${manifestSha256}.`,
      { remedy: 'Give the pack that the coalition serves.' },
    )
  const faults = checkEvidence(bundle)
  const { layers } = receipts.accused.receipt
  if (layers.start >= layers.end || layers.end > manifest.dimensions.layers)
    faults.push(`The accused signed for layers ${layers.start} to ${layers.end} of ${manifest.dimensions.layers}.`)
  if (faults.length > 0) return { verdict: 'unsound', faults }
  const unpaired = unpairedFrames(bundle.header)
  if (unpaired !== null) return { verdict: 'unpaired', faults: [unpaired] }
  const engine = await input.open(layers)
  try {
    const { kind, activationDtype: dtype } = engine.facts
    const tolerance = loosestFor(input.table, { kind, dtype }, manifest.quantisation, layers.end - layers.start)
    const report = await recompute({
      engine,
      ...replayOf(bundle, manifest.dimensions.vocab),
      tolerance,
      endPosition: check.endPosition,
      ...(input.signal === undefined ? {} : { signal: input.signal }),
    })
    return { verdict: report.isHonest ? 'honest' : 'cheated', report, relative: tolerance.relative }
  } finally {
    await engine.close()
  }
}

/** What the accused computed on is its accuser's word: the measured engine that lies furthest from ours is taken, to the accused's favour. One that nobody measured may lie further. */
function loosestFor(
  table: ToleranceTable,
  ours: ToleranceSide,
  quantisation: Manifest['quantisation'],
  layers: number,
): ToleranceRow {
  let loosest: ToleranceRow | null = null
  for (const kind of ['webgpu', 'wasm', 'native'] as const)
    for (const dtype of ['f32', 'f16', 'bf16'] as const) {
      const row = toleranceFor(table, { sides: [ours, { kind, dtype }], quantisation, layers })
      if (row !== null && row.relative > (loosest?.relative ?? 0)) loosest = row
    }
  if (loosest !== null) return loosest
  throw new ComputePoolError(
    'input_unsupported',
    `Nobody measured how far ${ours.kind} ${ours.dtype} lies from other engines on ${layers} layers of ${quantisation}.`,
    { remedy: 'Judge it on another engine, or measure this one.' },
  )
}
