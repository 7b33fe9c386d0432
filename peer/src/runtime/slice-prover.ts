/**
 * Proves the slice that is held without a seat, when the desk asks: computes what a seed makes, and signs the sketch of what came out. One at a time; it
 * knows neither who else is asked, nor what follows.
 */
import { answerChallenge, sliceProofText } from '@computepool/shared/audit'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { ReceiptSigner } from '@computepool/shared/receipts'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import type { SpareSlice } from './audit-duty.ts'
import type { PeerPowers } from './peer-powers.ts'
import { auditChunk } from './run-check.ts'

export type ProveCommand = Extract<DeskCommand, { type: 'prove-slice' | 'drop-proof' }>
type Asked = Extract<DeskCommand, { type: 'prove-slice' }>
type Said = Extract<DeskRequest, { type: 'slice-proved' }>

export interface SliceProverHost {
  readonly powers: Pick<PeerPowers, 'clock' | 'breathe'>
  readonly signer: Pick<ReceiptSigner, 'signText'>
  readonly send: (request: DeskRequest) => void
  /** Null: nothing is held, or with a seat, or not loaded yet. */
  readonly spare: () => SpareSlice | null
}

export interface SliceProver {
  obey(command: ProveCommand): void
  /** The slice is given up: what is computed of it is said to have failed. Waits for the engine. */
  release(): Promise<void>
}

export function createSliceProver({ powers, signer, send, spare }: SliceProverHost): SliceProver {
  const { clock, breathe } = powers
  let running: { readonly challenge: string; readonly abort: AbortController; isSilent: boolean } | null = null
  let turn: Promise<void> = Promise.resolve()

  async function proved(asked: Asked, signal: AbortSignal): Promise<Said> {
    const { challenge } = asked
    const startedMs = clock.monotonicMs()
    const slice = spare()
    if (slice === null) throw new ComputePoolError('input_invalid', 'Nothing is held here without a seat.')
    const proof = await answerChallenge({ ...slice, asked, breathe, signal, chunk: auditChunk })
    const signature = signer.signText(sliceProofText(asked, proof))
    const computeMs = Math.max(0, clock.monotonicMs() - startedMs)
    return { type: 'slice-proved', challenge, proof, signature, words: '', computeMs }
  }

  function prove(asked: Asked): void {
    // What was dropped ends with its step; nobody is made to compute more than one at a time.
    if (running?.isSilent === false) {
      send(failed(asked, 'It is at work on another challenge.'))
      return
    }
    const task = { challenge: asked.challenge, abort: new AbortController(), isSilent: false }
    running = task
    const cancel = clock.schedule(asked.withinMs, () => task.abort.abort(new Error('It took too long.')))
    const run = async (): Promise<void> => {
      const said = await proved(asked, task.abort.signal).catch((thrown: unknown) =>
        failed(asked, asComputePoolError(thrown, 'engine_failed').message),
      )
      cancel()
      if (running === task) running = null
      if (!task.isSilent) send(said)
    }
    turn = turn.then(run)
  }

  return {
    obey(command) {
      if (command.type === 'prove-slice') return prove(command)
      if (running?.challenge !== command.challenge) return
      running.isSilent = true
      running.abort.abort(new Error('Nobody waits for it any more.'))
    },
    async release() {
      running?.abort.abort(new Error('The layers were given up.'))
      await turn
    },
  }
}

function failed({ challenge }: Asked, words: string): Said {
  return { type: 'slice-proved', challenge, proof: null, signature: null, words: words.slice(0, 1000), computeMs: 0 }
}
