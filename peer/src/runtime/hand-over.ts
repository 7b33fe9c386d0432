/**
 * Sends what is asked of a seat for a check: to each auditor one blob after another, a frame at a time, so that live frames go between. It knows
 * neither what a blob holds nor why it is wanted.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock, Transport } from '@computepool/shared/ports'
import { type DeskCommand, type DeskRequest, encodeFrame } from '@computepool/shared/wire'
import type { KeptFrames } from './kept-frames.ts'

type HandOverCommand = Extract<DeskCommand, { type: 'hand-over' }>

export interface HandOverHost {
  readonly clock: Clock
  readonly breathe: () => Promise<void>
  readonly kept: Pick<KeptFrames, 'handOver'>
  readonly transport: Pick<Transport, 'send' | 'links' | 'onLink'>
  readonly send: (request: DeskRequest) => void
}

export interface HandOvers {
  begin(command: HandOverCommand): void
  /** Nobody waits for these any more. */
  drop(check: string): void
  /** Ends all, and waits for it. */
  close(): Promise<void>
}

/** A link that the desk has just asked for takes a while. */
const linkWithinMs = 30_000
const mostWaiting = 16
/** Of one auditor: it leaves room for others. */
const mostOfOne = 6

export function createHandOvers({ clock, breathe, kept, transport, send }: HandOverHost): HandOvers {
  const aborts = new Map<AbortController, { readonly check: string; readonly to: string }>()
  /** By auditor: one that takes nothing holds up nobody but itself. */
  const turns = new Map<string, Promise<void>>()

  async function run(
    { check, epoch, to, as, attempts, endPosition, draws }: HandOverCommand,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    // Of what was sent only the last attempt is compared.
    const wanted = as === 'sent' ? attempts.slice(-1) : attempts
    const found = await kept.handOver({ attempts: wanted, endPosition, draws })
    if ('refusal' in found) return refuse(check, found.refusal)
    await linked(to, signal)
    let seq = 0
    for (const { chunk, isLast } of found.chunks) {
      const header = {
        request_id: check,
        kind: 'handover',
        dtype: 'bytes',
        shape: [chunk.length],
        seq,
        position: 0,
      } as const
      const frame = {
        header: { ...header, shape: [chunk.length], epoch, as, ...(isLast ? { last: true } : {}) },
        payload: chunk,
      }
      await transport.send(to, encodeFrame(frame), signal)
      await breathe()
      seq += 1
    }
    send({ type: 'handed-over', check, bytes: found.sizeBytes })
  }

  function refuse(check: string, words: string): void {
    send({ type: 'hand-over-refused', check, words: words.slice(0, 1000) })
  }

  function linked(to: string, signal: AbortSignal): Promise<void> {
    const isOpen = (): boolean => transport.links().some(({ peer, isOpen }) => peer === to && isOpen)
    if (isOpen()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const settle = (how: () => void): void => {
        cancel()
        stop()
        signal.removeEventListener('abort', abort)
        how()
      }
      const abort = (): void => settle(() => reject(signal.reason))
      const cancel = clock.schedule(linkWithinMs, () =>
        settle(() => reject(new ComputePoolError('peer_unreachable', `No link to ${to} came about.`))),
      )
      const stop = transport.onLink(event => {
        if (event.type === 'link-opened' && event.peer === to) settle(resolve)
      })
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  return {
    begin(command) {
      const { check, to } = command
      const waiting = [...aborts.values()].filter(each => each.to === to).length
      if (aborts.size >= mostWaiting || waiting >= mostOfOne)
        return refuse(check, `It hands over for ${aborts.size} checks already.`)
      const abort = new AbortController()
      aborts.set(abort, { check, to })
      const turn = (turns.get(to) ?? Promise.resolve())
        .then(() => run(command, abort.signal))
        // A link that does not come about, or breaks: the auditor sees it too, and nobody owes anything for it.
        .catch(() => {})
        .finally(() => {
          aborts.delete(abort)
          if (turns.get(to) === turn) turns.delete(to)
        })
      turns.set(to, turn)
    },
    drop(check) {
      for (const [abort, of] of aborts) if (of.check === check) abort.abort(new Error('Nobody waits for it any more.'))
    },
    async close() {
      for (const abort of aborts.keys()) abort.abort(new Error('The peer left.'))
      await Promise.all(turns.values())
    },
  }
}
