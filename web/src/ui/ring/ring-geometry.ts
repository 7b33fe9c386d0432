/**
 * Angles and paths of the ring. Pure: layers in, numbers and SVG path text out. Angles are radians, clockwise from twelve o'clock.
 */
import type { RingArc, RingModel } from './ring-model.ts'

export interface Sector {
  readonly start: number
  readonly end: number
}

const turn = Math.PI * 2

/** A sector for each arc, in proportion to its layers, with `gap` radians between neighbours; one arc alone has no gap. */
export function sectorsOf(arcs: readonly Pick<RingArc, 'layers'>[], layers: number, gap: number): Sector[] {
  const margin = arcs.length > 1 ? gap / 2 : 0
  return arcs.map(arc => {
    const start = (arc.layers.start / layers) * turn
    const end = (arc.layers.end / layers) * turn
    // A model of many layers may give a peer less than the gap: it keeps a sliver that can still be seen and hit.
    const inset = Math.min(margin, (end - start) * 0.4)
    return { start: start + inset, end: end - inset }
  })
}

/** Where an angle lies at a radius, with the centre at 0, 0. */
export function pointAt(angle: number, radius: number): { x: number; y: number } {
  return { x: radius * Math.sin(angle), y: -radius * Math.cos(angle) }
}

/** The outline of a sector between two radii. A full turn is drawn as two halves: an SVG arc cannot close on itself. */
export function sectorPath({ start, end }: Sector, inner: number, outer: number): string {
  if (end - start >= turn - 1e-6) {
    return `${ringHalf(outer, 1)} ${ringHalf(inner, 0)}`
  }
  const large = end - start > Math.PI ? 1 : 0
  const from = text(pointAt(start, outer))
  const over = text(pointAt(end, outer))
  const back = text(pointAt(end, inner))
  const home = text(pointAt(start, inner))
  return `M ${from} A ${outer} ${outer} 0 ${large} 1 ${over} L ${back} A ${inner} ${inner} 0 ${large} 0 ${home} Z`
}

/** The radius up to which a sector is filled, so that the filled *area* is `share` of the whole. */
export function fillRadius(share: number, inner: number, outer: number): number {
  const bounded = Math.min(1, Math.max(0, share))
  return Math.sqrt(inner * inner + bounded * (outer * outer - inner * inner))
}

export interface PulseStep {
  readonly angle: number
  /** 0..1 of the pulse's duration. */
  readonly offset: number
}

/**
 * One lap as the pulse walks it: across each seat in its measured compute time, across each gap in an equal share of the wire's.
 * Empty where the ring is not whole or nothing was measured.
 */
export function pulseSteps(model: RingModel, sectors: readonly Sector[]): PulseStep[] {
  const times = model.arcs.map(arc => (arc.state === 'ready' ? arc.computeMs : null))
  if (model.lapMs === null || times.length === 0 || times.some(time => time === null)) return []
  const hopMs = (model.wireMs ?? 0) / model.arcs.length
  const total = times.reduce<number>((sum, time) => sum + (time ?? 0) + hopMs, 0)
  if (total <= 0) return []
  const steps: PulseStep[] = []
  let elapsed = 0
  sectors.forEach((sector, index) => {
    steps.push({ angle: sector.start, offset: elapsed / total })
    elapsed += times[index] ?? 0
    steps.push({ angle: sector.end, offset: elapsed / total })
    elapsed += hopMs
  })
  steps.push({ angle: turn + (sectors[0]?.start ?? 0), offset: 1 })
  return steps
}

/** Slower than life, so that an eye can follow, and the slower the longer the lap took. */
export function pulseDurationMs(lapMs: number): number {
  return Math.min(1600, Math.max(350, lapMs * 6))
}

/** How a label beside the ring is anchored, so that it grows outward. */
export function anchorAt(angle: number): 'start' | 'middle' | 'end' {
  const across = Math.sin(angle)
  if (Math.abs(across) < 0.3) return 'middle'
  return across > 0 ? 'start' : 'end'
}

/** A notch between layers, so that a reader can count them; nothing where the notches would merge. */
export function layerTicksPath(layers: number, radius: number): string {
  if (layers < 2 || layers > 96) return ''
  const ticks = Array.from({ length: layers }, (_, layer) => {
    const angle = (layer / layers) * turn
    return `M ${text(pointAt(angle, radius))} L ${text(pointAt(angle, radius - (layer === 0 ? 6 : 3)))}`
  })
  return ticks.join(' ')
}

/** A small triangle that points outward at `angle`, its tip at one radius and its foot at another. */
export function markerPath(angle: number, tip: number, foot: number): string {
  const spread = 2.6 / foot
  const points = [pointAt(angle, tip), pointAt(angle - spread, foot), pointAt(angle + spread, foot)]
  return `M ${points.map(text).join(' L ')} Z`
}

/** A cross around a point. */
export function crossPath({ x, y }: { x: number; y: number }, size: number): string {
  const down = `M ${text({ x: x - size, y: y - size })} L ${text({ x: x + size, y: y + size })}`
  return `${down} M ${text({ x: x + size, y: y - size })} L ${text({ x: x - size, y: y + size })}`
}

function ringHalf(radius: number, sweep: 0 | 1): string {
  const top = text({ x: 0, y: -radius })
  const bottom = text({ x: 0, y: radius })
  return `M ${top} A ${radius} ${radius} 0 1 ${sweep} ${bottom} A ${radius} ${radius} 0 1 ${sweep} ${top} Z`
}

function text({ x, y }: { x: number; y: number }): string {
  return `${round(x)} ${round(y)}`
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000 + 0
}
