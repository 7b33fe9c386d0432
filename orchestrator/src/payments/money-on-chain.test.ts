/** Ledger, outbox, embedded keeper and reconciler on a real chain with a real vault: who pays and who earns, to the last unit. */
import { streamVaultAbi, superfluidPoolAbi } from '@computepool/contracts/abi'
import { createSeededRandom } from '@computepool/shared/testing'
import type { Hex, PublicClient } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { openTestVault, signPayment, type TestVault, testPriceAtomic } from '../../testing/test-vault.ts'
import { createSignerQueue, type SignerQueue } from '../chain/signer-queue.ts'
import { createSignerStore } from '../chain/signer-store.ts'
import { createVaultReader, type VaultReader } from '../chain/vault-reader.ts'
import { hostClock } from '../host.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper, prepareWorkflows } from '../keeper/index.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createLedgerMeter } from './ledger-meter.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { createReconciler, type Reconciler } from './reconcile.ts'
import { readPayment } from './voucher.ts'
import { createVoucherSettler } from './voucher-settler.ts'
import { createFacilitator } from './x402-facilitator.ts'

const capAtomic = 1_000_000n
const operators = [`0x${'0a'.repeat(20)}`, `0x${'0b'.repeat(20)}`] as const

/** The host's clock, moved on together with the chain's. */
let skewMs = 0
const clock = {
  monotonicMs: () => hostClock.monotonicMs() + skewMs,
  wallMs: () => hostClock.wallMs() + skewMs,
  schedule: hostClock.schedule,
}

let chain: TestVault
let database: OpenDatabase
let vault: VaultReader
let queue: SignerQueue
let keeper: EmbeddedKeeper
let ledger: Ledger
let outbox: Outbox
let reconciler: Reconciler

beforeAll(async () => {
  ;[chain, database] = await Promise.all([openTestVault(), openMemoryLedger()])
  const client = chain.publicClient as PublicClient
  const { db } = database
  const chainId = chain.chain.id
  queue = createSignerQueue({
    client,
    account: chain.accounts.keeper,
    chainId,
    store: createSignerStore(db),
    clock,
    pollMs: 50,
  })
  const workflows = prepareWorkflows({ chainId, vault: chain.vault })
  keeper = createEmbeddedKeeper({
    db,
    sender: queue,
    publicClient: client,
    clock,
    entropy: createSeededRandom(3),
    workflows,
    pollMs: 10,
  })
  for (const { definition } of workflows) await keeper.importWorkflow(definition)
  const facilitator = createFacilitator({ chainId, client, settler: chain.settler, vaults: [chain.vault] })
  vault = createVaultReader(client, chain.vault)
  const terms = { vault: chain.vault, leaseSeconds: 60, bufferSeconds: 60, sessionSeconds: 86_400 }
  ledger = createLedger({ db, clock, terms })
  const settler = createVoucherSettler({ facilitator, target: chain.target })
  outbox = createOutbox({ db, ledger, clock, keeper, settler, vault })
  const pricePerSecondAtomic = async () => testPriceAtomic
  reconciler = createReconciler({ db, ledger, vault, clock, pricePerSecondAtomic })
  outbox.start()
  // The compiler, a chain and a database, on a machine that may be busy.
}, 180_000)
afterAll(async () => {
  await outbox?.close()
  await reconciler?.close()
  await keeper?.close()
  await queue?.close()
  await Promise.all([chain?.close(), database?.close()])
})

async function passSeconds(seconds: number): Promise<void> {
  await chain.passSeconds(seconds)
  skewMs += seconds * 1000
}

async function openSession(payerIndex: number): Promise<string> {
  const payer = chain.accounts.payers[payerIndex]!
  const now = Number(await chain.now())
  const payment = await signPayment(chain.target, payer, capAtomic, { validBefore: BigInt(now + 300) })
  const { voucher } = readPayment(payment)!
  const { session } = await ledger.admitVoucher({
    payer: voucher.payer,
    nonce: voucher.nonce,
    capAtomic,
    validBefore: Number(voucher.validBefore),
    voucher: payment,
    origin: 'session',
    pricePerSecondAtomic: testPriceAtomic,
  })
  await ledger.whenSettled(session.id, new AbortController().signal)
  return session.id
}

const receivedWei = async (): Promise<bigint> => {
  const amounts = await Promise.all(
    operators.map(operator =>
      chain.publicClient.readContract({
        address: chain.pool,
        abi: superfluidPoolAbi,
        functionName: 'getTotalAmountReceivedByMember',
        args: [operator as Hex],
      }),
    ),
  )
  return amounts.reduce((sum, amount) => sum + amount, 0n)
}

const rateWei = testPriceAtomic * 10n ** 12n

describe('two sessions on one coalition', () => {
  it('are paid for by the second, each from its own money, and refunded to the last unit', async () => {
    await ledger.setUnits([
      { member: operators[0], units: 600 },
      { member: operators[1], units: 400 },
    ])
    await outbox.idle()
    const payers = [0, 1].map(at => chain.accounts.payers[at]!.address)
    const before = await Promise.all(payers.map(payer => chain.usdcOf(payer)))
    const [first, second] = [await openSession(0), await openSession(1)]
    await Promise.all([
      ledger.startRequest({ sessionId: first, requestId: 'first' }),
      ledger.startRequest({ sessionId: second, requestId: 'second' }),
    ])
    await outbox.idle()
    expect(await vault.totals()).toMatchObject({ liveRateWei: 2n * rateWei, poolRateWei: 2n * rateWei })
    expect(await reconciler.check()).toEqual({ repaired: [], open: [] })

    await passSeconds(10)
    await ledger.endRequest({ sessionId: first, requestId: 'first', meteredMs: 10_000, tokens: 50, stoppedBy: 'stop' })
    await ledger.wantClose(first, 'the payer asked')
    await outbox.idle()
    expect(await ledger.view(first)).toMatchObject({
      status: 'closed',
      spentAtomic: 10_000n,
      refundableAtomic: 990_000n,
    })
    expect(await ledger.view(second)).toMatchObject({ status: 'streaming', rateWei })
    expect(await vault.totals()).toMatchObject({ liveRateWei: rateWei, poolRateWei: rateWei })

    await passSeconds(5)
    await ledger.endRequest({
      sessionId: second,
      requestId: 'second',
      meteredMs: 15_432,
      tokens: 70,
      stoppedBy: 'stop',
    })
    await ledger.wantClose(second, 'the payer asked')
    await outbox.idle()
    const receipts = await Promise.all([first, second].map(id => ledger.receipt(id)))
    expect(receipts.map(({ paidAtomic }) => paidAtomic)).toEqual([10_000n, 15_432n])
    expect(receipts.map(({ transactions }) => transactions.map(({ kind }) => kind))).toEqual([
      ['open', 'set', 'close'],
      ['open', 'set', 'close'],
    ])
    const after = await Promise.all(payers.map(payer => chain.usdcOf(payer)))
    expect(after.map((amount, at) => before[at]! - amount)).toEqual([10_000n, 15_432n])
    const { owedWei, liveRateWei, poolRateWei } = await vault.totals()
    expect([liveRateWei, poolRateWei]).toEqual([0n, 0n])
    // What operators have beyond the dues is the vault's own overrun, and stands in its books.
    expect(await receivedWei()).toBe(25_432n * 10n ** 12n - owedWei)
    expect(await reconciler.check()).toEqual({ repaired: [], open: [] })
  })

  it('refunds a session that never ran, and follows one that its payer ends on the chain', async () => {
    const idle = await openSession(2)
    await ledger.wantClose(idle, 'the payer asked')
    const ended = await openSession(3)
    await outbox.idle()
    expect(await ledger.receipt(idle)).toMatchObject({ paidAtomic: 0n, refundedAtomic: capAtomic })
    const hash = await chain.wallet(chain.accounts.payers[3]!).writeContract({
      address: chain.vault,
      abi: streamVaultAbi,
      functionName: 'end',
      args: [ended as Hex],
      gas: 3_000_000n,
    })
    await chain.publicClient.waitForTransactionReceipt({ hash })
    const { repaired, open } = await reconciler.check()
    expect([repaired.map(({ law }) => law), open]).toEqual([['refunds'], []])
    expect(await ledger.receipt(ended)).toMatchObject({ paidAtomic: 0n, refundedAtomic: capAtomic })
    expect((await ledger.view(ended)).closeTransaction).toBe(hash)
  })

  it('pays nothing to operators without units, and charges the same whoever has them, or nobody', async () => {
    const received = (): Promise<bigint[]> =>
      Promise.all(
        operators.map(operator =>
          chain.publicClient.readContract({
            address: chain.pool,
            abi: superfluidPoolAbi,
            functionName: 'getTotalAmountReceivedByMember',
            args: [operator as Hex],
          }),
        ),
      )
    /** What each operator is paid in ten seconds after this order. */
    const paidWith = async (...units: readonly [at: number, units: number][]): Promise<bigint[]> => {
      await ledger.setUnits(units.map(([at, count]) => ({ member: operators[at]!, units: count })))
      await outbox.idle()
      const before = await received()
      await passSeconds(10)
      return (await received()).map((amount, at) => amount - before[at]!)
    }
    await paidWith([0, 500], [1, 500])
    const session = await openSession(0)
    const owedBefore = (await vault.totals()).owedWei
    const receivedBefore = (await receivedWei()) + owedBefore
    await ledger.startRequest({ sessionId: session, requestId: 'withheld' })
    await outbox.idle()
    const [first, second] = await paidWith([0, 1000])
    expect([first! > 0n, second]).toEqual([true, 0n])
    expect(await paidWith()).toEqual([0n, 0n])
    await ledger.setUnits([{ member: operators[1], units: 1000 }])
    await outbox.idle()
    const ofFirst = (await received())[0]!
    await passSeconds(10)
    await ledger.endRequest({
      sessionId: session,
      requestId: 'withheld',
      meteredMs: 30_000,
      tokens: 9,
      stoppedBy: 'stop',
    })
    await ledger.wantClose(session, 'the payer asked')
    await outbox.idle()
    expect(await ledger.receipt(session)).toMatchObject({ paidAtomic: 30_000n, refundedAtomic: capAtomic - 30_000n })
    // What came back while nobody had units is the second's, who has them at the end.
    expect((await received())[0]! - ofFirst).toBe(0n)
    const { owedWei } = await vault.totals()
    expect((await receivedWei()) + owedWei - receivedBefore).toBe(30_000n * 10n ** 12n)
    expect((await reconciler.check()).open).toEqual([])
  })

  it('stops a meter whose session its payer ends on the chain in the midst of an answer', async () => {
    const payer = chain.accounts.payers[1]!
    const before = await chain.usdcOf(payer.address)
    const earnedBefore = await receivedWei()
    const { owedWei: owedBefore } = await vault.totals()
    const id = await openSession(1)
    const faults: unknown[] = []
    const meter = createLedgerMeter({ ledger, clock, onFault: fault => faults.push(fault) })
    const session = { id, capAtomic, pricePerSecondAtomic: testPriceAtomic, settledAtomic: 0n }
    const request = meter.admit(session)
    const stops: string[] = []
    request.attach({
      cutShort: by => {
        stops.push(by)
        request.observer.onEnded('cut', { atMs: clock.monotonicMs(), tokens: 3, outcome: by })
      },
    })
    const started = new Promise<void>(resolve => {
      const forget = ledger.onChange(({ sessionId, status }) => {
        if (sessionId !== id || status !== 'streaming') return
        forget()
        resolve()
      })
    })
    request.observer.onFlowing('cut', clock.monotonicMs())
    await started
    await outbox.idle()
    expect(await vault.totals()).toMatchObject({ liveRateWei: rateWei })
    await passSeconds(20)
    const end = { address: chain.vault, abi: streamVaultAbi, functionName: 'end', gas: 3_000_000n } as const
    const hash = await chain.wallet(payer).writeContract({ ...end, args: [id as Hex] })
    await chain.publicClient.waitForTransactionReceipt({ hash })
    await reconciler.check()
    await request.over
    expect([stops, faults]).toEqual([['closed'], []])
    expect(() => meter.admit(session)).toThrow(expect.objectContaining({ code: 'payment_session_closed' }))
    expect(await vault.totals()).toMatchObject({ liveRateWei: 0n, poolRateWei: 0n })
    const { paidAtomic, refundedAtomic, requests } = await ledger.receipt(id)
    expect(paidAtomic).toBeGreaterThanOrEqual(20_000n)
    expect(paidAtomic + refundedAtomic).toBe(capAtomic)
    expect(requests).toMatchObject([{ requestId: 'cut', stoppedBy: 'closed' }])
    expect(requests[0]!.costAtomic).toBeLessThanOrEqual(paidAtomic)
    expect(before - (await chain.usdcOf(payer.address))).toBe(paidAtomic)
    const { owedWei } = await vault.totals()
    expect((await receivedWei()) - earnedBefore).toBe(paidAtomic * 10n ** 12n - (owedWei - owedBefore))
    await outbox.idle()
    expect(await reconciler.check()).toEqual({ repaired: [], open: [] })
  })

  it('keeps a stream alive past its first lease, and pays all of it', async () => {
    const id = await openSession(0)
    await ledger.startRequest({ sessionId: id, requestId: 'long' })
    await outbox.idle()
    for (let at = 0; at < 4; at++) {
      await passSeconds(25)
      for (const due of await ledger.sessionsToRenew()) await ledger.renewTarget(due, 'lease')
      await outbox.idle()
    }
    expect(await vault.session(id)).toMatchObject({ state: 'streaming', rateWei })
    expect(await vault.expired(10)).toEqual([])
    await ledger.endRequest({ sessionId: id, requestId: 'long', meteredMs: 104_000, tokens: 1, stoppedBy: 'stop' })
    await ledger.wantClose(id, 'the payer asked')
    await outbox.idle()
    expect(await ledger.receipt(id)).toMatchObject({ paidAtomic: 104_000n, refundedAtomic: 896_000n })
  })
})
