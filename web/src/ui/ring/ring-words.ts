/** The ring in one line, where there is no room to draw it. Pure. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { formatMs, formatTokensPerSecond } from '../format/format-number.ts'
import { isStakedPool } from '../trust/trust-words.ts'

export function ringWords(pool: PoolSnapshot | null): string {
  if (pool === null) return 'The ring: not known yet'
  const held = pool.seats
    .filter(({ status }) => status === 'ready' || status === 'draining')
    .reduce((sum, { layers }) => sum + layers.end - layers.start, 0)
  const stake = isStakedPool(pool) ? 'staked' : 'unstaked'
  if (pool.status !== 'ready') return `The ring: ${held} of ${pool.layers} layers held, ${stake}`
  const peers = `${pool.seats.length} ${pool.seats.length === 1 ? 'peer' : 'peers'}`
  const lap = pool.lastLap === null ? '' : `, ${formatMs(pool.lastLap.lapMs)} a lap`
  const speed = pool.tokensPerSecond === null ? '' : `, ${formatTokensPerSecond(pool.tokensPerSecond)}`
  return `The ring: ${peers}, ${stake}${lap}${speed}`
}
