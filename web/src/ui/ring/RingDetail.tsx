/** The arc that is looked at, in figures; with none looked at, the lap as a whole. The same height either way, so nothing jumps. */
import {
  formatLayers,
  formatMs,
  formatShare,
  formatSpeed,
  shortPeer,
  threeDigits,
  unmeasured,
} from '../format/format-number.ts'
import { linkNames } from '../format/link-words.ts'
import { seatTrustWords } from '../trust/trust-words.ts'
import type { RingArc, RingModel } from './ring-model.ts'

export function RingDetail({ ring, arc, ownPeer }: { ring: RingModel; arc: RingArc | null; ownPeer: string | null }) {
  const rows = arc === null ? lapRows(ring) : arcRows(arc, ownPeer)
  return (
    <>
      <dl className="figures ring-detail" data-testid="ring-detail">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {tellsTrust(ring) ? (
        <p className="hint seat-trust" data-testid="seat-trust">
          {arc === null
            ? 'Choose an arc to see its standing.'
            : (seatTrustWords(arc.trust) ?? 'Nothing is told of it.')}
        </p>
      ) : null}
    </>
  )
}

/** The line is there, or not, for the whole ring, so that nothing jumps. */
const tellsTrust = ({ arcs }: RingModel): boolean => arcs.some(({ trust }) => seatTrustWords(trust) !== null)

function lapRows(ring: RingModel): [string, string][] {
  return [
    ['Peers', peerWords(ring)],
    ['Compute', formatMs(ring.lap?.computeMs ?? null)],
    ['Wire', formatMs(ring.wireMs)],
    ['Tokens/s', ring.tokensPerSecond === null ? unmeasured : threeDigits(ring.tokensPerSecond)],
  ]
}

function peerWords({ arcs, waitingPeers }: RingModel): string {
  const seated = arcs.filter(arc => arc.peer !== null).length
  return waitingPeers === 0 ? String(seated) : `${seated} + ${waitingPeers} waiting`
}

function arcRows(arc: RingArc, ownPeer: string | null): [string, string][] {
  if (arc.state === 'empty')
    return [
      ['Layers', formatLayers(arc.layers)],
      ['Peer', 'none'],
      ['State', arc.statusName],
      ['Step', formatMs(null)],
    ]
  const peer = shortPeer(arc.peer ?? '')
  const state =
    arc.progress !== null && arc.state === 'joining' ? `${arc.statusName} ${formatShare(arc.progress)}` : arc.statusName
  return [
    [arc.peer === ownPeer ? 'This tab' : 'Peer', peer],
    ['Engine', `${arc.engine}${arc.isBottleneck ? ', slowest' : ''}`],
    ['Step', arc.computeMs === null ? state : formatMs(arc.computeMs)],
    [
      `${arc.linkKind === null ? 'Link' : `Link: ${linkNames[arc.linkKind]}`}${arc.isSlowLink ? ', slowest' : ''}`,
      linkFigures(arc),
    ],
  ]
}

function linkFigures({ linkRttMs, linkBytesPerSecond }: RingArc): string {
  const rtt = formatMs(linkRttMs)
  return linkBytesPerSecond === null ? rtt : `${rtt}, ${formatSpeed(linkBytesPerSecond)}`
}
