/** The ring as a table, for those who prefer reading. */
import { formatLayers, formatMs, formatShare, formatSpeed, shortPeer, unmeasured } from '../format/format-number.ts'
import { linkNames } from '../format/link-words.ts'
import type { RingArc, RingModel } from './ring-model.ts'

export function RingTable({ ring, ownPeer = null }: { ring: RingModel; ownPeer?: string | null }) {
  return (
    <table className="ring-table">
      <caption>
        {ring.model === null ? 'No pool known yet' : `${ring.model}, ${ring.layers} layers`}
        {ring.lapMs === null ? '' : `. Last lap ${formatMs(ring.lapMs)}, of it ${formatMs(ring.wireMs)} on the wire.`}
      </caption>
      <thead>
        <tr>
          <th scope="col">Layers</th>
          <th scope="col">Peer</th>
          <th scope="col">Engine</th>
          <th scope="col">Step</th>
          <th scope="col">Of the lap</th>
          <th scope="col">Link on</th>
          <th scope="col">Round trip</th>
          <th scope="col">Rate</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {ring.arcs.map(arc => (
          <tr key={arc.key}>
            <th scope="row">{formatLayers(arc.layers)}</th>
            <td>{peerName(arc, ownPeer)}</td>
            <td>{arc.engine ?? unmeasured}</td>
            <td>{formatMs(arc.computeMs)}</td>
            <td>{arc.busyShare === null ? unmeasured : formatShare(arc.busyShare)}</td>
            <td>{arc.linkKind === null ? unmeasured : linkNames[arc.linkKind]}</td>
            <td>{formatMs(arc.linkRttMs)}</td>
            <td>{formatSpeed(arc.linkBytesPerSecond)}</td>
            <td>{stateWords(arc)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function peerName(arc: RingArc, ownPeer: string | null): string {
  if (arc.peer === null) return unmeasured
  return arc.peer === ownPeer ? `${shortPeer(arc.peer)} (this tab)` : shortPeer(arc.peer)
}

function stateWords(arc: RingArc): string {
  if (arc.state === 'joining' && arc.progress !== null) return `${arc.statusName} ${formatShare(arc.progress)}`
  return arc.isBottleneck ? `${arc.statusName}, slowest` : arc.statusName
}
