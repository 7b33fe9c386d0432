/** Under the ring: whether the pool is staked, what the checks came to, and who was convicted. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { shortHex } from '../format/format-money.ts'
import { Link } from '../router/Link.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { isOwnPath } from './is-own-path.ts'
import { breachWords, checkFigures, convictedOf, drawnRing, isStakedPool, poolStakeWords } from './trust-words.ts'
import { mayHaveDisputes, useDisputes } from './use-disputes.ts'
import { useIsTestMoney } from './use-is-test-money.ts'

export function PoolTrust({ pool }: { pool: PoolSnapshot }) {
  const isTest = useIsTestMoney(isStakedPool(pool) || mayHaveDisputes(pool))
  const { checks } = pool
  return (
    <section className="pool-trust" aria-label="Stakes and checks" data-testid="pool-trust">
      <p data-testid="pool-stake">{poolStakeWords(pool, drawnRing(pool), isTest)}</p>
      {checks === undefined ? (
        <p data-testid="pool-checks">This pool tells of no checks.</p>
      ) : (
        <dl className="figures check-figures" data-testid="pool-checks">
          {checkFigures(checks).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      <Convictions pool={pool} />
      <p className="links-line">
        <Link to="/trust">What each seat can see</Link> <Link to="/disputes">Disputes</Link>{' '}
        <Link to="/token">The pool’s token</Link>
      </p>
    </section>
  )
}

const mostShown = 3

/** The newest, each operator once, and whether they still hold a seat. */
function Convictions({ pool }: { pool: PoolSnapshot }) {
  const { terms } = useServices()
  const isPaid = useStore(terms).status === 'paid'
  const { disputes } = useDisputes(pool, isPaid && mayHaveDisputes(pool))
  const convicted = convictedOf(pool, disputes)
  if (convicted.length === 0) return null
  const rings = pool.rings ?? []
  const seats = rings.length === 0 ? pool.seats : rings.flatMap(ring => ring.seats)
  const seated = new Set(seats.map(({ peer }) => peer.split('.')[0]?.toLowerCase()))
  return (
    <ul className="convictions" aria-label="Convicted" data-testid="convictions">
      {convicted.slice(0, mostShown).map(({ operator, what, evidencePath }) => (
        <li key={operator}>
          <code title={operator}>{shortHex(operator)}</code> was convicted: it {breachWords[what]}.{' '}
          {seated.has(operator)
            ? 'It still holds a seat, until its ring is placed anew.'
            : 'It holds no seat any more; others hold its layers, or will.'}{' '}
          {evidencePath !== null && isOwnPath(evidencePath) ? (
            <a href={evidencePath} download aria-label={`Evidence against ${shortHex(operator)}`}>
              Evidence
            </a>
          ) : null}
        </li>
      ))}
    </ul>
  )
}
