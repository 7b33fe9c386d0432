/** The figures around the ring: at each arc its layers and step, at each gap the measured round trip of the hop across it. */
import { formatLayers, formatMs } from '../format/format-number.ts'
import { linkNames } from '../format/link-words.ts'
import { ringGap, ringOuter } from './ring-dimensions.ts'
import { anchorAt, pointAt, type Sector } from './ring-geometry.ts'
import type { RingArc, RingModel } from './ring-model.ts'

/** Narrower arcs have no room for a label, and beyond this many seats the hops' labels would meet them. */
const narrowestLabelled = 0.34
const mostHopLabels = 6

export interface RingLabelsProps {
  readonly arcs: readonly RingArc[]
  /** With more than one, each hop says its own. */
  readonly kinds: RingModel['kinds']
  readonly sectors: readonly Sector[]
  readonly ownPeer: string | null
}

/** Not read out: the arcs say the same in sentences. */
export function RingLabels({ arcs, kinds, sectors, ownPeer }: RingLabelsProps) {
  return (
    <g className="ring-labels">
      {arcs.map((arc, index) => {
        const sector = sectors[index] ?? { start: 0, end: 0 }
        return (
          <g key={arc.key}>
            <ArcLabel arc={arc} sector={sector} isOwn={ownPeer !== null && arc.peer === ownPeer} />
            {arcs.length <= mostHopLabels ? <HopLabel arc={arc} sector={sector} isKindTold={kinds.length > 1} /> : null}
          </g>
        )
      })}
    </g>
  )
}

function ArcLabel({ arc, sector, isOwn }: { arc: RingArc; sector: Sector; isOwn: boolean }) {
  if (sector.end - sector.start < narrowestLabelled) return null
  const middle = (sector.start + sector.end) / 2
  const { x, y } = pointAt(middle, ringOuter + 15)
  const second =
    arc.state === 'ready' && arc.computeMs !== null
      ? formatMs(arc.computeMs)
      : arc.state === 'empty'
        ? ''
        : arc.statusName
  return (
    <text className={`ring-label is-${arc.state}`} x={x} y={y} textAnchor={anchorAt(middle)}>
      <tspan className="ring-layers" x={x} dy={second === '' ? 0 : -5}>
        {formatLayers(arc.layers)}
        {isOwn ? ' you' : ''}
      </tspan>
      {second === '' ? null : (
        <tspan x={x} dy={11}>
          {second}
        </tspan>
      )}
    </text>
  )
}

function HopLabel({ arc, sector, isKindTold }: { arc: RingArc; sector: Sector; isKindTold: boolean }) {
  if (arc.linkKind === null || arc.linkRttMs === null || arc.linkKind === 'loopback') return null
  const angle = sector.end + ringGap / 2
  // Two lines clear the link's mark, also at the top.
  const { x, y } = pointAt(angle, ringOuter + (isKindTold ? 20 : 15))
  return (
    <text className="ring-hop" x={x} y={y} textAnchor={anchorAt(angle)}>
      <tspan x={x} dy={isKindTold ? -5 : 0}>
        {`↻ ${formatMs(arc.linkRttMs)}`}
      </tspan>
      {isKindTold ? (
        <tspan x={x} dy={10}>
          {linkNames[arc.linkKind]}
        </tspan>
      ) : null}
    </text>
  )
}
