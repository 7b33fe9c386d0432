/**
 * One check, as an auditor makes it: waits for what a seat received, computes the layers again and says so, and only then gets what the seat sent, lays
 * both against their receipts, and says what came of it. It knows no queue and no slice; where it lends an engine from is its host's business.
 */
import {
  assembleCase,
  assembleReceived,
  type CaseBundle,
  type ComputedRows,
  computeRows,
  type EvidenceHeader,
  type EvidenceVerdict,
  encodeEvidence,
  faultsOfWords,
  type Handover,
  keptPositions,
  type ReceivedCase,
  type RecomputeReport,
  type ReplayInput,
  type RowsSketched,
  type RunCheck,
  receivedFrames,
  replayEvidence,
  sideToJudgeBy,
  sketchComputed,
  type ToleranceSide,
  type ToleranceTable,
  type Unassembled,
} from '@computepool/shared/audit'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import type { Engine } from '@computepool/shared/ports'
import type { Digest } from '@computepool/shared/receipts'
import { protocolVersion } from '@computepool/shared/wire'
import { type CheckReport, failed, type TakeHost, takeHandover, withheld } from './take-handover.ts'
import { verifyWallet } from './verify-wallet.ts'

export interface CheckHost extends TakeHost {
  readonly breathe: () => Promise<void>
  readonly digest: Digest
  /** Says `check-computed`. */
  readonly computed: (sketch: RowsSketched) => void
  readonly manifest: Manifest
  readonly manifestSha256: string
  readonly table: ToleranceTable
  /** Leaves a bundle at the pool; answers its SHA-256. Errors: `peer_unreachable`. */
  readonly upload: (
    bundle: Uint8Array,
    place: NonNullable<RunCheck['evidence']>,
    signal: AbortSignal,
  ) => Promise<string>
}

/**
 * Of the time that a check has, how long what the seat received is waited for. Whoever sends the rest must have had as much to be blamed: else the
 * checked seat, which comes first, would choose how little its honest neighbour has.
 */
const receivedShare = 0.5
/** What is left for comparing when what it sent is waited for no longer. */
const reportShare = 0.05
/** Positions between two breaths: a live request's steps go between. */
export const auditChunk = 64
const version = '0.1.0'
const coarseness = { f32: 0, f16: 1, bf16: 2 } as const

/** Errors: the signal's reason alone; all others are reports. */
export async function runCheck(
  host: CheckHost,
  command: RunCheck,
  engine: Engine,
  signal: AbortSignal,
): Promise<CheckReport> {
  try {
    if (command.plan.terms.manifestSha256 !== host.manifestSha256)
      return failed(
        `The attempt was served of the manifest ${command.plan.terms.manifestSha256}, which is not held here.`,
      )
    const handed = await collect(host, command, engine, signal)
    if ('outcome' in handed) return handed
    const assembled = assembleCase(command, handed.of, handed.sent, host.digest)
    if ('failed' in assembled) return failed(assembled.failed)
    if ('blamed' in assembled) return withheld(assembled.blamed, assembled.words)
    const { bundle } = assembled
    const [fault] = await faultsOfWords(bundle.header, verifyWallet)
    if (fault !== undefined) return failed(fault)
    const startedMs = host.clock.monotonicMs()
    const replay = {
      ...{ bundle, ...host, engine, chunk: auditChunk, requestId: command.check, signal },
      computed: handed.computed,
    }
    const told = toldEngine(command, bundle)
    const strict = await replayEvidence({ ...replay, accused: told })
    // Finer ones excuse nobody, and may come of an engine that gave way to another.
    if (strict.verdict === 'unjudged' && coarseness[told.dtype] > coarseness[command.engine.dtype])
      return withheld(
        command.accused,
        `It signed rows in ${told.dtype}, which nobody measured, and had said that it computes in ${command.engine.dtype}.`,
      )
    const found =
      strict.verdict === 'cheated' && strict.isBeyondFloor !== true ? await asOthersJudge(replay, told, strict) : strict
    const computeMs = handed.computeMs + Math.max(0, host.clock.monotonicMs() - startedMs)
    return await reportOf(host, command, { bundle, found, engine, computeMs }, signal)
  } catch (thrown) {
    signal.throwIfAborted()
    return failed(asComputePoolError(thrown, 'engine_failed').message)
  }
}

/** What the seat said that it computes with; its floats are those of the rows that it signed, whatever it said. */
function toldEngine({ engine }: RunCheck, { header: { outgoing } }: CaseBundle): ToleranceSide {
  return { ...engine, dtype: outgoing.dtype }
}

/**
 * Whoever judges the bundle does not take the desk's word for what the accused computed on, and allows for more. Where that decides, nothing
 * can be proven: to accuse would make a false witness of us.
 */
async function asOthersJudge(
  replay: Omit<ReplayInput, 'accused'>,
  told: ToleranceSide,
  strict: EvidenceVerdict,
): Promise<EvidenceVerdict> {
  const { bundle, manifest, engine, table } = replay
  const { start, end } = bundle.header.attempts.at(-1)!.receipt.layers
  const ours = { kind: engine.facts.kind, dtype: engine.facts.activationDtype }
  const query = { quantisation: manifest.quantisation, layers: end - start, ours }
  const accused = sideToJudgeBy(bundle, table, query)
  if (accused.kind === told.kind && accused.dtype === told.dtype) return strict
  const found = await replayEvidence({ ...replay, accused })
  if (found.verdict !== 'honest') return found
  const allowed = `${accused.kind} ${accused.dtype}`
  return {
    verdict: 'unjudged',
    faults: [`It lies further off than ${told.kind} ${told.dtype} does, and no further than ${allowed} may.`],
  }
}

interface Handed {
  readonly of: ReceivedCase
  readonly sent: Handover
  /** What was computed before `sent` was there. */
  readonly computed: ComputedRows
  readonly computeMs: number
}

/** What both sides hand over; one's own rows are computed, and the desk is told so, before what the seat sent is asked for. */
async function collect(
  host: CheckHost,
  command: RunCheck,
  engine: Engine,
  signal: AbortSignal,
): Promise<Handed | CheckReport> {
  const { check, withinMs, receivedFrom, sentFrom, nonce } = command
  const beganMs = host.clock.monotonicMs()
  const received =
    receivedFrom === null
      ? null
      : await takeHandover(
          host,
          { check, peer: receivedFrom, as: 'received', withinMs: withinMs * receivedShare },
          signal,
        )
  if (received !== null && 'outcome' in received) return received
  // Before anything is computed: two auditors must have had the same.
  const of = reportable(assembleReceived(command, received, host.digest))
  if ('outcome' in of) return of
  const startedMs = host.clock.monotonicMs()
  const computed = await computeFirst(host, { command, of, engine, nonce }, signal)
  const nowMs = host.clock.monotonicMs()
  const leftMs = withinMs * (1 - reportShare) - (nowMs - beganMs)
  const isExcused = leftMs < withinMs * receivedShare
  const sent = await takeHandover(host, { check, peer: sentFrom, as: 'sent', withinMs: leftMs, isExcused }, signal)
  if ('outcome' in sent) return sent
  return { of, sent, computed, computeMs: Math.max(0, nowMs - startedMs) }
}

/** Computes, and tells the desk what came of it: 32 numbers, no row. */
async function computeFirst(
  { breathe, computed: tell, manifest }: CheckHost,
  { command, of, engine, nonce }: { command: RunCheck; of: ReceivedCase; engine: Engine; nonce: string },
  signal: AbortSignal,
): Promise<ComputedRows> {
  const { endPosition, positions } = command.plan
  const { hidden } = manifest.dimensions
  const isOdd = of.attempts.some(({ incoming }) => incoming.kind === 'frames' && incoming.hidden !== hidden)
  if (isOdd) throw new ComputePoolError('input_invalid', `Its rows are not of the model's ${hidden} numbers.`)
  const frames = receivedFrames({ ...of, endPosition: Math.min(endPosition, positions), sent: null }, of.incoming)
  const how = { chunk: auditChunk, requestId: command.check, breathe, signal }
  const where = { fromPosition: keptPositions(of), endPosition: Math.min(endPosition, positions) }
  const rows = await computeRows({ engine, frames, ...where, ...how })
  tell(await sketchComputed(rows, nonce, { ...where, breathe, signal }))
  return rows
}

function reportable(of: ReceivedCase | Unassembled): ReceivedCase | CheckReport {
  if ('failed' in of) return failed(of.failed)
  return 'blamed' in of ? withheld(of.blamed, of.words) : of
}

interface Found {
  readonly bundle: CaseBundle
  readonly found: EvidenceVerdict
  readonly engine: Engine
  readonly computeMs: number
}

async function reportOf(host: CheckHost, command: RunCheck, judged: Found, signal: AbortSignal): Promise<CheckReport> {
  const { found, computeMs } = judged
  const finding = 'report' in found ? findingOf(found.report) : null
  const said = { blamed: null, computeMs, finding, evidence: null }
  if (found.verdict === 'unsound') return { ...said, outcome: 'failed', words: wordsOf(found.faults) }
  if (found.verdict === 'unjudged') return { ...said, outcome: 'unjudged', words: wordsOf(found.faults) }
  if (found.verdict === 'honest') return { ...said, outcome: 'agreed', words: 'Its layers give what it sent.' }
  const words = 'faults' in found ? wordsOf(found.faults) : inWords(found.report)
  if (command.evidence === null) return { ...said, outcome: 'differs', words }
  const bytes = bundleOf(host, command, judged)
  const sha256 = await host.upload(bytes, command.evidence, signal)
  return { ...said, outcome: 'differs', words, evidence: { sha256, sizeBytes: bytes.length } }
}

function bundleOf({ manifest }: CheckHost, command: RunCheck, { bundle, found, engine }: Found): Uint8Array {
  const none = { positions: 0, worst: 0, worstPosition: 0, over: 0, different: 0, nearTies: 0 }
  const { kind, activationDtype: dtype } = engine.facts
  const { relative, logit, nearTieShare } = 'tolerance' in found ? found.tolerance : { relative: 1, logit: 100 }
  const header: Omit<EvidenceHeader, 'sections'> = {
    format: 'computepool-evidence',
    version: 3,
    versions: { computepool: version, protocol: protocolVersion },
    model: { name: manifest.model, quantisation: manifest.quantisation },
    ...bundle.header,
    engines: { accused: toldEngine(command, bundle), auditor: { kind, dtype } },
    tolerance: { relative, logit, ...(nearTieShare === undefined ? {} : { nearTieShare }) },
    finding: { isHonest: false, ...('report' in found ? findingOf(found.report) : none) },
  }
  return encodeEvidence({ header, incoming: bundle.incoming, outgoing: bundle.outgoing })
}

/** A worst that is no number is told as 1e300, for JSON has none. */
function findingOf({ positions, worst, worstPosition, over, draws }: RecomputeReport) {
  const { different = 0, nearTies = 0 } = draws ?? {}
  return { positions, worst: Math.min(worst, 1e300), worstPosition, over, different, nearTies }
}

function inWords({ positions, over, worst, worstPosition, draws }: RecomputeReport): string {
  const ofRows = `${over} of ${positions} rows differ; the worst, at position ${worstPosition}, by ${worst.toPrecision(3)}.`
  if (draws === null) return ofRows
  return `${ofRows} Of ${draws.verdicts.length} draws ${draws.different} differ and ${draws.nearTies} are near ties.`
}

const wordsOf = (faults: readonly string[]): string => faults.join(' ').slice(0, 1000)
