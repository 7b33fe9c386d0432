/** Names the layers that nobody can compute now, for the page and for a 503. It decides nothing. */
import type { PoolView } from './pool-view.ts'

/** `Layers 0–1 and 4 are missing.`, with inclusive ranges; empty where each layer has a ready seat, or one that wants to go. */
export function missingLayersInWords({ seats, layers }: Pick<PoolView, 'seats' | 'layers'>): string {
  const gaps: { start: number; end: number }[] = []
  for (let layer = 0; layer < layers; layer++) {
    const isHeld = seats.some(
      ({ status, layers: { start, end } }) =>
        (status === 'ready' || status === 'draining') && start <= layer && layer < end,
    )
    if (isHeld) continue
    const last = gaps.at(-1)
    if (last?.end === layer) last.end = layer + 1
    else gaps.push({ start: layer, end: layer + 1 })
  }
  if (gaps.length === 0) return ''
  const ranges = gaps.map(({ start, end }) => (end - start === 1 ? `${start}` : `${start}–${end - 1}`))
  if (ranges.length > 1) return `Layers ${ranges.slice(0, -1).join(', ')} and ${ranges.at(-1)} are missing.`
  return ranges[0]!.includes('–') ? `Layers ${ranges[0]} are missing.` : `Layer ${ranges[0]} is missing.`
}
