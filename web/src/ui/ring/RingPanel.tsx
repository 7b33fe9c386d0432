/** The ring with its readout: the arc looked at, in words below it; a switch between drawing and table. */
import { useMemo, useState } from 'react'
import { formatLayers, formatMs, unmeasured } from '../format/format-number.ts'
import { ScrollRegion } from '../shell/ScrollRegion.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { PoolStakeChip } from '../trust/PoolStakeChip.tsx'
import { PoolTrust } from '../trust/PoolTrust.tsx'
import { LapBar } from './LapBar.tsx'
import { LinkLegend } from './LinkLegend.tsx'
import { RelayList } from './RelayList.tsx'
import { Ring } from './Ring.tsx'
import { RingDetail } from './RingDetail.tsx'
import { RingList } from './RingList.tsx'
import { RingTable } from './RingTable.tsx'
import { type RingModel, ringModelOf } from './ring-model.ts'
import { useRecentLaps } from './use-recent-laps.ts'

export interface RingPanelProps {
  readonly ownPeer?: string | null
  /** Peers of the ring that served the last answer; null or absent: none yet. */
  readonly servedBy?: readonly string[] | null
}

export function RingPanel({ ownPeer = null, servedBy = null }: RingPanelProps) {
  const { pool: poolStore } = useServices()
  const { pool, connection, problem } = useStore(poolStore)
  const recent = useRecentLaps(pool)
  const ring = useMemo(() => ringModelOf(pool, recent), [pool, recent])
  const [activeKey, setActiveKey] = useState<string | null>(null)
  const [isTable, setIsTable] = useState(false)
  const active = ring.arcs.find(arc => arc.key === activeKey) ?? null
  return (
    <section
      className="ring-panel"
      aria-label="The ring"
      data-testid="ring"
      data-pool-status={pool?.status ?? connection}
    >
      <header className="ring-head">
        <div className="ring-title">
          <strong>{ring.model ?? 'The ring'}</strong>
          <span className={`chip is-${connection === 'live' ? (pool?.status ?? 'waiting') : connection}`}>
            {connection === 'live' ? poolWords(pool?.status) : connection === 'lost' ? 'no connection' : 'connecting'}
          </span>
          <PoolStakeChip pool={pool} />
        </div>
        <button
          type="button"
          className="button quiet small"
          aria-pressed={isTable}
          onClick={() => setIsTable(!isTable)}
        >
          Table
        </button>
      </header>
      {isTable ? (
        <ScrollRegion label="The ring as a table">
          <RingTable ring={ring} ownPeer={ownPeer} />
        </ScrollRegion>
      ) : (
        <>
          <Ring ring={ring} ownPeer={ownPeer} activeKey={activeKey} onActivate={setActiveKey} centre={centreOf(ring)} />
          <LinkLegend kinds={ring.kinds} />
          <RingDetail ring={ring} arc={active} ownPeer={ownPeer} />
          <div className="visually-hidden">
            <RingTable ring={ring} ownPeer={ownPeer} />
          </div>
        </>
      )}
      {ring.lap === null ? null : <LapBar lap={ring.lap} />}
      <RingList rings={pool?.rings ?? []} drawn={pool?.seats ?? []} ownPeer={ownPeer} servedBy={servedBy} />
      <RelayList relays={ring.relays} ownPeer={ownPeer} />
      {pool === null ? null : <PoolTrust pool={pool} />}
      <p className="ring-words" role="status">
        {problem ?? pool?.explanation ?? 'Asking the orchestrator who is here.'}
      </p>
    </section>
  )
}

function poolWords(status: RingModel['status'] | undefined): string {
  return status === 'ready' ? 'ready' : status === 'forming' ? 'forming' : 'waiting'
}

function centreOf(ring: RingModel): { value: string; unit: string; note: string } {
  const held = ring.arcs
    .filter(arc => arc.state === 'ready')
    .reduce((sum, arc) => sum + arc.layers.end - arc.layers.start, 0)
  if (ring.status === 'unknown') return { value: unmeasured, unit: 'no pool yet', note: '' }
  if (ring.status !== 'ready') return { value: `${held}/${ring.layers}`, unit: 'layers held', note: '' }
  const slowest = ring.arcs.find(arc => arc.isBottleneck)
  const slowLink = ring.arcs.find(arc => arc.isSlowLink)
  const note =
    slowLink === undefined
      ? slowest === undefined
        ? ''
        : `slowest ${formatLayers(slowest.layers)}`
      : `slowest: a link`
  if (ring.lapMs === null) return { value: `${held}`, unit: 'layers ready', note: 'no lap yet' }
  return { value: splitUnit(formatMs(ring.lapMs)).value, unit: `${splitUnit(formatMs(ring.lapMs)).unit} a lap`, note }
}

function splitUnit(text: string): { value: string; unit: string } {
  const [value = text, unit = ''] = text.split('\u202f')
  return { value, unit }
}
