/** The ring at the size of a letter: the mark of the product, and the pool's state at a glance. */
import { useMemo } from 'react'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { sectorPath, sectorsOf } from './ring-geometry.ts'
import { ringModelOf } from './ring-model.ts'

const placeholder = [0, 1, 2].map(start => ({
  key: `mark-${start}`,
  state: 'empty' as const,
  layers: { start, end: start + 1 },
}))

export function RingGlyph() {
  const { pool } = useStore(useServices().pool)
  const ring = useMemo(() => ringModelOf(pool), [pool])
  const isWhole = ring.arcs.length > 1
  const arcs = isWhole ? ring.arcs : placeholder.map(arc => ({ ...arc, state: ring.arcs[0]?.state ?? 'empty' }))
  const sectors = sectorsOf(arcs, isWhole ? ring.layers : 3, Math.min(0.3, 1.4 / arcs.length))
  return (
    <svg className="ring-glyph" viewBox="-12 -12 24 24" aria-hidden="true">
      {arcs.map((arc, index) => (
        <path
          key={arc.key}
          className={`is-${arc.state}`}
          d={sectorPath(sectors[index] ?? { start: 0, end: 0 }, 6.4, 11)}
        />
      ))}
    </svg>
  )
}
