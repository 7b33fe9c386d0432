/** Stakes, standings, checks and disputes as an orchestrator would tell them, for tests. */
import type { StakeFacts, StandingFacts } from '@computepool/peer/runtime/peer-snapshot.ts'
import type { DisputeView } from '@computepool/shared/money'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { peerId, readyPool, sampleSeat } from './sample-pool.ts'

/** Three seats, two of them staked, one convicted; 5 USDC each. */
export function stakedPool(change: Partial<PoolSnapshot> = {}): PoolSnapshot {
  const good = { weight: 0.55, trust: 0.5, checked: 20, failed: 0 }
  const seats = [
    sampleSeat(0, [0, 2], { isStaked: true, standing: good }),
    sampleSeat(1, [2, 5], { isStaked: true, standing: { weight: 0, trust: 0, checked: 3.14, failed: 1 } }),
    sampleSeat(2, [5, 6], { isStaked: false, standing: { weight: 0.1, trust: 0, checked: 0, failed: 0.02 } }),
  ]
  const stake = { state: 'proposed' as const, coalition: '7', staked: 2, of: 3 }
  const ring = { id: 'one', status: 'ready' as const, seats, standbys: [], plannedLapMs: 20, expectedLapMs: 21 }
  return readyPool({
    seats,
    rings: [{ ...ring, stake }],
    stake: { mode: 'staked', amountAtomic: '5000000' },
    checks: {
      ...{ drawn: 14, agreed: 9, differs: 1, withheld: 1, unanswered: 2, unjudged: 1, computeMs: 1234 },
      slices: { proved: 6, wrong: 1, unproved: 2 },
    },
    auditPay: [
      { operator: `0x${'a1'.repeat(20)}`, checks: 7, units: 19 },
      { operator: `0x${'b2'.repeat(20)}`, checks: 1, units: 1 },
    ],
    disputes: { open: 1, slashed: 0 },
    ...change,
  })
}

export function sampleDispute(change: Partial<DisputeView> = {}): DisputeView {
  return {
    id: 'd1',
    coalition: '7',
    accused: peerId(2).split('.')[0] ?? '',
    reason: 'wrong-output',
    state: 'voting',
    openedAtMs: 1_700_000_000_000,
    evidence: { sha256: 'ab'.repeat(32), path: `/api/evidence/${'ab'.repeat(32)}` },
    bondAtomic: 1_000_000n,
    slashedAtomic: null,
    payerAtomic: null,
    transactions: [{ what: 'Accused', hash: `0x${'c'.repeat(64)}` }],
    ...change,
  }
}

export function sampleStake(change: Partial<StakeFacts> = {}): StakeFacts {
  return { state: 'staked', coalition: '7', amountAtomic: '5000000', words: '', ...change }
}

export function sampleStanding(change: Partial<StandingFacts> = {}): StandingFacts {
  return {
    weight: 0.56,
    trust: 0.51,
    checkRate: 0.81,
    served: 3660,
    checked: 21,
    failed: 0,
    leftEarly: 1,
    changes: [
      { atMs: 2, weightBefore: 0.55, weightAfter: 0.56, reason: 'A check computed your layers again and agreed.' },
      { atMs: 1, weightBefore: 0.61, weightAfter: 0.55, reason: 'You left a seat while an answer ran through it.' },
    ],
    ...change,
  }
}
