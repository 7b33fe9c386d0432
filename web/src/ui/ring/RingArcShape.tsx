/** One arc: its outline, its measured fill, the marker of the slowest, the cross of a lost seat; a button for whoever looks closer. */
import { formatMs, formatSpeed, nameLayers } from '../format/format-number.ts'
import { linkNames } from '../format/link-words.ts'
import { ringInner, ringOuter } from './ring-dimensions.ts'
import { crossPath, fillRadius, markerPath, pointAt, type Sector, sectorPath } from './ring-geometry.ts'
import type { RingArc } from './ring-model.ts'

export interface RingArcShapeProps {
  readonly arc: RingArc
  readonly sector: Sector
  readonly isOwn: boolean
  readonly isActive: boolean
  readonly onActivate: (key: string | null) => void
}

export function RingArcShape({ arc, sector, isOwn, isActive, onActivate }: RingArcShapeProps) {
  const middle = (sector.start + sector.end) / 2
  const share = arc.state === 'joining' ? (arc.progress ?? 0) : (arc.busyShare ?? 0)
  return (
    // biome-ignore lint/a11y/useSemanticElements: a button element cannot be drawn inside an SVG
    <g
      className={`ring-arc is-${arc.state}${isActive ? ' is-active' : ''}`}
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
      <path className="ring-track" d={sectorPath(sector, ringInner, ringOuter)} />
      {share > 0 ? (
        <path className="ring-fill" d={sectorPath(sector, ringInner, fillRadius(share, ringInner, ringOuter))} />
      ) : null}
      {arc.state === 'lost' ? (
        <path className="ring-cross" d={crossPath(pointAt(middle, (ringInner + ringOuter) / 2), 6)} />
      ) : null}
      {arc.isBottleneck ? (
        <path className="ring-bottleneck" d={markerPath(middle, ringInner - 3, ringInner - 10)} />
      ) : null}
    </g>
  )
}

/** One arc in a sentence, for a screen reader. */
export function describeArc(arc: RingArc, isOwn: boolean): string {
  const layers = nameLayers(arc.layers)
  if (arc.state === 'empty')
    return `${layers}: nobody holds ${arc.layers.end - arc.layers.start === 1 ? 'it' : 'these'}.`
  const parts = [
    `${layers}: seat ${arc.seat}${isOwn ? ', this tab' : ''}`,
    `engine ${arc.engine}`,
    arc.statusName,
    arc.computeMs === null ? '' : `${formatMs(arc.computeMs)} a step`,
    arc.linkKind === null ? '' : `link on ${linkNames[arc.linkKind]}, round trip ${formatMs(arc.linkRttMs)}`,
    arc.linkBytesPerSecond === null ? '' : formatSpeed(arc.linkBytesPerSecond),
    arc.isBottleneck ? 'slowest seat' : '',
    arc.isSlowLink ? 'slowest link' : '',
  ]
  return `${parts.filter(part => part !== '').join(', ')}.`
}
