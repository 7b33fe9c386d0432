/** Which auditors a pool's owner runs beside it, and vouches for: with the chain's own auditors' keys where it has such, else with keys of a day. */
import type { Clock, Entropy } from '@computepool/shared/ports'
import { bytesToHex, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type Auditors, startAuditors } from './start-auditors.ts'

export interface OpenAuditorsOptions {
  /** How many run beside the orchestrator. */
  readonly count: number
  /** Of the orchestrator. */
  readonly url: string
  /** Keys of auditors that the chain names and whose owner this is; empty where there are none. Rejects where the chain did not come about. */
  readonly chainKeys: Promise<readonly Hex[]>
  readonly dataDir: string
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
export function openAuditors({ count, chainKeys, entropy, ...options }: OpenAuditorsOptions): OpenAuditors {
  let vouched: readonly string[] = []
  let running: Auditors | null = null
  let isClosed = false
  const opened = chainKeys
    .catch((): readonly Hex[] => [])
    .then(known => {
      const fresh = Array.from({ length: Math.max(0, count - known.length) }, () => bytesToHex(entropy.bytes(32)))
      vouched = [...known, ...fresh].map(key => privateKeyToAccount(key).address.toLowerCase())
      if (isClosed || count === 0) return
      running = startAuditors({ ...options, keys: [...known, ...fresh].slice(0, count) })
    })
  opened.catch(options.onFault)
  return {
    vouchedFor: () => vouched,
    close: async () => {
      isClosed = true
      await running?.close()
    },
  }
}
