import { streamVaultAbi } from '@computepool/contracts/abi'
import type { PublicClient } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { openTestVault, type TestVault, testPriceAtomic } from '../../testing/test-vault.ts'
import { createSignerQueue, type SignerQueue } from '../chain/signer-queue.ts'
import { createSignerStore } from '../chain/signer-store.ts'
import { hostClock } from '../host.ts'
import type { OpenDatabase } from '../store/database.ts'
import { postPrice } from './post-price.ts'

let chain: TestVault
let database: OpenDatabase
const queues: SignerQueue[] = []
let notices: string[]

beforeAll(async () => {
  ;[chain, database] = await Promise.all([openTestVault(), openMemoryLedger()])
}, 120_000)
afterAll(async () => {
  await Promise.all(queues.map(queue => queue.close()))
  await Promise.all([chain?.close(), database?.close()])
})
beforeEach(() => {
  notices = []
})

function keyOf(who: 'owner' | 'keeper'): SignerQueue {
  const queue = createSignerQueue({
    client: chain.publicClient as PublicClient,
    account: chain.accounts[who],
    chainId: chain.chain.id,
    store: createSignerStore(database.db),
    clock: hostClock,
    pollMs: 50,
  })
  queues.push(queue)
  return queue
}

const post = (wantedAtomic: bigint | undefined, owner: SignerQueue | null): Promise<bigint> =>
  postPrice({
    client: chain.publicClient as PublicClient,
    vault: chain.vault,
    wantedAtomic,
    owner,
    onNotice: text => notices.push(text),
  })
const posted = (): Promise<bigint> =>
  chain.publicClient.readContract({ address: chain.vault, abi: streamVaultAbi, functionName: 'pricePerSecondAtomic' })

describe('the price on start', () => {
  it.each([undefined, testPriceAtomic])('is left alone where %s was asked for', async wanted => {
    expect(await post(wanted, null)).toBe(testPriceAtomic)
    expect(notices).toEqual([])
  })

  it('is told how to be changed where the owner’s key is not here', async () => {
    expect(await post(500n, null)).toBe(testPriceAtomic)
    expect(await posted()).toBe(testPriceAtomic)
    expect(notices).toEqual([expect.stringContaining('setPrice(500)')])
    expect(notices[0]).toContain('asks $0.06 a minute, and --price was $0.03')
  })

  it('is not changed by a key that is not the owner’s', async () => {
    await expect(post(500n, keyOf('keeper'))).rejects.toMatchObject({ code: 'chain_reverted' })
    expect(await posted()).toBe(testPriceAtomic)
  })

  it('is posted with the owner’s key, and said', async () => {
    expect(await post(1234n, keyOf('owner'))).toBe(1234n)
    expect(await posted()).toBe(1234n)
    expect(notices).toEqual([expect.stringContaining('asked $0.06 a minute; new sessions now pay $0.07404.')])
  })
})
