/** What the chain says of one dispute beyond its present state: who opened it where, who voted, what its settlement moved. It changes nothing. */
import { coalitionAbi } from '@computepool/contracts/abi'
import type { Hex } from '@computepool/shared/coalition'
import type { DisputeVote } from '@computepool/shared/money'
import { isAddressEqual, parseEventLogs } from 'viem'
import { newestFirst } from '../chain/block-ranges.ts'
import { chainError } from '../chain/chain-error.ts'
import type { DisputeChain } from './dispute-ports.ts'

export interface AccusationSought {
  readonly coalition: bigint
  readonly accused: Hex
  readonly accuser: string
  readonly evidenceHash: Hex
  /** Before which it was not made. */
  readonly fromBlock: bigint
}

export interface Settlement {
  readonly hash: Hex
  /** Atomic USDC; null where nothing was slashed. */
  readonly slash: {
    readonly slashedAtomic: bigint
    readonly toPayerAtomic: bigint
    readonly toAccuserAtomic: bigint
    readonly toMembersAtomic: bigint
    readonly toTreasuryAtomic: bigint
  } | null
  /** Who was credited by it, lower case. */
  readonly credited: readonly Hex[]
}

type TruthChain = Pick<DisputeChain, 'client' | 'reader'>

/** The dispute that this accuser opened; null where it has not. Errors of all here: `chain_unreachable`. */
export function findAccusation(
  chain: TruthChain,
  { coalition, accused, accuser, evidenceHash, fromBlock }: AccusationSought,
): Promise<{ readonly dispute: bigint; readonly hash: Hex } | null> {
  return asked(chain, 'accusations', async () => {
    for await (const { args, transactionHash } of events(chain, 'Accused', { id: coalition, accused }, fromBlock)) {
      const isIt = args.evidenceHash === evidenceHash && args.accuser.toLowerCase() === accuser.toLowerCase()
      if (isIt) return { dispute: args.dispute, hash: transactionHash }
    }
    return null
  })
}

/** What this auditor said in the dispute; null where it has not voted. */
export function findVote(chain: TruthChain, dispute: bigint, auditor: Hex, fromBlock: bigint) {
  return asked(chain, 'votes', async () => {
    for await (const { args, transactionHash } of events(chain, 'Voted', { dispute, auditor }, fromBlock))
      return { isGuilty: args.isGuilty, hash: transactionHash }
    return null
  })
}

/** All that was said in the dispute, oldest first, and from whose wallet. */
export function findVotes(
  chain: TruthChain & Pick<DisputeChain, 'relayer'>,
  dispute: bigint,
  fromBlock: bigint,
): Promise<DisputeVote[]> {
  return asked(chain, 'votes', async () => {
    const votes: (DisputeVote & { readonly at: readonly [block: bigint, index: number] })[] = []
    for await (const event of events(chain, 'Voted', { dispute }, fromBlock)) {
      const { args, transactionHash: hash, blockNumber, logIndex } = event
      const { from } = await chain.client.getTransaction({ hash })
      const isRelayed = isAddressEqual(from, chain.relayer.address)
      votes.push({
        ...{ auditor: lower(args.auditor), isGuilty: args.isGuilty, transaction: hash, sender: lower(from) },
        by: isAddressEqual(from, args.auditor) ? 'own-keeper' : isRelayed ? 'relay' : null,
        at: [blockNumber, logIndex],
      })
    }
    votes.sort((a, b) => Number(a.at[0] - b.at[0]) || a.at[1] - b.at[1])
    return votes.map(({ at: _, ...vote }) => vote)
  })
}

/** How a settled dispute was settled, whoever did. */
export function findSettlement(
  chain: TruthChain,
  dispute: bigint,
  verdict: 'guilty' | 'innocent' | 'undecided',
  fromBlock: bigint,
): Promise<Settlement | null> {
  // Each settlement gives the bond to somebody.
  const name = verdict === 'innocent' ? 'BondForfeited' : 'BondReturned'
  return asked(chain, 'a settlement', async () => {
    for await (const { transactionHash } of events(chain, name, { dispute }, fromBlock)) {
      const { logs } = await chain.client.getTransactionReceipt({ hash: transactionHash })
      const ours = logs.filter(({ address }) => address.toLowerCase() === chain.reader.coalition.toLowerCase())
      const parsed = parseEventLogs({ abi: coalitionAbi, logs: ours, eventName: ['Slashed', 'Credited'] })
      const slashed = parsed.find(log => log.eventName === 'Slashed' && log.args.dispute === dispute)
      const credited = parsed.flatMap(log =>
        log.eventName === 'Credited' ? [log.args.account.toLowerCase() as Hex] : [],
      )
      return {
        hash: transactionHash,
        slash: slashed?.eventName === 'Slashed' ? slashed.args : null,
        credited: [...new Set(credited)],
      }
    }
    return null
  })
}

type EventName = 'Accused' | 'Voted' | 'BondReturned' | 'BondForfeited'

async function* events<N extends EventName>(
  { client, reader }: TruthChain,
  eventName: N,
  args: object,
  fromBlock: bigint,
) {
  const toBlock = await client.getBlockNumber({ cacheTime: 0 })
  for (const range of newestFirst({ fromBlock, toBlock })) {
    const of = { address: reader.coalition, abi: coalitionAbi, eventName, strict: true, ...range } as const
    yield* await client.getContractEvents<typeof coalitionAbi, N, true>({ ...of, args } as never)
  }
}

const lower = (address: string): Hex => address.toLowerCase() as Hex

async function asked<T>({ reader }: TruthChain, what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (thrown) {
    throw chainError(thrown, `Reading ${what} of the coalitions at ${reader.coalition}`)
  }
}
