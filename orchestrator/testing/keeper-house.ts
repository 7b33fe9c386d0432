/** A keeper's house with several organisations over one chain, reached by KeeperHub's REST: what auditors' votes are tried against. */
import { createSeededRandom } from '@computepool/shared/testing'
import type { LocalAccount, PublicClient } from 'viem'
import { createSignerQueue, type SignerQueue } from '../src/chain/signer-queue.ts'
import { createSignerStore } from '../src/chain/signer-store.ts'
import { hostClock } from '../src/host.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper, keeperRoutes } from '../src/keeper/index.ts'
import type { Database } from '../src/store/database.ts'

export interface KeeperHouse {
  readonly baseUrl: string
  /** What only the house answers. */
  readonly fetch: typeof globalThis.fetch
  readonly organisations: readonly {
    readonly account: LocalAccount
    readonly apiKey: string
    readonly keeper: EmbeddedKeeper
  }[]
  close(): Promise<void>
}

let houses = 0

/** One for each account, which is its wallet. Close it before the database. */
export async function openKeeperHouse(
  { db, client }: { db: Database; client: PublicClient },
  accounts: readonly LocalAccount[],
): Promise<KeeperHouse> {
  const house = ++houses
  const queues: SignerQueue[] = []
  const organisations = accounts.map((account, at) => {
    const store = createSignerStore(db)
    const queue = createSignerQueue({ client, account, chainId: 31337, store, clock: hostClock, pollMs: 20 })
    queues.push(queue)
    const keeper = createEmbeddedKeeper({
      ...{ db, sender: queue, publicClient: client, clock: hostClock, pollMs: 5 },
      organisation: `${account.address} of ${house}`,
      entropy: createSeededRandom(1000 * house + at),
    })
    return { account, apiKey: `kh_${house}_${at}`, keeper }
  })
  for (const { keeper } of organisations) await keeper.start()
  const baseUrl = 'https://hub.example/api'
  const routes = keeperRoutes(organisations)
  return {
    baseUrl,
    organisations,
    fetch: async (input, init) => routes.request(String(input).slice(baseUrl.length), init),
    close: async () => {
      for (const { keeper } of organisations) await keeper.close()
      for (const queue of queues) await queue.close()
    },
  }
}
