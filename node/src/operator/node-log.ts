/**
 * Shows a running node: one line redrawn on a terminal, JSON lines for programs, a line for each change elsewhere. It writes where it is
 * told, and no secret reaches it.
 */
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import type { ErrorData } from '@computepool/shared/errors'
import type { AuditorEarned } from '../auditor/tell-earnings.ts'
import { downloadBytes, statusLine } from './node-words.ts'

/** Stable: programs read them. docs/node.md lists their fields. */
export type NodeEvent =
  | { readonly type: 'node-started'; readonly [field: string]: unknown }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'node-draining'; readonly deadlineSeconds: number }
  | { readonly type: 'node-left' }
  | AuditorEarned

export interface NodeLogOptions {
  readonly json: boolean
  readonly isTerminal: boolean
  readonly columns: number
  write(text: string): void
  nowMs(): number
}

export interface NodeLog {
  show(snapshot: PeerSnapshot): void
  /** `words` are what people read of it. */
  note(event: NodeEvent, words: string): void
  /** Leaves the cursor on a line of its own. */
  end(): void
}

const redrawEveryMs = 200
/** Of progress and figures, where lines stay. */
const lineEveryMs = { json: 1000, plain: 60_000 } as const

export function createNodeLog(options: NodeLogOptions): NodeLog {
  const { json, isTerminal, write } = options
  const isLive = isTerminal && !json
  let last: PeerSnapshot | null = null
  let drawnMs = Number.NEGATIVE_INFINITY
  let drawn = ''
  let isOpen = false

  const line = (text: string): void => {
    write(isOpen ? `\r\x1b[2K${text}\n` : `${text}\n`)
    isOpen = false
    drawn = ''
  }
  const event = (object: object): void => line(JSON.stringify(object))

  function redraw(snapshot: PeerSnapshot, isChange: boolean): void {
    const text = statusLine(snapshot).slice(0, Math.max(20, options.columns - 1))
    if (text === drawn || (!isChange && options.nowMs() - drawnMs < redrawEveryMs)) return
    drawnMs = options.nowMs()
    drawn = text
    isOpen = true
    write(`\r\x1b[2K${text}`)
  }

  function tellInJson(snapshot: PeerSnapshot, isChange: boolean, isDue: boolean): void {
    if (isChange) event(statusEvent(snapshot))
    if (snapshot.engineChoice !== null && snapshot.engineChoice !== last?.engineChoice) event(engineEvent(snapshot))
    if (!isDue) return
    drawnMs = options.nowMs()
    const figures = figuresOf(snapshot)
    const text = figures === null ? '' : JSON.stringify(figures)
    if (figures === null || text === drawn) return
    event(figures)
    drawn = text
  }

  return {
    show(snapshot) {
      const isChange = snapshot.status !== last?.status || snapshot.isDraining !== last.isDraining
      const problem = snapshot.error !== null && snapshot.error.message !== last?.error?.message ? snapshot.error : null
      const isDue = options.nowMs() - drawnMs >= (json ? lineEveryMs.json : lineEveryMs.plain)
      // A failure is the command's last word, and printed there.
      if (problem !== null && snapshot.status !== 'failed') tellProblem(problem)
      if (json) tellInJson(snapshot, isChange, isDue)
      // Idle is before and after everything: other lines say so.
      else if (snapshot.status !== 'idle') {
        const { engineChoice } = snapshot
        if (engineChoice !== null && engineChoice !== last?.engineChoice) line(`Engine: ${engineChoice.reason}`)
        if (isLive) redraw(snapshot, isChange)
        else if (isChange || (isDue && statusLine(snapshot) !== drawn)) {
          const text = statusLine(snapshot)
          line(text)
          drawn = text
          drawnMs = options.nowMs()
        }
      }
      last = snapshot
    },
    note(told, words) {
      if (json) event(told)
      else line(words)
    },
    end() {
      if (isOpen) write('\n')
      isOpen = false
    },
  }

  function tellProblem(error: ErrorData): void {
    if (json) event({ type: 'problem', error })
    else line(`${error.message}${error.remedy ? ` ${error.remedy}` : ''}`)
  }
}

function statusEvent({ status, isDraining, peer, model, layers, modelLayers, seat }: PeerSnapshot) {
  return { type: 'status-changed', status, isDraining, peer, model, layers, modelLayers, seat }
}

function engineEvent({ engineChoice, probes }: PeerSnapshot) {
  return { type: 'engine-chosen', ...engineChoice, probes }
}

function figuresOf(snapshot: PeerSnapshot): object | null {
  const { status } = snapshot
  if (status === 'downloading') {
    const { done, total } = downloadBytes(snapshot)
    return {
      type: 'download-progressed',
      doneBytes: done,
      totalBytes: total,
      bytesPerSecond: snapshot.downloadBytesPerSecond,
    }
  }
  if (status !== 'serving' && status !== 'linking') return null
  const { requests, tokensServed, tokensPerSecond, computeMs, hopMs, weightsBytes, kvBytes, links } = snapshot
  return { type: 'served', requests, tokensServed, tokensPerSecond, computeMs, hopMs, weightsBytes, kvBytes, links }
}
