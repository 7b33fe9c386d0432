/**
 * The signature drawing: the coalition as a ring of arcs. Length is the share of the layers, fill is the measured share of the lap,
 * the marker is the slowest seat. It draws a model and reports which arc is looked at; it knows no store.
 */
import { useMemo } from 'react'
import { formatLayers, formatMs } from '../format/format-number.ts'
import { fillRadius, pointAt, type Sector, sectorPath, sectorsOf } from './ring-geometry.ts'
import type { RingArc, RingModel } from './ring-model.ts'
import { usePulse } from './use-pulse.ts'

const inner = 74
const outer = 104
const trailRadians = 0.5
const gap = 0.05
/** Beyond this many seats the labels would meet. */
const mostHopLabels = 8

export interface RingProps {
  readonly ring: RingModel
  /** The peer of this tab, where it has one: its arc is marked. */
  readonly ownPeer?: string | null
  readonly activeKey: string | null
  readonly onActivate: (key: string | null) => void
  readonly centre: { readonly value: string; readonly unit: string; readonly note: string }
}

export function Ring({ ring, ownPeer = null, activeKey, onActivate, centre }: RingProps) {
  const sectors = useMemo(() => sectorsOf(ring.arcs, ring.layers, gap), [ring.arcs, ring.layers])
  const pulse = usePulse(ring, sectors)
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be an SVG, and its arcs are a group of buttons
    <svg className="ring" viewBox="-134 -134 268 268" role="group" aria-label={`Ring of ${ring.layers} layers`}>
      <Ticks layers={ring.layers} />
      {ring.arcs.map((arc, index) => (
        <Arc
          key={arc.key}
          arc={arc}
          sector={sectors[index] ?? { start: 0, end: 0 }}
          isOwn={ownPeer !== null && arc.peer === ownPeer}
          isActive={arc.key === activeKey}
          onActivate={onActivate}
        />
      ))}
      {ring.arcs.length > mostHopLabels
        ? null
        : ring.arcs.map((arc, index) => <HopLabel key={arc.key} arc={arc} sector={sectors[index]} />)}
      <g ref={pulse} className="ring-pulse">
        <path className="ring-trail" d={sectorPath({ start: -trailRadians, end: 0 }, outer + 4, outer + 7)} />
        <circle cx={0} cy={-(outer + 5.5)} r={3.4} />
      </g>
      <g className="ring-centre">
        <text className="ring-value" y={-2}>
          {centre.value}
        </text>
        <text className="ring-unit" y={18}>
          {centre.unit}
        </text>
        <text className="ring-note" y={38}>
          {centre.note}
        </text>
      </g>
    </svg>
  )
}

interface ArcProps {
  readonly arc: RingArc
  readonly sector: { readonly start: number; readonly end: number }
  readonly isOwn: boolean
  readonly isActive: boolean
  readonly onActivate: (key: string | null) => void
}

function Arc({ arc, sector, isOwn, isActive, onActivate }: ArcProps) {
  const middle = (sector.start + sector.end) / 2
  const share = arc.state === 'joining' ? (arc.progress ?? 0) : (arc.busyShare ?? 0)
  const label = pointAt(middle, (inner + outer) / 2)
  const isWide = sector.end - sector.start > 0.32
  return (
    // biome-ignore lint/a11y/useSemanticElements: a button element cannot be drawn inside an SVG
    <g
      className={`ring-arc is-${arc.state}${isActive ? ' is-active' : ''}${isOwn ? ' is-own' : ''}`}
      role="button"
      tabIndex={0}
      aria-label={describeArc(arc, isOwn)}
      aria-pressed={isActive}
      data-testid={`arc-${arc.key}`}
      onMouseEnter={() => onActivate(arc.key)}
      onMouseLeave={() => onActivate(null)}
      onFocus={() => onActivate(arc.key)}
      onBlur={() => onActivate(null)}
      onClick={() => onActivate(arc.key)}
      onKeyDown={event => {
        if (event.key === 'Escape') onActivate(null)
      }}
    >
      <path className="ring-track" d={sectorPath(sector, inner, outer)} />
      {share > 0 ? <path className="ring-fill" d={sectorPath(sector, inner, fillRadius(share, inner, outer))} /> : null}
      {arc.state === 'lost' ? <path className="ring-cross" d={crossPath(middle)} /> : null}
      {isWide ? (
        <text className="ring-layers" x={label.x} y={label.y}>
          <tspan x={label.x} dy={arc.computeMs === null ? 0 : -5}>
            {formatLayers(arc.layers)}
          </tspan>
          {arc.computeMs === null ? null : (
            <tspan className="ring-ms" x={label.x} dy={11}>
              {formatMs(arc.computeMs)}
            </tspan>
          )}
        </text>
      ) : null}
      {arc.isBottleneck ? <path className="ring-bottleneck" d={markerPath(middle)} /> : null}
      {isOwn ? <circle className="ring-own" {...circleAt(middle, inner - 6)} r={2.6} /> : null}
    </g>
  )
}

/** The measured round trip to the next seat, at the gap that it crosses. */
function HopLabel({ arc, sector }: { arc: RingArc; sector: Sector | undefined }) {
  if (arc.linkRttMs === null || arc.linkKind === 'loopback' || sector === undefined) return null
  const { x, y } = pointAt(sector.end + gap / 2, outer + 19)
  return (
    <text className="ring-hop" x={x} y={y}>
      {formatMs(arc.linkRttMs)}
    </text>
  )
}

/** A notch between layers, so that a reader can count them; left out where they would merge. */
function Ticks({ layers }: { layers: number }) {
  if (layers < 2 || layers > 96) return null
  const marks = Array.from({ length: layers }, (_, layer) => {
    const angle = (layer / layers) * Math.PI * 2
    const from = pointAt(angle, inner - 5)
    const to = pointAt(angle, inner - (layer === 0 ? 11 : 8))
    return `M ${from.x.toFixed(2)} ${from.y.toFixed(2)} L ${to.x.toFixed(2)} ${to.y.toFixed(2)}`
  })
  return <path className="ring-ticks" d={marks.join(' ')} />
}

/** One arc in a sentence, for a screen reader. */
export function describeArc(arc: RingArc, isOwn: boolean): string {
  const layers = `Layers ${formatLayers(arc.layers)}`
  if (arc.state === 'empty') return `${layers}: nobody holds these.`
  const parts = [
    `${layers}: seat ${arc.seat}${isOwn ? ', this tab' : ''}`,
    `engine ${arc.engine}`,
    arc.statusName,
    arc.computeMs === null ? '' : `${formatMs(arc.computeMs)} a step`,
    arc.linkKind === null ? '' : `link ${arc.linkKind}, round trip ${formatMs(arc.linkRttMs)}`,
    arc.isBottleneck ? 'slowest seat' : '',
  ]
  return `${parts.filter(part => part !== '').join(', ')}.`
}

function markerPath(angle: number): string {
  const tip = pointAt(angle, outer + 3)
  const left = pointAt(angle - 0.045, outer + 11)
  const right = pointAt(angle + 0.045, outer + 11)
  return `M ${tip.x} ${tip.y} L ${left.x} ${left.y} L ${right.x} ${right.y} Z`
}

function crossPath(angle: number): string {
  const { x, y } = pointAt(angle, (inner + outer) / 2)
  return `M ${x - 6} ${y - 6} L ${x + 6} ${y + 6} M ${x + 6} ${y - 6} L ${x - 6} ${y + 6}`
}

function circleAt(angle: number, radius: number): { cx: number; cy: number } {
  const { x, y } = pointAt(angle, radius)
  return { cx: x, cy: y }
}
