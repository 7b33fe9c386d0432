/** What the coalition contract says, read and never assumed. It changes nothing on the chain and knows no terms but their hash. */
import { coalitionAbi } from '@computepool/contracts/abi'
import {
  type BreachReason,
  breachReasons,
  type CoalitionState,
  coalitionStates,
  type DisputeVerdict,
  disputeVerdicts,
  type Hex,
  type Party,
} from '@computepool/shared/coalition'
import type {
  Address,
  ContractEventName,
  GetContractEventsReturnType,
  PublicClient,
  ReadContractReturnType,
} from 'viem'
import { oldestFirst } from '../chain/block-ranges.ts'
import { chainError } from '../chain/chain-error.ts'

export interface CoalitionView {
  readonly id: bigint
  /** `none` where there is no such coalition. */
  readonly state: CoalitionState
  readonly version: number
  readonly termsHash: Hex
  /** Unix seconds of the chain. */
  readonly endsAt: bigint
  readonly parties: readonly Party[]
}

export interface StakeView {
  readonly operator: Hex
  readonly amountAtomic: bigint
  /** 0 while the operator is a member; then when the stake may be released. */
  readonly releasableAt: bigint
  /** Accusations that are not settled. */
  readonly openDisputes: number
  readonly isMember: boolean
  /** Found guilty in this coalition: never again its member. */
  readonly isGuilty: boolean
}

export interface DisputeView {
  readonly id: bigint
  readonly coalition: bigint
  readonly accused: Hex
  readonly accuser: Hex
  readonly reason: BreachReason
  readonly session: Hex
  readonly evidenceHash: Hex
  /** Zeros where nobody has answered. */
  readonly responseHash: Hex
  readonly bondAtomic: bigint
  readonly openedAt: bigint
  /** The last second of each window; an answer ends the first. */
  readonly respondUntil: bigint
  readonly voteUntil: bigint
  /** Of the terms in force when the party was accused. */
  readonly version: number
  /** Votes that a verdict takes. */
  readonly quorum: number
  readonly guiltyVotes: number
  readonly innocentVotes: number
  readonly verdict: DisputeVerdict
  readonly isSettled: boolean
}

export type CoalitionConfig = ReadContractReturnType<typeof coalitionAbi, 'config'>

/** All of one block. */
export interface CoalitionTotals {
  readonly blockNumber: bigint
  readonly atSeconds: bigint
  readonly coalitions: bigint
  readonly disputes: bigint
  /** Stakes, bonds and credits: what the contract must hold, and what it holds. */
  readonly heldAtomic: bigint
}

export type CoalitionEventName = ContractEventName<typeof coalitionAbi>
type EventLog<N extends CoalitionEventName> = GetContractEventsReturnType<typeof coalitionAbi, N, true>[number]

/** One event with its arguments as the contract names them; `eventName` tells them apart. */
export type CoalitionEvent = {
  [N in CoalitionEventName]: Pick<EventLog<N>, 'eventName' | 'args' | 'blockNumber' | 'transactionHash' | 'logIndex'>
}[CoalitionEventName]

export interface CoalitionEvents {
  /** Oldest first. */
  readonly events: readonly CoalitionEvent[]
  /** Whoever goes on here misses nothing and hears nothing twice. */
  readonly nextBlock: bigint
}

/** Errors of all: `chain_unreachable`. */
export interface CoalitionReader {
  readonly coalition: Address
  /** What holds for all coalitions here, with today's owner and quorum. */
  config(): Promise<CoalitionConfig>
  auditors(): Promise<readonly Hex[]>
  /** The coalition that these terms were proposed as; 0 where they were not. */
  idOf(termsHash: Hex): Promise<bigint>
  coalitionOf(id: bigint): Promise<CoalitionView>
  stakeOf(id: bigint, operator: Address): Promise<StakeView>
  /** The stakes of whoever is asked about, all of one block. */
  stakesOf(id: bigint, operators: readonly Address[]): Promise<StakeView[]>
  disputeOf(dispute: bigint): Promise<DisputeView>
  /** What an account may withdraw. */
  creditOf(account: Address): Promise<bigint>
  totals(): Promise<CoalitionTotals>
  /** Since that block, itself included (default: since the contract was made), up to the newest. */
  eventsSince(fromBlock?: bigint): Promise<CoalitionEvents>
}

/** `madeAtBlock`: before which there is nothing to find. */
export function createCoalitionReader(client: PublicClient, coalition: Address, madeAtBlock = 0n): CoalitionReader {
  const contract = { address: coalition, abi: coalitionAbi } as const
  const asked = async <T>(what: string, read: () => Promise<T>): Promise<T> => {
    try {
      return await read()
    } catch (thrown) {
      throw chainError(thrown, `Reading ${what} of the coalitions at ${coalition}`)
    }
  }
  const newest = (): Promise<bigint> => client.getBlockNumber({ cacheTime: 0 })
  const stakeAt = async (blockNumber: bigint, id: bigint, operator: Address): Promise<StakeView> => ({
    operator: lower(operator),
    ...(await client.readContract({ ...contract, blockNumber, functionName: 'stakeOf', args: [id, operator] })),
  })
  const stakesOf: CoalitionReader['stakesOf'] = (id, operators) =>
    asked('stakes', async () => {
      const blockNumber = await newest()
      return Promise.all(operators.map(operator => stakeAt(blockNumber, id, operator)))
    })

  return {
    coalition,
    config: () => asked('the rules', () => client.readContract({ ...contract, functionName: 'config' })),
    auditors: () =>
      asked('the auditors', async () =>
        (await client.readContract({ ...contract, functionName: 'auditors' })).map(lower),
      ),
    idOf: termsHash =>
      asked('an id', () => client.readContract({ ...contract, functionName: 'coalitionOf', args: [termsHash] })),
    coalitionOf: id =>
      asked('a coalition', async () => {
        const blockNumber = await newest()
        const at = { ...contract, blockNumber, args: [id] } as const
        const [[state, version, termsHash, endsAt], parties] = await Promise.all([
          client.readContract({ ...at, functionName: 'stateOf' }),
          client.readContract({ ...at, functionName: 'partiesOf' }),
        ])
        return {
          id,
          state: coalitionStates[state]!,
          version,
          termsHash,
          endsAt,
          parties: parties.map(party => ({ ...party, operator: lower(party.operator) })),
        }
      }),
    stakesOf,
    stakeOf: async (id, operator) => (await stakesOf(id, [operator]))[0]!,
    disputeOf: dispute =>
      asked('a dispute', async () => {
        const found = await client.readContract({ ...contract, functionName: 'disputeOf', args: [dispute] })
        return {
          ...found,
          id: dispute,
          accused: lower(found.accused),
          accuser: lower(found.accuser),
          reason: breachReasons[found.reason]!,
          verdict: disputeVerdicts[found.verdict]!,
        }
      }),
    creditOf: account =>
      asked('a credit', () => client.readContract({ ...contract, functionName: 'creditOf', args: [account] })),
    totals: () =>
      asked('the totals', async () => {
        const { number: blockNumber, timestamp } = await client.getBlock({ blockTag: 'latest' })
        const at = { ...contract, blockNumber } as const
        const [coalitions, disputes, heldAtomic] = await Promise.all([
          client.readContract({ ...at, functionName: 'coalitionCount' }),
          client.readContract({ ...at, functionName: 'disputeCount' }),
          client.readContract({ ...at, functionName: 'heldAtomic' }),
        ])
        return { blockNumber, atSeconds: timestamp, coalitions, disputes, heldAtomic }
      }),
    eventsSince: (fromBlock = madeAtBlock) =>
      asked('events', async () => {
        const head = await newest()
        const events: CoalitionEvent[] = []
        for (const range of oldestFirst({ fromBlock, toBlock: head })) {
          const logs = await client.getContractEvents({ ...contract, ...range, strict: true })
          for (const { eventName, args, blockNumber, transactionHash, logIndex } of logs) {
            events.push({ eventName, args, blockNumber, transactionHash, logIndex } as CoalitionEvent)
          }
        }
        // A node behind a balancer may be behind the one asked before: never go back.
        return { events, nextBlock: head < fromBlock ? fromBlock : head + 1n }
      }),
  }
}

const lower = (address: Hex): Hex => address.toLowerCase() as Hex
