/**
 * Works one case in all its ways and compares: a record of errors by who claimed, who recomputed, and metric. It writes no files and knows
 * no thresholds.
 */
import { type Cheat, cheatOn, type WorkSlice } from './cheats.ts'
import { openModel } from './models.ts'
import { nativeHost } from './native-host.ts'
import type { Tab } from './open-tab.ts'
import type { Case } from './plan.ts'
import type { Weights } from './requantise.ts'
import { logitErrors, rowErrors } from './row-errors.ts'
import { type ReadText, randomTokens } from './texts.ts'
import type { Metric, Seat } from './tolerance-data.ts'
import { type Way, wayName } from './ways.ts'
import { doWork, type SliceInput } from './work.ts'

export interface ErrorGroup {
  readonly producer: Seat
  readonly auditor: Seat
  readonly metric: Metric
  readonly cheat: Cheat | null
  readonly errors: Float64Array
}

export interface CaseRecord {
  readonly case: Omit<Case, 'ways' | 'auditors' | 'cheats'>
  readonly groups: readonly ErrorGroup[]
  /** Of each engine that worked. */
  readonly devices: readonly string[]
}

export interface MeasureHosts {
  readonly demo: Weights
  readonly demoText: ReadText
  /** Opened when a way asks for it. */
  readonly openTab: () => Promise<Tab>
}

interface Worked {
  readonly name: string
  readonly seat: Seat
  readonly boundary: Float32Array
  readonly logits: Float32Array | null
}

/** Errors: what an engine raised. */
export async function measureCase(measured: Case, hosts: MeasureHosts): Promise<CaseRecord> {
  const { ways, auditors, cheats, ...rest } = measured
  const weights = openModel(measured.model, hosts.demo)
  const tokens = textOf(measured, weights, hosts)
  const input = await inputOf(measured, weights, tokens)
  const devices = new Set<string>()
  const work: WorkSlice = async ({ quantisation, layers, input: rows, way }) => {
    const model = { ...measured.model, ...(quantisation === undefined ? {} : { quantisation }) }
    const outcome =
      way.engine === 'native'
        ? await doWork({ weights: openModel(model, hosts.demo), layers, input: rows, way }, nativeHost)
        : await (await hosts.openTab()).work(model, { layers, input: rows, way })
    devices.add(`${outcome.facts.kind}: ${outcome.facts.device}`)
    return outcome
  }
  const worked = async (way: Way): Promise<Worked> => {
    const { boundary, logits } = await work({ layers: measured.layers, input, way })
    return { name: wayName(way), seat: seatOf(way), boundary, logits }
  }
  const groups = new Map<string, { key: Omit<ErrorGroup, 'errors'>; pieces: Float64Array[] }>()
  const add = (key: Omit<ErrorGroup, 'errors'>, errors: Float64Array) => {
    const name = JSON.stringify(key)
    const group = groups.get(name) ?? { key, pieces: [] }
    groups.set(name, group)
    group.pieces.push(errors)
  }
  const widths = weights.manifest.dimensions
  const compare = (claimed: Worked, recomputed: Worked, cheat: Cheat | null, from = 0) => {
    const key = { producer: claimed.seat, auditor: recomputed.seat, cheat }
    const rows = (values: Float32Array, width: number) => values.subarray(from * width)
    const pair = (a: Float32Array, b: Float32Array, width: number) => ({
      claimed: rows(a, width),
      recomputed: rows(b, width),
      width,
    })
    add({ ...key, metric: 'row-l2' }, rowErrors(pair(claimed.boundary, recomputed.boundary, widths.hidden)))
    if (claimed.logits !== null && recomputed.logits !== null)
      add({ ...key, metric: 'logit' }, logitErrors(pair(claimed.logits, recomputed.logits, widths.vocab)))
  }

  const claims: Worked[] = []
  for (const way of ways) claims.push(await worked(way))
  const checks: Worked[] = []
  for (const way of auditors ?? []) checks.push(await worked(way))
  if (auditors === null)
    for (const [i, one] of claims.entries()) for (const other of claims.slice(i + 1)) compare(one, other, null)
  else
    for (const claim of claims) for (const check of checks) if (claim.name !== check.name) compare(claim, check, null)
  for (const cheat of cheats)
    for (const [i, way] of (auditors ?? []).entries()) {
      // Rounding what is sent is no cheat where f16 was promised, and neither is computing in it.
      if (way.dtype === 'f16' && (cheat === 'sent as f16' || cheat === 'computed in f16')) continue
      const { boundary, logits, from } = await cheatOn(cheat, { weights, layers: measured.layers, input, way, work })
      const claim = { name: cheat, seat: seatOf(way), boundary, logits }
      for (const check of checks.slice(i)) compare(claim, check, cheat, from)
    }
  return {
    case: rest,
    groups: [...groups.values()].map(({ key, pieces }) => ({ ...key, errors: joined(pieces) })),
    devices: [...devices].sort(),
  }
}

function seatOf({ engine, dtype }: Way): Seat {
  return { engine, dtype }
}

function joined(pieces: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

function textOf(
  { model, text, positions }: Case,
  { manifest }: Weights,
  { demoText }: MeasureHosts,
): readonly number[] {
  return model.shape === 'demo' ? demoText(text, positions) : randomTokens(manifest.dimensions.vocab, text, positions)
}

/** What the seats before the slice would have sent: native, in f32. */
async function inputOf({ layers }: Case, weights: Weights, tokens: readonly number[]): Promise<SliceInput> {
  if (layers.start === 0) return { tokens }
  const before = { start: 0, end: layers.start }
  const way: Way = { engine: 'native', dtype: 'f32', steps: 64 }
  return { values: (await doWork({ weights, layers: before, input: { tokens }, way }, nativeHost)).boundary }
}
