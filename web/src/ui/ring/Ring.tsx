/**
 * The signature drawing: the coalition as a ring of arcs. Length is the share of the layers, fill is the measured share of the lap,
 * the marker is the slowest seat. It draws a model and reports which arc is looked at; it knows no store.
 */
import { useMemo } from 'react'
import { RingArcShape } from './RingArcShape.tsx'
import { RingLabels } from './RingLabels.tsx'
import { RingLinkMarks } from './RingLinkMarks.tsx'
import { RingSlowLink } from './RingSlowLink.tsx'
import { ringGap, ringInner, ringOuter } from './ring-dimensions.ts'
import { layerTicksPath, sectorPath, sectorsOf } from './ring-geometry.ts'
import type { RingModel } from './ring-model.ts'
import { usePulse } from './use-pulse.ts'

const trailRadians = 0.5

export interface RingProps {
  readonly ring: RingModel
  /** The peer of this tab, where it has one: its arc is marked. */
  readonly ownPeer?: string | null
  readonly activeKey: string | null
  readonly onActivate: (key: string | null) => void
  readonly centre: { readonly value: string; readonly unit: string; readonly note: string }
}

export function Ring({ ring, ownPeer = null, activeKey, onActivate, centre }: RingProps) {
  const sectors = useMemo(() => sectorsOf(ring.arcs, ring.layers, ringGap), [ring.arcs, ring.layers])
  const pulse = usePulse(ring, sectors)
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be an SVG, and its arcs are a group of buttons
    <svg className="ring" viewBox="-148 -122 296 244" role="group" aria-label={`Ring of ${ring.layers} layers`}>
      <path className="ring-ticks" d={layerTicksPath(ring.layers, ringInner - 4)} />
      {ring.arcs.map((arc, index) => (
        <RingArcShape
          key={arc.key}
          arc={arc}
          sector={sectors[index] ?? { start: 0, end: 0 }}
          isOwn={ownPeer !== null && arc.peer === ownPeer}
          isActive={arc.key === activeKey}
          onActivate={onActivate}
        />
      ))}
      <RingSlowLink arcs={ring.arcs} sectors={sectors} />
      <RingLinkMarks ring={ring} sectors={sectors} />
      <RingLabels arcs={ring.arcs} kinds={ring.kinds} sectors={sectors} ownPeer={ownPeer} />
      <g ref={pulse} className="ring-pulse">
        <path className="ring-trail" d={sectorPath({ start: -trailRadians, end: 0 }, ringOuter + 3.5, ringOuter + 6)} />
        <circle cx={0} cy={-(ringOuter + 4.75)} r={3.2} />
      </g>
      <g className="ring-centre">
        <text className="ring-value" y={-1}>
          {centre.value}
        </text>
        <text className="ring-unit" y={16}>
          {centre.unit}
        </text>
        <text className="ring-note" y={32}>
          {centre.note}
        </text>
      </g>
    </svg>
  )
}
