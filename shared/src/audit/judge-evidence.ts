/**
 * What a bundle of evidence proves, found by oneself: its words against the receipts in it, then the accused's steps computed again by an
 * engine of one's own and compared within one's own tolerances. It knows no chain, no pool and no file.
 */
import type { Manifest } from '../model/index.ts'
import type { Engine } from '../ports/index.ts'
import type { Digest } from '../receipts/index.ts'
import { besidePlan, type CaseBundle, checkEvidence, type VerifyWallet } from './check-evidence.ts'
import type { ComputedRows } from './compute-rows.ts'
import { heldBytes } from './evidence-bundle.ts'
import type { EvidenceAttempt, EvidenceFrames, EvidenceHeader } from './evidence-header.ts'
import { floorFor, isBeyondFloor, type Tolerance } from './loose-floor.ts'
import { unpairedFrames } from './pair-frames.ts'
import { type RecomputeReport, recompute } from './recompute.ts'
import { replayOf } from './replay-of.ts'
import { type ToleranceSide, type ToleranceTable, toleranceFor } from './tolerance.ts'

/**
 * `unsound`: it proves nothing, and `faults` say why. `honest`: what the accused signed is what its layers compute. `cheated`: it is not.
 * `unpaired`: the accused signed for what no honest seat does. `unjudged`: nobody measured such engines and it is not beyond the floor for those
 * (`looseFloor`), or too little is known.
 */
export type EvidenceVerdict =
  | { readonly verdict: 'unsound' | 'unpaired' | 'unjudged'; readonly faults: readonly string[] }
  | {
      readonly verdict: 'honest' | 'cheated'
      readonly report: RecomputeReport
      readonly tolerance: Tolerance
      /** Nobody measured such engines: it is further off than any floats are. */
      readonly isBeyondFloor?: true
    }

export interface ReplayInput {
  readonly bundle: CaseBundle
  readonly manifest: Pick<Manifest, 'dimensions' | 'quantisation'>
  /** It holds the accused's layers. */
  readonly engine: Engine
  readonly table: ToleranceTable
  /** What the accused computed with, as far as is known. */
  readonly accused: ToleranceSide
  /** As `recompute` has them. */
  readonly computed?: ComputedRows | undefined
  readonly chunk?: number
  readonly requestId?: string
  readonly breathe?: () => Promise<void>
  readonly signal?: AbortSignal
}

/** Of a sound bundle. Errors: `input_*` for frames that no engine takes; the engine's. */
export async function replayEvidence(input: ReplayInput): Promise<EvidenceVerdict> {
  const { bundle, manifest, engine, table, accused } = input
  const { header } = bundle
  const unpaired = unpairedFrames(header)
  if (unpaired !== null) return { verdict: 'unpaired', faults: [unpaired] }
  const { layers } = header.attempts.at(-1)!.receipt
  const { hidden, vocab } = manifest.dimensions
  const isOdd = (side: EvidenceAttempt['incoming']) => side.kind === 'frames' && side.hidden !== hidden
  if (isOdd(header.outgoing)) return oddRows(header.outgoing, hidden)
  if (header.attempts.some(({ incoming }) => isOdd(incoming)))
    return { verdict: 'unsound', faults: [`Its rows are not of the model's ${hidden} numbers.`] }
  const unknown = unknownDraws(header)
  if (unknown !== null) return { verdict: 'unjudged', faults: [unknown] }
  const ours = { kind: engine.facts.kind, dtype: engine.facts.activationDtype }
  const count = layers.end - layers.start
  const measured = toleranceFor(table, { sides: [accused, ours], quantisation: manifest.quantisation, layers: count })
  const tolerance = measured ?? floorFor({ ours, layers: count })
  const unjudged = {
    verdict: 'unjudged',
    faults: [unmeasured(accused, ours, manifest.quantisation, layers)],
  } as const
  if (tolerance === null) return unjudged
  const beside = besidePlan(header)
  const { chunk, requestId, breathe, signal, computed } = input
  const report = await recompute({
    engine,
    ...replayOf(bundle, vocab),
    // What was not planned an accuser may have chosen: near ties, which chance brings, are not counted there.
    tolerance: beside === null ? tolerance : { ...tolerance, nearTieShare: 1 },
    ...(computed === undefined ? {} : { computed }),
    ...(chunk === undefined ? {} : { chunk }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(breathe === undefined ? {} : { breathe }),
    ...(signal === undefined ? {} : { signal }),
    isLoose: measured === null,
  })
  if (measured === null)
    return isBeyondFloor(report) ? { verdict: 'cheated', report, tolerance, isBeyondFloor: true } : unjudged
  if (!report.isHonest) return { verdict: 'cheated', report, tolerance }
  if (beside !== null) return { verdict: 'unjudged', faults: [beside] }
  const { draws } = report
  const known = draws === null ? [] : draws.verdicts.filter(verdict => verdict !== 'unjudged')
  if (draws !== null && known.length * 2 < draws.verdicts.length)
    return { verdict: 'unjudged', faults: [undrawable(draws.verdicts.length - known.length, draws.verdicts.length)] }
  return { verdict: 'honest', report, tolerance }
}

/** Links do not tell how wide rows are, but the digests of payloads do: of what is held somebody signed for just so many bytes a row. */
function oddRows(outgoing: EvidenceFrames, hidden: number): EvidenceVerdict {
  if (heldBytes(outgoing) === 0) return { verdict: 'unsound', faults: ['Nothing is there of what it sent.'] }
  const width = outgoing.hidden
  return {
    verdict: 'unpaired',
    faults: [`The accused signed for rows of ${width} numbers; the model's have ${hidden}.`],
  }
}

function unmeasured(
  theirs: ToleranceSide,
  ours: ToleranceSide,
  quantisation: string,
  layers: Engine['layers'],
): string {
  return `Nobody measured how far ${theirs.kind} ${theirs.dtype} lies from ${ours.kind} ${ours.dtype} on ${layers.end - layers.start} layers of ${quantisation}.`
}

function undrawable(unjudged: number, all: number): string {
  return `What ${unjudged} of ${all} tokens were drawn from is beyond what can be computed with here.`
}

/** A ring of one seat signs its text as a whole, and not where the answer of an earlier attempt began: penalties count from there. */
function unknownDraws({ attempts, draws }: CaseBundle['header']): string | null {
  if (draws === null || attempts.at(-1)!.incoming.kind !== 'text') return null
  const { presencePenalty, frequencyPenalty } = draws.params
  if (presencePenalty === 0 && frequencyPenalty === 0) return null
  return 'How a ring of one seat drew under penalties cannot be told from what it signed.'
}

export interface JudgeInput {
  readonly bundle: CaseBundle & { readonly header: EvidenceHeader }
  readonly manifest: Manifest
  /** Of the manifest's bytes, hex. */
  readonly manifestSha256: string
  readonly table: ToleranceTable
  /** Opens the accused's layers, or lends them. Whoever lends closes. */
  readonly open: (layers: Engine['layers']) => Promise<Engine>
  readonly verifyWallet: VerifyWallet
  /** SHA-256, where the host's is faster than the pure core's. */
  readonly digest?: Digest
  readonly chunk?: number
  readonly requestId?: string
  readonly breathe?: () => Promise<void>
  readonly signal?: AbortSignal
}

/**
 * Judges a bundle that somebody else made. What the accused computed on is its accuser's word: by the floor where nobody measured that pair,
 * else the loosest row of our engine's is taken, to the accused's favour (`sideToJudgeBy`).
 */
export async function judgeEvidence(input: JudgeInput): Promise<EvidenceVerdict> {
  const { bundle, manifest, table } = input
  const faults = await checkEvidence(bundle, input.verifyWallet, input.digest)
  const { check, engines, attempts } = bundle.header
  if (check.terms.manifestSha256 !== input.manifestSha256)
    faults.push(
      `The attempt was served of the manifest ${check.terms.manifestSha256}, and this model's is ${input.manifestSha256}.`,
    )
  const { layers } = attempts.at(-1)!.receipt
  if (layers.start >= layers.end || layers.end > manifest.dimensions.layers)
    faults.push(`The accused signed for layers ${layers.start} to ${layers.end} of ${manifest.dimensions.layers}.`)
  if (faults.length > 0) return { verdict: 'unsound', faults }
  const engine = await input.open(layers)
  const ours = { kind: engine.facts.kind, dtype: engine.facts.activationDtype }
  const query = { quantisation: manifest.quantisation, layers: layers.end - layers.start }
  const isMeasured = toleranceFor(table, { ...query, sides: [engines.accused, ours] }) !== null
  const accused = isMeasured ? sideToJudgeBy(bundle, table, { ...query, ours }) : engines.accused
  return replayEvidence({ ...input, engine, accused })
}

/**
 * What to take the accused's engine for where its accuser's word does not count: of all that were measured against ours, the one that lies
 * furthest from it. Rows have their floats under the accused's own signature, and only such engines are looked at.
 */
export function sideToJudgeBy(
  { header: { outgoing } }: CaseBundle,
  table: ToleranceTable,
  { ours, ...query }: Omit<Parameters<typeof toleranceFor>[1], 'sides'> & { readonly ours: ToleranceSide },
): ToleranceSide {
  let loosest: { readonly side: ToleranceSide; readonly relative: number } | null = null
  for (const kind of ['webgpu', 'wasm', 'native'] as const) {
    const side = { kind, dtype: outgoing.dtype }
    const row = toleranceFor(table, { ...query, sides: [ours, side] })
    if (row !== null && row.relative > (loosest?.relative ?? 0)) loosest = { side, relative: row.relative }
  }
  return loosest?.side ?? ours
}
