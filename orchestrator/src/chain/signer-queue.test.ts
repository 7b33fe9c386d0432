import { streamVaultAbi } from '@computepool/contracts/abi'
import { encodeFunctionData, type Hex, keccak256, type PublicClient } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { openTestVault, type TestVault } from '../../testing/test-vault.ts'
import { hostClock } from '../host.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createSignerQueue, type SignerQueue } from './signer-queue.ts'
import { createSignerStore, type SignerStore } from './signer-store.ts'

let chain: TestVault
let database: OpenDatabase
let store: SignerStore
const queues: SignerQueue[] = []
beforeAll(async () => {
  ;[chain, database] = await Promise.all([openTestVault(), openMemoryLedger()])
  store = createSignerStore(database.db)
  // The compiler, a chain and a database, on a machine that may be busy.
}, 180_000)
afterEach(async () => {
  for (const queue of queues.splice(0)) await queue.close()
  await chain.testClient.setAutomine(true)
})
afterAll(async () => {
  await Promise.all([chain?.close(), database?.close()])
})

function newQueue(changes: { client?: PublicClient; stuckAfterBlocks?: number } = {}): SignerQueue {
  const queue = createSignerQueue({
    client: chain.publicClient as PublicClient,
    account: chain.accounts.stranger,
    chainId: chain.chain.id,
    store,
    clock: hostClock,
    pollMs: 20,
    ...changes,
  })
  queues.push(queue)
  return queue
}

const to = `0x${'0d'.repeat(20)}` as Hex
const pay = (valueWei: bigint) => ({ to, data: '0x' as Hex, valueWei })
const stored = () => store.unmined(chain.chain.id, chain.accounts.stranger.address)
const balance = () => chain.publicClient.getBalance({ address: to })

describe('the signer queue', () => {
  it('sends twenty at once, each once, with nonces that follow each other', async () => {
    const queue = newQueue()
    const before = await balance()
    const mined = await Promise.all(Array.from({ length: 20 }, (_, at) => queue.execute(pay(BigInt(at + 1)))))
    expect(new Set(mined.map(({ hash }) => hash)).size).toBe(20)
    expect((await balance()) - before).toBe(210n)
  })

  it('names the contract’s own reason, before and after mining', async () => {
    const queue = newQueue()
    const data = encodeFunctionData({ abi: streamVaultAbi, functionName: 'setPrice', args: [5n] })
    const refused = queue.execute({ to: chain.vault, data })
    await expect(refused).rejects.toMatchObject({
      code: 'chain_reverted',
      context: { revert: 'OwnableUnauthorizedAccount' },
    })
    await expect(refused).rejects.toThrow(chain.accounts.stranger.address)
    // The refusal used no nonce.
    expect(await queue.execute(pay(1n))).toMatchObject({ status: 'success' })
  })

  it('hands in again what a killed process had stored and not sent, and nothing twice', async () => {
    const before = await balance()
    // Killed between the storing and the sending.
    const deaf = newQueue({
      client: {
        ...(chain.publicClient as PublicClient),
        sendRawTransaction: async () => {
          throw new Error('killed')
        },
      } as PublicClient,
    })
    await expect(deaf.send(pay(1000n))).rejects.toMatchObject({ code: 'chain_unreachable' })
    expect(await stored()).toHaveLength(1)
    const next = newQueue()
    await next.execute(pay(5n))
    expect((await balance()) - before).toBe(1005n)
    const third = newQueue()
    await third.heal()
    expect(await stored()).toEqual([])
    expect((await balance()) - before).toBe(1005n)
  })

  it('frees the nonce where the caller could not store its transaction', async () => {
    const queue = newQueue()
    const nonce = await queue.minedNonce()
    const call = { to, data: '0x' as Hex, valueWei: 1n, gasMultiplier: 1.3 }
    await expect(queue.submit(call, async () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full')
    expect((await queue.submit(call, async () => {})).nonce).toBe(nonce)
    expect(await stored()).not.toContainEqual(expect.objectContaining({ nonce: nonce + 1 }))
  })

  it('prices a stuck transaction anew, and tells of each version before it is sent', async () => {
    await chain.testClient.setAutomine(false)
    const queue = newQueue({ stuckAfterBlocks: 2 })
    const hashes: Hex[] = []
    let sawSecond: () => void
    const second = new Promise<void>(resolve => {
      sawSecond = resolve
    })
    const call = { to, data: '0x' as Hex, valueWei: 7n, gasMultiplier: 1.3 }
    const before = await balance()
    await queue.submit(call, async ({ hash }) => {
      hashes.push(hash)
      if (hashes.length === 2) sawSecond()
    })
    // Too dear for what it offers.
    await chain.testClient.setNextBlockBaseFeePerGas({ baseFeePerGas: 10n ** 12n })
    await chain.testClient.mine({ blocks: 1 })
    await chain.testClient.mine({ blocks: 2 })
    expect(await queue.receipt(hashes[0]!)).toBeNull()
    await second
    await expect.poll(() => chain.publicClient.getTransaction({ hash: hashes[1]! }).catch(() => null)).not.toBeNull()
    await chain.testClient.mine({ blocks: 1 })
    expect(await queue.receipt(hashes[1]!)).toMatchObject({ status: 'success' })
    expect(await queue.receipt(hashes[0]!)).toBeNull()
    expect((await balance()) - before).toBe(7n)
  })

  /** Stored and not sent: killed in between. */
  async function storeOnly(call: { to: Hex; data: Hex; valueWei: bigint }) {
    const deaf = newQueue({
      client: {
        ...(chain.publicClient as PublicClient),
        sendRawTransaction: async () => {
          throw new Error('killed')
        },
      } as PublicClient,
    })
    await expect(deaf.send(call)).rejects.toMatchObject({ code: 'chain_unreachable' })
    await deaf.close()
    return (await stored()).at(-1)!
  }
  /** Every block asks for more than what was signed before offers. */
  const makeDear = async () => {
    const { baseFeePerGas } = await chain.publicClient.getBlock()
    await chain.testClient.setNextBlockBaseFeePerGas({ baseFeePerGas: (baseFeePerGas ?? 1n) * 10n })
  }

  it('prices anew what a crash left, and tells its owner which version is the one', async () => {
    const before = await balance()
    const left = await storeOnly(pay(9n))
    await chain.testClient.setAutomine(false)
    const next = newQueue({ stuckAfterBlocks: 2 })
    await next.heal()
    await makeDear()
    await chain.testClient.mine({ blocks: 4 })
    await expect.poll(async () => (await stored()).length, { timeout: 10_000 }).toBe(2)
    // The one who asked for it comes when the new version is signed already.
    const told: Hex[] = []
    await next.resubmit(left, async ({ hash }) => void told.push(hash)).catch(() => {})
    await expect
      .poll(() => chain.publicClient.getTransaction({ hash: told[0]! }).catch(() => null), { timeout: 10_000 })
      .not.toBeNull()
    await chain.testClient.mine({ blocks: 1 })
    expect(told).toHaveLength(1)
    expect(await next.receipt(told[0]!)).toMatchObject({ status: 'success' })
    expect((await balance()) - before).toBe(9n)
    await expect.poll(stored, { timeout: 10_000 }).toEqual([])
  })

  it('prices anew what fills a gap', async () => {
    const before = await balance()
    const queue = newQueue()
    const nonce = await queue.minedNonce()
    const left = await storeOnly(pay(3n))
    await store.remove(left.hash)
    const { accounts } = chain
    const raw = await accounts.stranger.signTransaction({
      ...{ to, value: 3n, gas: 21_000n, chainId: chain.chain.id, nonce: nonce + 1, type: 'eip1559' },
      ...{ maxFeePerGas: ((await chain.publicClient.getBlock()).baseFeePerGas ?? 1n) * 100n, maxPriorityFeePerGas: 1n },
    })
    await store.add({ ...left, nonce: nonce + 1, raw, hash: keccak256(raw) })
    await chain.testClient.setAutomine(false)
    const next = newQueue({ stuckAfterBlocks: 2 })
    await next.heal()
    expect(await stored()).toHaveLength(2)
    await makeDear()
    await chain.testClient.mine({ blocks: 4 })
    await expect.poll(async () => (await stored()).length, { timeout: 10_000 }).toBe(3)
    await expect
      .poll(
        async () => {
          await chain.testClient.mine({ blocks: 1 })
          return (await balance()) - before
        },
        { timeout: 10_000 },
      )
      .toBe(3n)
  })

  it('goes on after the chain was rolled back under it', async () => {
    const queue = newQueue({ stuckAfterBlocks: 2 })
    const id = await chain.testClient.snapshot()
    await queue.execute(pay(1n))
    // Its queue has seen that one mined before it is undone.
    await expect.poll(stored, { timeout: 10_000 }).toEqual([])
    await chain.testClient.revert({ id })
    const before = await balance()
    const again = queue.execute(pay(4n))
    let isDone = false
    const done = again.finally(() => {
      isDone = true
    })
    while (!isDone) {
      await chain.testClient.mine({ blocks: 1 })
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    expect(await done).toMatchObject({ status: 'success' })
    expect((await balance()) - before).toBe(4n)
  })

  it('goes on after somebody else used its nonce', async () => {
    const queue = newQueue()
    await queue.execute(pay(1n))
    await chain.publicClient.waitForTransactionReceipt({
      hash: await chain.wallet(chain.accounts.stranger).sendTransaction({ to, value: 1n }),
    })
    expect(await queue.execute(pay(1n))).toMatchObject({ status: 'success' })
  })
})
