/**
 * One check, as an auditor makes it: waits for what two peers hand over, lays it against their receipts, computes the layers again, and says
 * what came of it. It knows no queue and no slice; where it lends an engine from is its host's business.
 */
import {
  assembleCase,
  type CaseBundle,
  decodeHandover,
  type EvidenceHeader,
  type EvidenceVerdict,
  encodeEvidence,
  faultsOfWords,
  type Handover,
  type RecomputeReport,
  type ReplayInput,
  type RunCheck,
  replayEvidence,
  sideToJudgeBy,
  type ToleranceSide,
  type ToleranceTable,
} from '@computepool/shared/audit'
import { asComputePoolError } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import type { Clock, Engine } from '@computepool/shared/ports'
import type { Digest } from '@computepool/shared/receipts'
import { type DeskRequest, protocolVersion } from '@computepool/shared/wire'
import type { Arrived, HandoverInbox } from './handover-inbox.ts'
import { verifyWallet } from './verify-wallet.ts'

type Reported = Extract<DeskRequest, { type: 'check-reported' }>
export type CheckReport = Omit<Reported, 'type' | 'check'>

export interface CheckHost {
  readonly clock: Clock
  readonly breathe: () => Promise<void>
  readonly digest: Digest
  readonly inbox: Pick<HandoverInbox, 'arrival'>
  readonly isLinked: (peer: string) => boolean
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

/** Of the time that a check has, what is left for computing when hand-overs are waited for no longer. */
const computeShare = 0.4
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
    const handed = await collect(host, command, signal)
    if ('blamed' in handed) return handed
    const assembled = assembleCase(command, handed.received, handed.sent, host.digest)
    if ('failed' in assembled) return failed(assembled.failed)
    if ('blamed' in assembled) return withheld(assembled.blamed, assembled.words)
    const { bundle } = assembled
    const [fault] = await faultsOfWords(bundle.header, verifyWallet)
    if (fault !== undefined) return failed(fault)
    const startedMs = host.clock.monotonicMs()
    const replay = { bundle, ...host, engine, chunk: auditChunk, requestId: command.check, signal }
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
    const computeMs = Math.max(0, host.clock.monotonicMs() - startedMs)
    return await reportOf(host, command, { bundle, found, engine, computeMs }, signal)
  } catch (thrown) {
    signal.throwIfAborted()
    return failed(asComputePoolError(thrown, 'engine_failed').message)
  }
}

/** What the seat said that it computes with; its floats are those of the rows that it signed, whatever it said. */
function toldEngine({ engine }: RunCheck, { header: { outgoing } }: CaseBundle): ToleranceSide {
  return outgoing.kind === 'frames' ? { ...engine, dtype: outgoing.dtype } : engine
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

async function collect(
  { clock, inbox, isLinked }: CheckHost,
  { check, withinMs, receivedFrom, sentFrom, accused }: RunCheck,
  outer: AbortSignal,
): Promise<{ received: Handover | null; sent: Handover } | CheckReport> {
  const late = new AbortController()
  const cancel = clock.schedule(withinMs * (1 - computeShare), () => late.abort(new Error('late')))
  const give = (): void => late.abort(outer.reason)
  outer.addEventListener('abort', give, { once: true })
  /** A blob, or what to report where it does not come. */
  const take = async (peer: string, as: 'received' | 'sent' | null): Promise<Handover | CheckReport> => {
    let arrived: Arrived
    try {
      arrived = await inbox.arrival(check, peer, as, late.signal)
    } catch {
      outer.throwIfAborted()
      // Whoever has no way to us owes nothing.
      if (!isLinked(peer)) return { ...failed(`There is no link to ${peer}.`), blamed: peer as Reported['blamed'] }
      return withheld(peer, 'It handed over nothing in time, or not all.')
    }
    if ('noRoom' in arrived) return failed('More was handed over at once than there is room for.')
    if ('fault' in arrived) return withheld(peer, arrived.fault)
    try {
      return decodeHandover(arrived.bytes)
    } catch (thrown) {
      return withheld(peer, asComputePoolError(thrown).message)
    }
  }
  try {
    // The exit's draws come with what it received.
    const isOwn = sentFrom === accused
    const asked = [
      receivedFrom === null ? null : take(receivedFrom, 'received'),
      isOwn && receivedFrom !== null ? null : take(sentFrom, isOwn ? null : 'sent'),
    ] as const
    const [received, sent] = await Promise.all(asked)
    for (const each of [received, sent]) if (each !== null && 'outcome' in each) return each
    const whole = received as Handover | null
    return { received: whole, sent: (sent ?? received) as Handover }
  } finally {
    cancel()
    outer.removeEventListener('abort', give)
  }
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
    version: 2,
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
  if (draws !== null)
    return `Of ${draws.verdicts.length} draws ${draws.different} differ and ${draws.nearTies} are near ties.`
  return `${over} of ${positions} rows differ; the worst, at position ${worstPosition}, by ${worst.toPrecision(3)}.`
}

const wordsOf = (faults: readonly string[]): string => faults.join(' ').slice(0, 1000)

export function failed(words: string): CheckReport {
  return { outcome: 'failed', blamed: null, words: words.slice(0, 1000), computeMs: 0, finding: null, evidence: null }
}

function withheld(peer: string, words: string): CheckReport {
  return { ...failed(words), outcome: 'withheld', blamed: peer as Reported['blamed'] }
}
