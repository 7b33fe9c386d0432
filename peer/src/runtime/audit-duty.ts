/**
 * What a peer does about checks: hands over what it received, and, where it holds a slice without a seat, computes others' work again and judges
 * evidence; one after the other, and nothing for whoever waits no longer. It knows the desk's words and no chain.
 */
import {
  decodeEvidence,
  judgeEvidence,
  measuredTolerances,
  type RowsSketched,
  type RunCheck,
  type ToleranceTable,
} from '@computepool/shared/audit'
import { asComputePoolError } from '@computepool/shared/errors'
import type { LayerRange, Manifest } from '@computepool/shared/model'
import type { Engine } from '@computepool/shared/ports'
import type { Digest } from '@computepool/shared/receipts'
import { type DeskCommand, type DeskRequest, decodeFrame } from '@computepool/shared/wire'
import { sha256 } from '@noble/hashes/sha2.js'
import { type EvidenceStoreOptions, fetchEvidence, leaveEvidence } from './evidence-store.ts'
import { createHandOvers } from './hand-over.ts'
import { createHandoverInbox } from './handover-inbox.ts'
import { createKeptFrames, type KeptFrames } from './kept-frames.ts'
import type { PeerPowers, PeerTransport } from './peer-powers.ts'
import { auditChunk, runCheck } from './run-check.ts'
import { failed } from './take-handover.ts'
import { verifyWallet } from './verify-wallet.ts'

type JudgeCommand = Extract<DeskCommand, { type: 'judge-evidence' }>
type Judged = Extract<DeskRequest, { type: 'evidence-judged' }>
export type AuditCommand = Extract<DeskCommand, { type: 'hand-over' | 'run-check' | 'judge-evidence' | 'drop-check' }>

/** A slice that is held without a seat. */
export interface SpareSlice {
  readonly engine: Engine
  readonly manifest: Manifest
  readonly manifestSha256: string
}

export interface AuditHost {
  readonly powers: Pick<PeerPowers, 'clock' | 'breathe' | 'digest' | 'pageUrl' | 'fetchBytes' | 'keptFramesBytes'>
  readonly transport: PeerTransport
  readonly send: (request: DeskRequest) => void
  /** Null: nothing is held, or with a seat, or not loaded yet. */
  readonly spare: () => SpareSlice | null
  /** Whether frames may come for a check: a slice without a seat is held, or loaded. */
  readonly isSpare: () => boolean
  readonly table?: ToleranceTable
}

export interface AuditDuty {
  readonly kept: KeptFrames
  obey(command: AuditCommand): void
  /** The slice is given up: what is computed of it is reported as failed. Waits for the engine. */
  release(): Promise<void>
  /** Resolves when nothing waits or runs here. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Checks that wait or run here; the desk gives one at a time. */
const mostTasks = 4

interface Task {
  readonly check: string
  readonly abort: AbortController
  /** Dropped: nobody wants to hear of it. */
  isSilent: boolean
}

export function createAuditDuty({
  powers,
  transport,
  send,
  spare,
  isSpare,
  table = measuredTolerances(),
}: AuditHost): AuditDuty {
  const { clock, breathe, pageUrl, fetchBytes } = powers
  const digest: Digest = powers.digest ?? sha256
  const kept = createKeptFrames({ digest, breathe, limitBytes: powers.keptFramesBytes })
  const handOvers = createHandOvers({ clock, breathe, kept, transport, send })
  const inbox = createHandoverInbox(clock)
  const store: EvidenceStoreOptions = { pageUrl, fetchBytes, digest }
  const tasks = new Set<Task>()
  let turn: Promise<void> = Promise.resolve()

  const stopFrames = transport.onFrame((peer, bytes) => {
    // A seat's frames are its pipeline's, which drops whoever sends anything else.
    if (!isSpare()) return
    try {
      const frame = decodeFrame(bytes)
      if (frame.header.kind === 'handover') inbox.accept(peer, frame)
    } catch {
      transport.dropPeer(peer)
    }
  })
  const isLinked = (peer: string): boolean => transport.links().some(link => link.peer === peer && link.isOpen)

  /** `work` begins when its turn comes, and has until `withinMs` from now on. */
  function enqueue<Said extends DeskRequest>(
    { check, withinMs }: { readonly check: string; readonly withinMs: number },
    work: (signal: AbortSignal) => Promise<Said>,
    failing: (words: string) => Said,
  ): void {
    if (tasks.size >= mostTasks) {
      send(failing(`It is at work on ${tasks.size} checks already.`))
      return
    }
    const task: Task = { check, abort: new AbortController(), isSilent: false }
    tasks.add(task)
    const cancel = clock.schedule(withinMs, () => task.abort.abort(new Error('It took too long.')))
    const run = async (): Promise<void> => {
      let said: Said
      try {
        task.abort.signal.throwIfAborted()
        said = await work(task.abort.signal)
      } catch (thrown) {
        said = failing(asComputePoolError(thrown, 'engine_failed').message)
      }
      cancel()
      tasks.delete(task)
      inbox.drop(check)
      if (!task.isSilent) send(said)
    }
    turn = turn.then(run)
  }

  function held(layers: LayerRange): SpareSlice | null {
    const slice = spare()
    return slice !== null && slice.engine.layers.start === layers.start && slice.engine.layers.end === layers.end
      ? slice
      : null
  }

  function check(command: RunCheck): void {
    const say = (report: Awaited<ReturnType<typeof runCheck>>) =>
      ({ type: 'check-reported', check: command.check, ...report }) as const
    enqueue(
      command,
      async signal => {
        const slice = held(command.layers)
        if (slice === null) return say(notHeld(command.layers))
        const upload = (bundle: Uint8Array, place: NonNullable<RunCheck['evidence']>) =>
          leaveEvidence(store, bundle, place, signal)
        const computed = (sketch: RowsSketched): void =>
          send({ type: 'check-computed', check: command.check, ...sketch })
        const host = { clock, breathe, digest, inbox, isLinked, table, upload, computed, ...slice }
        return say(await runCheck(host, command, slice.engine, signal))
      },
      words => say(failed(words)),
    )
  }

  function judge(command: JudgeCommand): void {
    const say = (verdict: Judged['verdict'], words: string): Judged => {
      const { check, sha256: named } = command
      return { type: 'evidence-judged', check, sha256: named, verdict, words: words.slice(0, 1000) }
    }
    enqueue(
      command,
      async signal => {
        const slice = held(command.layers)
        if (slice === null) return say('failed', notHeld(command.layers).words)
        const bytes = await fetchEvidence(store, command, signal)
        try {
          const bundle = decodeEvidence(bytes)
          const { start, end } = bundle.header.attempts.at(-1)!.receipt.layers
          if (start !== command.layers.start || end !== command.layers.end)
            return say('unsound', `It is about layers ${start} to ${end}.`)
          const open = async () => slice.engine
          const how = { chunk: auditChunk, requestId: command.check, breathe, digest, signal }
          const found = await judgeEvidence({ bundle, ...slice, table, open, verifyWallet, ...how })
          if ('faults' in found)
            return say(found.verdict === 'unpaired' ? 'guilty' : found.verdict, found.faults.join(' '))
          const { over, positions, draws } = found.report
          const ofDraws = draws === null ? '' : ` ${draws.different} of ${draws.verdicts.length} draws differ.`
          const words = `${over} of ${positions} rows differ.${ofDraws}`
          return say(found.verdict === 'cheated' ? 'guilty' : 'innocent', words)
        } catch (thrown) {
          signal.throwIfAborted()
          const { code, message } = asComputePoolError(thrown, 'engine_failed')
          // Another release can judge it: to call it unsound would speak whom it accuses free.
          if (code === 'input_version_unsupported') return say('unjudged', message)
          return say(code.startsWith('input_') ? 'unsound' : 'failed', message)
        }
      },
      words => say('failed', words),
    )
  }

  function endAll(why: string): void {
    for (const { abort } of tasks) abort.abort(new Error(why))
  }

  return {
    kept,
    obey(command) {
      switch (command.type) {
        case 'hand-over':
          return handOvers.begin(command)
        case 'run-check':
          return check(command)
        case 'judge-evidence':
          return judge(command)
        case 'drop-check':
          handOvers.drop(command.check)
          inbox.drop(command.check)
          for (const task of tasks) {
            if (task.check !== command.check) continue
            task.isSilent = true
            task.abort.abort(new Error('Nobody waits for it any more.'))
          }
      }
    },
    async idle() {
      while (tasks.size > 0) await turn
    },
    async release() {
      endAll('The layers were given up.')
      await turn
    },
    async close() {
      stopFrames()
      endAll('The peer left.')
      inbox.close()
      await Promise.all([turn, handOvers.close()])
    },
  }
}

const notHeld = ({ start, end }: LayerRange) => failed(`Layers ${start} to ${end} are not held here without a seat.`)
