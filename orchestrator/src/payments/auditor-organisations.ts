/**
 * The organisations of the chain's own auditors at this pool's keeper: each has its key, its wallet, its workflows and its runs, as at
 * KeeperHub. It gives the wallets coins for gas; what is run there, and when, its auditor alone decides.
 */
import type { Clock, Entropy } from '@computepool/shared/ports'
import { type Hex, type LocalAccount, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { SignerQueue } from '../chain/signer-queue.ts'
import { createEmbeddedKeeper, type KeeperOrganisation, organisationKeyOf } from '../keeper/index.ts'
import type { Database } from '../store/database.ts'
import type { MoneyChain } from './money-chain.ts'

/** An auditor whose owner this pool's is. */
export interface ChainAuditor {
  /** Of its wallet. */
  readonly secret: Hex
  /** Of its organisation at this pool's keeper; null where it has none there. */
  readonly keeperKey: string | null
}

export interface AuditorOrganisationsOptions {
  readonly money: Pick<MoneyChain, 'auditorKeys' | 'client' | 'fund'>
  readonly db: Database
  readonly clock: Clock
  readonly entropy: Entropy
  /** Keys are made from it. */
  readonly secret: string
  readonly queueOf: (account: LocalAccount) => SignerQueue
  readonly onFault: (fault: unknown) => void
}

export interface AuditorOrganisations {
  readonly organisations: readonly KeeperOrganisation[]
  readonly auditors: readonly ChainAuditor[]
  /** Gives gas, and takes up what was cut. Once. */
  start(): Promise<void>
  close(): Promise<void>
}

/** A vote takes some 100,000 gas: enough for tens of thousands at any price of a chain of one's own. */
const fullWei = parseEther('1')
const lowWei = parseEther('0.1')
/** Of one auditor: it votes in as many disputes at most as are open. */
const mostRunsAtOnce = 8

export function openAuditorOrganisations(options: AuditorOrganisationsOptions): AuditorOrganisations {
  const { money, db, clock, entropy, secret, queueOf, onFault } = options
  const all = money.auditorKeys.map(auditorKey => {
    const account = privateKeyToAccount(auditorKey)
    const organisation = `auditor ${account.address.toLowerCase()}`
    const keeper = createEmbeddedKeeper({
      ...{ db, organisation, clock, entropy, mostRunsAtOnce },
      sender: queueOf(account),
      publicClient: money.client,
      onNotice: notice => {
        if (notice.type === 'fault') onFault(notice.error)
      },
    })
    return { account, keeper, apiKey: organisationKeyOf(secret, organisation), auditorKey }
  })
  return {
    organisations: all.map(({ keeper, apiKey }) => ({ keeper, apiKey })),
    auditors: all.map(({ auditorKey, apiKey }) => ({ secret: auditorKey, keeperKey: apiKey })),
    start: async () => {
      await Promise.all(
        all.map(async ({ account: { address }, keeper }) => {
          if ((await money.client.getBalance({ address })) < lowWei) await money.fund?.(address, fullWei)
          await keeper.start()
        }),
      )
    },
    close: async () => {
      await Promise.all(all.map(({ keeper }) => keeper.close()))
    },
  }
}
