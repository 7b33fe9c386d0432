/** A test pool with an open till over a test vault: real ledger, real facilitator, real chain; fake tabs, and a clock that tests move. */

import { streamVaultAbi } from '@computepool/contracts/abi'
import { Hono } from 'hono'
import type { Hex, PublicClient } from 'viem'
import { hostEntropy } from '../src/host.ts'
import { createTill } from '../src/payments/create-till.ts'
import { createLedger, type Ledger } from '../src/payments/ledger.ts'
import type { CapLimits, Till } from '../src/payments/till.ts'
import { createVoucherSettler } from '../src/payments/voucher-settler.ts'
import { createFacilitator } from '../src/payments/x402-facilitator.ts'
import type { Database } from '../src/store/database.ts'
import { createTestPool, type TestPool } from './test-pool.ts'
import type { TestVault } from './test-vault.ts'

export interface PaidPool extends TestPool {
  readonly till: Till
  readonly ledger: Ledger
  readonly tillFaults: readonly unknown[]
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  close(): Promise<void>
}

export const ownerToken = 'owner-token-of-the-tests'

/** `db` may be shared by the tests of a file: making one takes seconds. */
export function openPaidPool(chain: TestVault, db: Database, caps: Partial<CapLimits> = {}): PaidPool {
  const client = chain.publicClient as PublicClient
  const { target, vault, settler } = chain
  const faults: unknown[] = []
  const facilitator = createFacilitator({ chainId: target.chainId, client, settler, vaults: [vault] })
  let ledger!: Ledger
  let till!: Till
  const pool = createTestPool(
    {},
    {
      // Pools that share a database must not share the names of their requests.
      entropy: hostEntropy,
      moneyFor: (desk, clock) => {
        const terms = { vault, leaseSeconds: 60, bufferSeconds: 60, sessionSeconds: 86_400 }
        ledger = createLedger({ db, clock, terms })
        const { usdcx, gdaForwarder } = chain.manifest.contracts
        till = createTill({
          clock,
          db,
          ledger,
          facilitator,
          client,
          target,
          caps: { minCapAtomic: 10_000n, maxCapAtomic: 100_000_000n, requestCapAtomic: 50_000n, ...caps },
          origin: 'http://localhost',
          chain: { id: target.chainId, name: 'Test', rpcUrl: chain.url, explorerUrl: null, isEmbedded: true },
          contracts: { usdcx, gdaForwarder, pool: chain.pool },
          tokenSecret: new Uint8Array(32).fill(7),
          requireRing: desk.requireRing,
          faucet: null,
          ownerRoutes: new Hono().get('/activity/sessions', async c =>
            c.json({ count: (await ledger.listSessions()).length }),
          ),
          webhookRoutes: null,
          chainRoutes: null,
          onFault: fault => faults.push(fault),
        })
        return { mode: 'paid', till: () => till, ownerToken }
      },
    },
  )
  const voucherSettler = createVoucherSettler({ facilitator, target })
  /** What the outbox does with an opening session, at once. */
  const settleOpen = async (sessionId: string): Promise<void> => {
    const row = (await ledger.session(sessionId))!
    const { payer, nonce, capAtomic, voucher } = row
    const order = { sessionId, payer, nonce, capAtomic, voucher, signal: new AbortController().signal }
    const outcome = await voucherSettler.settle(order)
    if (outcome.status === 'refused') return ledger.refuse(sessionId, outcome.reason)
    if (outcome.status === 'unknown') throw new Error(outcome.reason)
    const { expiresAt, pricePerSecondAtomic } = await client.readContract({
      address: vault,
      abi: streamVaultAbi,
      functionName: 'session',
      args: [sessionId as Hex],
    })
    const { transaction } = outcome
    await ledger.confirmOpen(sessionId, {
      transaction,
      blockNumber: 1,
      expiresAt: Number(expiresAt),
      pricePerSecondAtomic,
    })
  }
  ledger.onChange(change => {
    if (change.status === 'opening' && change.hasOrders) settleOpen(change.sessionId).catch(fault => faults.push(fault))
  })
  return {
    ...pool,
    till,
    ledger,
    tillFaults: faults,
    post: async (path, body, headers = {}) =>
      pool.app.request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    close: async () => {
      pool.desk.close()
      await till.meter.stopAll()
    },
  }
}
