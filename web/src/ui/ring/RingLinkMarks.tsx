/** At each gap the kind of the link across it, as a shape; nothing where all links are of one kind. */
import { LinkMark } from './LinkMark.tsx'
import { ringGap, ringOuter } from './ring-dimensions.ts'
import { pointAt, type Sector } from './ring-geometry.ts'
import type { RingModel } from './ring-model.ts'

export function RingLinkMarks({ ring, sectors }: { ring: RingModel; sectors: readonly Sector[] }) {
  if (ring.kinds.length < 2) return null
  return (
    <g className="ring-links">
      {ring.arcs.map((arc, index) => {
        if (arc.linkKind === null) return null
        const { x, y } = pointAt((sectors[index]?.end ?? 0) + ringGap / 2, ringOuter + 4.75)
        return (
          <g key={arc.key} transform={`translate(${x} ${y})`}>
            <LinkMark kind={arc.linkKind} />
          </g>
        )
      })}
    </g>
  )
}
