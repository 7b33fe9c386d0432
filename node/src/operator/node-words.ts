/** One snapshot in one line, for a terminal and for a journal. Pure. */
import type { HopFacts, PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { sizeInWords } from './parse-size.ts'

const barWidth = 24

/** e.g. `serving layers 0-11 of 24 | 1204 tokens, 12.3 tokens/s | 4.1 ms a step | links: webrtc 1.2 ms, axl 14 ms`. */
export function statusLine(snapshot: PeerSnapshot): string {
  const { status } = snapshot
  if (status === 'downloading' || status === 'paused') return downloadLine(snapshot)
  const layers = layersInWords(snapshot)
  const parts = [
    snapshot.isDraining && status !== 'leaving'
      ? `draining: ${layers}`
      : `${statusWords[status]}${layers && ` ${layers}`}`,
  ]
  if (status === 'serving' || status === 'linking') {
    const speed = snapshot.tokensPerSecond === null ? '' : `, ${snapshot.tokensPerSecond.toFixed(1)} tokens/s`
    parts.push(`${snapshot.tokensServed} tokens${speed}`)
    if (snapshot.requests > 0) parts.push(snapshot.requests === 1 ? '1 request' : `${snapshot.requests} requests`)
    if (snapshot.computeMs !== null) parts.push(`${snapshot.computeMs.toFixed(1)} ms a step`)
    if (snapshot.links.length > 0) parts.push(`links: ${snapshot.links.map(linkInWords).join(', ')}`)
  }
  return parts.join(' | ')
}

/** e.g. `[######..................]  25%  layers 0-11 of 24  120 MB of 480 MB  40.0 MB/s  9 s left`. */
export function downloadLine(snapshot: PeerSnapshot): string {
  const { done, total } = downloadBytes(snapshot)
  // What lies here already is being looked through.
  if (total === 0) return `downloading ${layersInWords(snapshot)}`
  const share = done / total
  const filled = Math.floor(share * barWidth)
  const speed = snapshot.downloadBytesPerSecond
  return [
    `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${`${Math.floor(share * 100)}%`.padStart(4)}`,
    layersInWords(snapshot),
    `${sizeInWords(done)} of ${sizeInWords(total)}`,
    ...(speed ? [`${sizeInWords(speed)}/s`, `${Math.ceil((total - done) / speed)} s left`] : []),
  ].join('  ')
}

export function downloadBytes({ parts }: PeerSnapshot): { readonly done: number; readonly total: number } {
  return {
    done: parts.reduce((sum, part) => sum + part.doneBytes, 0),
    total: parts.reduce((sum, part) => sum + part.totalBytes, 0),
  }
}

const statusWords = {
  idle: 'idle',
  connecting: 'connecting to the orchestrator',
  probing: 'measuring this machine',
  'waiting-for-slice': 'waiting for layers',
  downloading: 'downloading',
  paused: 'paused',
  loading: 'loading',
  testing: 'testing',
  linking: 'linking',
  serving: 'serving',
  'standing-by': 'standing by with',
  leaving: 'leaving',
  failed: 'failed',
} as const satisfies Record<PeerSnapshot['status'], string>

/** Half-open inside, inclusive for people: the last one is named. */
function layersInWords({ layers, modelLayers }: PeerSnapshot): string {
  if (layers === null) return ''
  const of = modelLayers === null ? '' : ` of ${modelLayers}`
  return layers.end - layers.start === 1
    ? `layer ${layers.start}${of}`
    : `layers ${layers.start}-${layers.end - 1}${of}`
}

function linkInWords({ kind, isOpen, rttMs }: HopFacts): string {
  if (!isOpen) return `${kind} opening`
  return rttMs === null ? kind : `${kind} ${rttMs.toFixed(1)} ms`
}
