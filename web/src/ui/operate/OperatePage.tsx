/** The operator's place: what this machine can offer, one button, then what it does. */
import { useEffect, useMemo, useRef } from 'react'
import { EarningsPanel } from '../earnings/EarningsPanel.tsx'
import { RingPanel } from '../ring/RingPanel.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { StakePanel } from '../trust/StakePanel.tsx'
import { StandingPanel } from '../trust/StandingPanel.tsx'
import { isStakedPool } from '../trust/trust-words.ts'
import { DownloadPanel } from './DownloadPanel.tsx'
import { ErrorPanel } from './ErrorPanel.tsx'
import { JoinPanel } from './JoinPanel.tsx'
import { parseJoinQuery } from './join-query.ts'
import { PlaceWords } from './PlaceWords.tsx'
import { ServingPanel } from './ServingPanel.tsx'
import { StatusHead } from './StatusHead.tsx'
import { useMachine } from './use-machine.ts'

export function OperatePage() {
  const { tab, pool: poolStore, pack: packStore, terms } = useServices()
  const { pool } = useStore(poolStore)
  const model = pool?.model ?? null
  const pack = useStore(packStore)
  useEffect(() => {
    if (model !== null) packStore.load(model)
  }, [model, packStore])
  const snapshot = useStore(tab)
  const isFree = useStore(terms).status === 'free'
  const askedStake = isFree
    ? 'free'
    : pool !== null && isStakedPool(pool)
      ? BigInt(pool.stake?.amountAtomic ?? 0)
      : 'none'
  const { assessment, checkAgain } = useMachine()
  const query = useMemo(() => parseJoinQuery(window.location.search), [])
  const hasJoinedByQuery = useRef(false)

  useEffect(() => {
    if (!query.joins || hasJoinedByQuery.current || assessment === null || !assessment.canJoin) return
    hasJoinedByQuery.current = true
    if (tab.getSnapshot().status !== 'idle') return
    tab.join({ memoryBudgetBytes: query.memoryBytes ?? assessment.memory.defaultBytes, engine: query.engine })
  }, [query, assessment, tab])

  const { status } = snapshot
  const isOut = status === 'idle' || status === 'failed'
  const showsDownload = status === 'downloading' || status === 'paused'
  return (
    <div className="split">
      <div className="stack">
        <h1 tabIndex={-1}>Operate</h1>
        {query.problem === null ? null : (
          <p className="notice" role="alert">
            The address asks for something this page cannot do: {query.problem}
          </p>
        )}
        <section className="panel" aria-label="This tab">
          <StatusHead snapshot={snapshot} commands={tab} />
          <PlaceWords pool={pool} peer={snapshot.peer} />
          {snapshot.error === null ? null : <ErrorPanel error={snapshot.error} />}
          {showsDownload ? <DownloadPanel snapshot={snapshot} commands={tab} /> : null}
          {isOut ? null : <ServingPanel snapshot={snapshot} />}
          {isOut ? (
            <JoinPanel
              assessment={assessment}
              query={query}
              pack={pack}
              askedStake={askedStake}
              isRetry={status === 'failed'}
              onCheckAgain={checkAgain}
              onJoin={options => tab.join(options)}
            />
          ) : null}
        </section>
        <StakePanel stake={snapshot.stake} />
        <StandingPanel standing={snapshot.standing} />
        <EarningsPanel />
      </div>
      <RingPanel ownPeer={snapshot.peer} />
    </div>
  )
}
