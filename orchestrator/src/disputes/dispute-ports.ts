/** What the dispute desk is told, what it needs of others, and the places at which a test may stop it. Types and names only. */
import type { BreachReason, CoalitionPlace, Hex, StakeToken } from '@computepool/shared/coalition'
import type { ComputePoolError } from '@computepool/shared/errors'
import type { Clock, KeeperPort } from '@computepool/shared/ports'
import type { PublicClient } from 'viem'
import type { SignerQueue } from '../chain/signer-queue.ts'
import type { VaultSession } from '../chain/vault-reader.ts'
import type { CoalitionReader, CoalitionRelay, WordSigner } from '../coalition/index.ts'
import type { Ledger } from '../payments/ledger-port.ts'
import type { Database } from '../store/database.ts'

/** A conviction: what an operator was found out at, and where the evidence lies. */
export interface Breach {
  /** The operator's wallet. */
  readonly operator: string
  readonly what: BreachReason
  /** The attempt's; by it the ledger knows the session that was harmed. */
  readonly requestId: string
  /** Wallets of the ring that it was done to. */
  readonly members: readonly string[]
  /** SHA-256 in hex, and the path under which this pool serves it. */
  readonly evidence: { readonly sha256: string; readonly path: string }
}

/** The registry of coalitions, and the keys that speak to it. */
export interface DisputeChain {
  readonly client: PublicClient
  readonly reader: CoalitionReader
  readonly relay: CoalitionRelay
  readonly place: CoalitionPlace
  readonly token: StakeToken
  /** Puts its bond at stake; nobody's auditor and no member. Null: disputes that are there are seen to their end, and nobody is accused. */
  readonly accuser: WordSigner | null
  /** Whether the keeper's workflows are of this registry. */
  readonly hasWorkflows: boolean
  /** Pays the gas of what others signed. */
  readonly relayer: Pick<SignerQueue, 'execute' | 'address'>
  /** Test USDC for the bond; null where it is not ours to give. */
  readonly fund: ((to: Hex, amountAtomic: bigint) => Promise<unknown>) | null
}

/** Sessions that were harmed, as the vault has them. */
export interface HarmedSessions {
  /** Errors: `chain_unreachable`. */
  readonly vaultSession: (id: string) => Promise<Pick<VaultSession, 'state' | 'epoch' | 'dueAtomic'>>
  /** How long what one owes is waited for to be booked there; default `dueWaitsMs`. */
  readonly waitsMs?: Readonly<Record<'accusing' | 'settling', number>>
}

export interface DisputeDeskOptions {
  readonly db: Database
  readonly clock: Clock
  /** The pool's vault. */
  readonly vault: string
  /** The registry that this pool stakes in; null: breaches are written down and no more. */
  readonly chain: DisputeChain | null
  /** Another registry in which disputes were left open; null or absent: it cannot be had. */
  readonly chainAt?: (registry: Hex) => DisputeChain | null
  /** Coalitions of this pool that the operator was ever a party of. Errors: `chain_unreachable`. */
  readonly coalitionsOf: (operator: string) => Promise<readonly bigint[]>
  readonly keeper: Pick<KeeperPort, 'execute' | 'wait' | 'cancel'>
  readonly ledger: Pick<Ledger, 'units' | 'setUnits' | 'session' | 'view' | 'renewTarget'>
  readonly harmed: HarmedSessions
  /** Where people reach this pool: evidence lies under it. */
  readonly origin: string
  /** Auditors found it innocent: whoever banned it takes that back. May be told twice. */
  readonly onAcquitted: (operator: string, what: BreachReason, evidenceSha256: string) => void
  readonly onChange?: () => void
  readonly onFault: (fault: ComputePoolError) => void
  /** How often an open dispute is looked at; default 1000. */
  readonly pollMs?: number
  readonly killPoint?: DisputeKillHook
}

/** Every step after which a kill must cost nobody anything, in order. */
export const disputeKillPoints = [
  'dispute:due-noted',
  'dispute:block-noted',
  'dispute:funded',
  'dispute:accused',
  'dispute:accusation-noted',
  'dispute:closed',
  'dispute:verdict-noted',
  'dispute:units-ordered',
  'dispute:run-noted',
  'dispute:run-sent',
  'dispute:settled',
  'dispute:settlement-noted',
  'dispute:withdrawn',
] as const
export type DisputeKillPoint = (typeof disputeKillPoints)[number]
export type DisputeKillHook = (point: DisputeKillPoint) => void | Promise<void>
