/** Marks the link that takes most of the lap: two strokes across its gap, and its name; shape and word, not colour. */
import { ringGap, ringInner, ringOuter } from './ring-dimensions.ts'
import { pointAt, type Sector } from './ring-geometry.ts'
import type { RingArc } from './ring-model.ts'

const halfSpread = 0.035

export function RingSlowLink({ arcs, sectors }: { arcs: readonly RingArc[]; sectors: readonly Sector[] }) {
  const index = arcs.findIndex(arc => arc.isSlowLink)
  const sector = sectors[index]
  if (sector === undefined) return null
  const middle = sector.end + ringGap / 2
  const strokes = [middle - halfSpread, middle + halfSpread].map(angle => {
    const [from, to] = [pointAt(angle, ringInner - 9), pointAt(angle, ringOuter + 9)]
    return `M ${from.x.toFixed(2)} ${from.y.toFixed(2)} L ${to.x.toFixed(2)} ${to.y.toFixed(2)}`
  })
  return <path className="ring-slow-link" data-testid="slow-link" d={strokes.join(' ')} />
}
