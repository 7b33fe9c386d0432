/** The ring in one line, where there is no room to draw it. Pure. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { formatLayers, formatMs, formatTokensPerSecond } from '../format/format-number.ts'

export function ringWords(pool: PoolSnapshot | null): string {
  if (pool === null) return 'The ring: not known yet'
  const held = pool.seats
    .filter(seat => seat.status === 'ready')
    .reduce((sum, { layers }) => sum + layers.end - layers.start, 0)
  if (pool.status !== 'ready') return `The ring: ${held} of ${pool.layers} layers held`
  const peers = `${pool.seats.length} ${pool.seats.length === 1 ? 'peer' : 'peers'}`
  const lap = pool.lastLap === null ? '' : `, ${formatMs(pool.lastLap.lapMs)} a lap`
  const speed = pool.tokensPerSecond === null ? '' : `, ${formatTokensPerSecond(pool.tokensPerSecond)}`
  return `The ring: ${peers}${lap}${speed}`
}

/** The layers that no tab can compute now, `Missing: layers 0–1 and 4.`; empty where each layer has a ready tab. */
export function missingWords({ seats, layers }: PoolSnapshot): string {
  const gaps: { start: number; end: number }[] = []
  for (let layer = 0; layer < layers; layer++) {
    const isHeld = seats.some(seat => seat.status === 'ready' && seat.layers.start <= layer && layer < seat.layers.end)
    if (isHeld) continue
    const last = gaps.at(-1)
    if (last?.end === layer) last.end = layer + 1
    else gaps.push({ start: layer, end: layer + 1 })
  }
  if (gaps.length === 0) return ''
  const isOne = gaps.length === 1 && gaps[0]!.end - gaps[0]!.start === 1
  const ranges = gaps.map(formatLayers)
  const listed = ranges.length === 1 ? ranges[0] : `${ranges.slice(0, -1).join(', ')} and ${ranges.at(-1)}`
  return `Missing: ${isOne ? 'layer' : 'layers'} ${listed}.`
}
