/** Which auditors a pool's owner runs beside it, and vouches for: with the chain's own auditors' keys where it has such, else with keys of a day. */
import type { Clock, Entropy } from '@computepool/shared/ports'
import { bytesToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { ChainAuditor } from '../payments/auditor-organisations.ts'
import type { MoneyChain } from '../payments/money-chain.ts'
import { type Auditors, type AuditorsChain, startAuditors } from './start-auditors.ts'

export interface OpenAuditorsOptions {
  /** How many run beside the orchestrator. */
  readonly count: number
  /** Of the orchestrator. */
  readonly url: string
  /** Auditors that the chain names and whose owner this is; empty where there are none. Rejects where the chain did not come about. */
  readonly known: Promise<readonly ChainAuditor[]>
  /** Where those are auditors; null where that is nowhere. Rejects as `known`. */
  readonly chain: Promise<AuditorsChain | null>
  readonly dataDir: string
  /** As `startAuditors` takes it. */
  readonly program?: string
  readonly clock: Clock
  readonly entropy: Entropy
  readonly onFault: (fault: unknown) => void
}

export interface OpenAuditors {
  /** Wallets, lower case: also of chain's auditors that run elsewhere. */
  vouchedFor(): readonly string[]
  close(): Promise<void>
}

/** They start once it is known with which keys. */
export function openAuditors({ count, known, chain, entropy, ...options }: OpenAuditorsOptions): OpenAuditors {
  let vouched: readonly string[] = []
  let running: Auditors | null = null
  let isClosed = false
  const opened = Promise.all([known.catch((): readonly ChainAuditor[] => []), chain.catch(() => null)]).then(
    ([ofChain, place]) => {
      const fresh = Array.from({ length: Math.max(0, count - ofChain.length) }, () => bytesToHex(entropy.bytes(32)))
      const keys = [...ofChain.map(({ secret }) => secret), ...fresh]
      vouched = keys.map(key => privateKeyToAccount(key).address.toLowerCase())
      if (isClosed || count === 0) return
      // Keys of a day are nobody's on a chain: they vote nowhere.
      const keeperKeys = ofChain.slice(0, count).flatMap(({ keeperKey }) => keeperKey ?? [])
      running = startAuditors({ ...options, keys: keys.slice(0, count), keeperKeys, chain: place })
    },
  )
  opened.catch(options.onFault)
  return {
    vouchedFor: () => vouched,
    close: async () => {
      isClosed = true
      await running?.close()
    },
  }
}

/** Of the chain that the pool's money is on. */
export const auditorsChainOf = ({ rpcUrl, manifest }: Pick<MoneyChain, 'rpcUrl' | 'manifest'>): AuditorsChain => ({
  rpcUrl,
  registries: [manifest.coalition, ...(manifest.formerCoalitions ?? [])].flatMap(each => each?.address ?? []),
})
