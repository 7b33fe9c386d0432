/** The ring as a table, for those who prefer reading. */
import { formatLayers, formatMs, formatShare, formatSpeed, shortPeer, unmeasured } from '../format/format-number.ts'
import { linkNames } from '../format/link-words.ts'
import { fadedCount } from '../trust/trust-words.ts'
import { bottleneckWords, type LapShares } from './lap-shares.ts'
import type { RingArc, RingModel } from './ring-model.ts'

export function RingTable({ ring, ownPeer = null }: { ring: RingModel; ownPeer?: string | null }) {
  return (
    <table className="ring-table">
      <caption>
        {ring.model === null ? 'No pool known yet' : `${ring.model}, ${ring.layers} layers`}
        {ring.lap === null ? '' : lapWords(ring.lap)}
      </caption>
      <thead>
        <tr>
          <th scope="col">Layers</th>
          <th scope="col">Peer</th>
          <th scope="col">Engine</th>
          <th scope="col">Step</th>
          <th scope="col">Of the lap</th>
          <th scope="col">Waited for</th>
          <th scope="col">Link on</th>
          <th scope="col">Round trip</th>
          <th scope="col">Link, of the lap</th>
          <th scope="col">Rate</th>
          <th scope="col">State</th>
          <th scope="col">Stake</th>
          <th scope="col">Weight</th>
          <th scope="col">Checks agreed</th>
          <th scope="col">Checks failed</th>
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
            <td>{formatMs(arc.queueMs)}</td>
            <td>{arc.linkKind === null ? unmeasured : linkNames[arc.linkKind]}</td>
            <td>{formatMs(arc.linkRttMs)}</td>
            <td>{arc.linkShare === null ? unmeasured : formatShare(arc.linkShare)}</td>
            <td>{formatSpeed(arc.linkBytesPerSecond)}</td>
            <td>{stateWords(arc)}</td>
            <TrustCells arc={arc} />
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function TrustCells({ arc: { trust } }: { arc: RingArc }) {
  const { standing, isStaked, isJudged } = trust
  const isOut = standing !== undefined && standing.weight === 0 && standing.failed > 0
  return (
    <>
      <td>{isStaked === undefined ? unmeasured : isStaked ? 'staked' : 'none'}</td>
      <td>{standing === undefined ? unmeasured : `${standing.weight.toFixed(2)}${isOut ? ', convicted' : ''}`}</td>
      <td>{isJudged === false ? 'not judged' : standing === undefined ? unmeasured : fadedCount(standing.checked)}</td>
      <td>{standing === undefined ? unmeasured : fadedCount(standing.failed)}</td>
    </>
  )
}

function lapWords(lap: LapShares): string {
  const { wholeMs, computeMs, queueMs, wireMs, laps } = lap
  const of = laps === 1 ? 'the last' : `the last ${laps}, medians`
  const parts = `computing ${formatMs(computeMs)}, waiting ${formatMs(queueMs)}, on the wire ${formatMs(wireMs)}`
  return `. A lap takes ${formatMs(wholeMs)} (${of}): ${parts}. ${bottleneckWords(lap, formatShare) ?? ''}`.trimEnd()
}

function peerName(arc: RingArc, ownPeer: string | null): string {
  if (arc.peer === null) return unmeasured
  return arc.peer === ownPeer ? `${shortPeer(arc.peer)} (this tab)` : shortPeer(arc.peer)
}

function stateWords(arc: RingArc): string {
  if (arc.state === 'joining' && arc.progress !== null) return `${arc.statusName} ${formatShare(arc.progress)}`
  if (arc.isSlowLink) return `${arc.statusName}, slowest link`
  return arc.isBottleneck ? `${arc.statusName}, slowest` : arc.statusName
}
