/** Money as the orchestrator would tell it, for tests: an embedded chain, 0.001 USDC a second, a session of half a USDC. */
import type { PaidTerms, Receipt, SessionView } from '@computepool/shared/money'

const hash = (digit: string): `0x${string}` => `0x${digit.repeat(64)}`
const address = (digit: string): `0x${string}` => `0x${digit.repeat(40)}`

export function sampleTerms(change: Partial<PaidTerms> = {}): PaidTerms {
  return {
    mode: 'paid',
    chain: {
      id: 31_337,
      name: 'ComputePool embedded',
      rpcUrl: 'http://127.0.0.1:8545',
      explorerUrl: null,
      isEmbedded: true,
    },
    usdc: address('1'),
    usdcName: 'Test USDC',
    usdcVersion: '2',
    usdcx: address('2'),
    vault: address('3'),
    pool: address('4'),
    gdaForwarder: address('5'),
    pricePerSecondAtomic: 1_000n,
    leaseSeconds: 30,
    bufferSeconds: 60,
    bufferPerRequestAtomic: 60_000n,
    reserveFreeAtomic: 50_000_000n,
    minCapAtomic: 50_000n,
    maxCapAtomic: 5_000_000n,
    requestCapAtomic: 100_000n,
    hasFaucet: true,
    ...change,
  }
}

export function sampleSession(change: Partial<SessionView> = {}): SessionView {
  return {
    id: hash('a'),
    payer: address('9'),
    status: 'open',
    capAtomic: 500_000n,
    spentAtomic: 0n,
    refundableAtomic: 500_000n,
    pricePerSecondAtomic: 1_000n,
    runningRequests: 0,
    rateWei: 0n,
    bufferAtomic: 0n,
    leaseUntil: null,
    expiresAt: 1_800_000_000,
    openTransaction: hash('b'),
    closeTransaction: null,
    atMs: 1_000,
    ...change,
  }
}

/** Closed after 123,456 atomic units: paid + refunded = cap. */
export function sampleReceipt(change: Partial<Receipt> = {}): Receipt {
  const session = sampleSession({
    status: 'closed',
    spentAtomic: 123_456n,
    refundableAtomic: 376_544n,
    closeTransaction: hash('c'),
    atMs: 9_000,
  })
  return {
    session,
    requests: [
      { requestId: 'r1', startedAtMs: 1_000, meteredMs: 123_456, costAtomic: 123_456n, tokens: 420, stoppedBy: null },
    ],
    paidAtomic: 123_456n,
    refundedAtomic: 376_544n,
    transactions: [
      { kind: 'open', hash: hash('b'), blockNumber: 7, atMs: 1_000 },
      { kind: 'set', hash: hash('d'), blockNumber: 8, atMs: 2_000 },
      { kind: 'close', hash: hash('c'), blockNumber: 9, atMs: 9_000 },
    ],
    ...change,
  }
}
