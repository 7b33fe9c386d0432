/** What it is, the live ring, two next steps. */
import { formatCount, threeDigits, unmeasured } from '../format/format-number.ts'
import { RingPanel } from '../ring/RingPanel.tsx'
import { Link } from '../router/Link.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { isStakedPool } from '../trust/trust-words.ts'

export function HomePage() {
  const { pool: poolStore, tab } = useServices()
  const { pool } = useStore(poolStore)
  const { peer } = useStore(tab)
  return (
    <div className="split">
      <div className="lead">
        <h1 tabIndex={-1}>One language model, shared out by layers among browser tabs.</h1>
        <p>
          Each tab holds a few layers and computes them on its own graphics card. A token’s activation hops from tab to
          tab, once round the ring; the text comes back through an endpoint that OpenAI’s clients already speak.
        </p>
        <div className="steps">
          <Link to="/operate" className="step">
            <strong>Hold layers</strong>
            <span>Join with this tab. No account, no install.</span>
          </Link>
          <Link to="/chat" className="step">
            <strong>Chat</strong>
            <span>{chatWords(pool?.status)}</span>
          </Link>
        </div>
        <dl className="figures">
          <div>
            <dt>Model</dt>
            <dd>{pool?.model ?? unmeasured}</dd>
          </div>
          <div>
            <dt>Layers</dt>
            <dd>{pool?.layers ?? unmeasured}</dd>
          </div>
          <div>
            <dt>Stake</dt>
            <dd>{pool === null ? unmeasured : isStakedPool(pool) ? 'staked pool' : 'unstaked pool'}</dd>
          </div>
          <div>
            <dt>Laps so far</dt>
            <dd>{pool === null ? unmeasured : formatCount(pool.laps)}</dd>
          </div>
          <div>
            <dt>Tokens/s now</dt>
            <dd>{typeof pool?.tokensPerSecond === 'number' ? threeDigits(pool.tokensPerSecond) : unmeasured}</dd>
          </div>
        </dl>
        <p className="aside">
          Tabs see the activations of the layers they hold, and the entry and exit see text. Do not send what a stranger
          may not read. <Link to="/trust">What each seat can see</Link> <Link to="/docs#limits">Limits</Link>
        </p>
      </div>
      <RingPanel ownPeer={peer} />
    </div>
  )
}

function chatWords(status: 'waiting' | 'forming' | 'ready' | undefined): string {
  if (status === 'ready') return 'The ring is whole: it answers now.'
  if (status === 'forming') return 'The ring is forming: it answers soon.'
  return 'Layers are missing: somebody must hold them first.'
}
