/** Shows a running bridge: a line for each change, and its figures now and then. It writes where it is told. */
import type { BridgeMember, BridgeSnapshot } from './bridge-snapshot.ts'

/** Stable: programs read them. docs/axl.md lists them. */
export type BridgeEvent =
  | { readonly type: 'bridge-started'; readonly [field: string]: unknown }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'bridge-draining'; readonly deadlineSeconds: number }
  | { readonly type: 'bridge-left' }

export interface BridgeLog {
  show(snapshot: BridgeSnapshot): void
  note(event: BridgeEvent, words: string): void
}

export interface BridgeLogOptions {
  readonly json: boolean
  readonly write: (text: string) => void
  readonly nowMs: () => number
}

/** Figures, between changes. */
const figuresEveryMs = { json: 5000, plain: 60_000 } as const

export function createBridgeLog({ json, write, nowMs }: BridgeLogOptions): BridgeLog {
  let shown = ''
  let figures = ''
  let shownMs = Number.NEGATIVE_INFINITY
  let problem = ''
  const line = (words: string, event: object): void => write(`${json ? JSON.stringify(event) : words}\n`)

  return {
    show(snapshot) {
      const { status, peer, coalition, members, sentParcels, lostParcels, axlSendMs, error } = snapshot
      if (error !== null && error.message !== problem && status !== 'failed') {
        line(`${error.message} ${error.remedy}`, { type: 'problem', error })
      }
      problem = error?.message ?? ''
      const change = JSON.stringify([status, coalition, members.map(member => [member.peer, member.isOpen])])
      const text = JSON.stringify([
        change,
        members.map(({ forwardedBytes, refusedBytes }) => [forwardedBytes, refusedBytes]),
      ])
      const isDue = nowMs() - shownMs >= (json ? figuresEveryMs.json : figuresEveryMs.plain)
      if (change === shown && (!isDue || text === figures)) return
      shown = change
      figures = text
      shownMs = nowMs()
      line(statusWords(snapshot), {
        type: 'status-changed',
        status,
        peer,
        coalition,
        members,
        sentParcels,
        lostParcels,
        axlSendMs,
      })
    },
    note: (event, words) => line(words, event),
  }
}

/** One line for people. */
export function statusWords({ status, coalition, members, axlSendMs }: BridgeSnapshot): string {
  switch (status) {
    case 'connecting':
      return 'Connecting.'
    case 'waiting':
      return 'Waiting for peers that need a bridge.'
    case 'relaying': {
      const daemon = axlSendMs === null ? '' : ` AXL’s last /send took ${axlSendMs.toFixed(1)} ms.`
      return `Relaying for ${coalition}: ${members.map(memberWords).join(' · ')}.${daemon}`
    }
    case 'failed':
      return 'Failed.'
    case 'left':
      return 'Left.'
  }
}

function memberWords({ peer, by, rttMs, isOpen, forwardedBytes, refusedBytes }: BridgeMember): string {
  const way = by === 'axl' ? 'AXL' : rttMs === null ? 'WebRTC' : `WebRTC, ${rttMs.toFixed(1)} ms`
  const refused = refusedBytes === 0 ? '' : `, ${megabytes(refusedBytes)} refused`
  return `${peer.slice(0, 8)}… (${way}${isOpen ? '' : ', not open'}) ${megabytes(forwardedBytes)}${refused}`
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
