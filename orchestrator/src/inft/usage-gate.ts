/**
 * Whom a pool's token lets use it, asked of the chain: an answer is kept for seconds, forgotten when the chain tells of a change, and never
 * made up: where the chain cannot be read, nobody gets in on an answer that is too old. It knows no session and no request.
 */
import { poolInftAbi } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type Address, isAddressEqual, type PublicClient, parseEventLogs } from 'viem'
import type { InftPlace } from './inft-reader.ts'

export interface UsageGateOptions {
  readonly client: PublicClient
  readonly place: Pick<InftPlace, 'token'>
  readonly clock: Clock
  /** How long a yes is kept; at most 30 s. Default 15 s. */
  readonly keepMs?: number | undefined
  /** How often the chain's logs are read. Default 3 s. */
  readonly pollMs?: number | undefined
}

export interface UsageGate {
  /**
   * True for the token's owner and for whom it authorised, until that ends.
   * Errors: `chain_unreachable` where the chain cannot be read; `input_not_found` where there is no such token.
   */
  allows(tokenId: bigint, user: Address): Promise<boolean>
  /** Reads what the chain told since the last time, and forgets answers that it changed. It is called by itself, too. */
  refresh(): Promise<void>
  close(): void
}

interface Kept {
  readonly isAllowed: boolean
  readonly untilMs: number
}

const mostKeepMs = 30_000
/** Shorter: who was just authorised waits no longer than this, whatever becomes of the logs. */
const keepNoMs = 3_000
const mostKept = 10_000
const changeEvents = ['Authorization', 'AuthorizationRevoked', 'AuthorizationExpiry', 'Transferred'] as const

export function createUsageGate(options: UsageGateOptions): UsageGate {
  const { client, place, clock, pollMs = 3_000 } = options
  const keepMs = Math.min(options.keepMs ?? 15_000, mostKeepMs)
  const token = { address: place.token, abi: poolInftAbi } as const
  const kept = new Map<string, Kept>()
  /** On their way: one question for all who ask the same since the last change. */
  const asking = new Map<string, Promise<Kept>>()
  /** Grows with every change: an answer that was asked for before it is not kept. */
  let changeCount = 0
  let nextBlock: bigint | undefined
  let isClosed = false
  let cancel = () => {}

  async function refresh(): Promise<void> {
    const latest = await client.getBlockNumber({ cacheTime: 0 })
    const from = nextBlock ?? latest
    if (latest < from) return
    const logs = await client.getLogs({ address: place.token, fromBlock: from, toBlock: latest })
    for (const { args } of parseEventLogs({ abi: poolInftAbi, logs, eventName: [...changeEvents] })) {
      changeCount++
      for (const key of kept.keys()) if (key.startsWith(`${args.tokenId} `)) kept.delete(key)
    }
    nextBlock = latest + 1n
  }

  function watch(): void {
    cancel = clock.schedule(pollMs, () => {
      // What cannot be read is read the next time; answers are too old before long.
      refresh()
        .catch(() => {})
        .finally(() => {
          if (!isClosed) watch()
        })
    })
  }
  watch()

  async function read(tokenId: bigint, user: Address): Promise<Kept> {
    // From before the question: while it is on its way, time passes.
    const nowMs = clock.monotonicMs()
    const block = await client.getBlock({ blockTag: 'latest' })
    const at = { ...token, blockNumber: block.number } as const
    const [owner, [isLive, expiresAt]] = await Promise.all([
      client.readContract({ ...at, functionName: 'ownerOf', args: [tokenId] }),
      client.readContract({ ...at, functionName: 'authorizationOf', args: [tokenId, user] }),
    ])
    if (isAddressEqual(owner, user)) return { isAllowed: true, untilMs: nowMs + keepMs }
    if (!isLive) return { isAllowed: false, untilMs: nowMs + Math.min(keepMs, keepNoMs) }
    const leftMs = expiresAt === 0n ? keepMs : Number(expiresAt - block.timestamp) * 1000
    return { isAllowed: true, untilMs: nowMs + Math.min(keepMs, leftMs) }
  }

  return {
    refresh,
    async allows(tokenId, user) {
      const key = `${tokenId} ${user.toLowerCase()}`
      const known = kept.get(key)
      if (known && clock.monotonicMs() < known.untilMs) return known.isAllowed
      kept.delete(key)
      const before = changeCount
      const question = `${key} ${before}`
      const asked = asking.get(question) ?? read(tokenId, user).finally(() => asking.delete(question))
      asking.set(question, asked)
      const answer = await asked.catch((thrown: unknown) => {
        if (/ERC721NonexistentToken/.test(String(thrown))) {
          throw new ComputePoolError('input_not_found', `There is no token ${tokenId}.`, {
            remedy: 'Mint the pool first.',
          })
        }
        throw new ComputePoolError(
          'chain_unreachable',
          `The chain did not say whether ${user} may use pool ${tokenId}.`,
          {
            remedy: 'Try again in a minute: nobody is let in without its answer.',
            cause: thrown,
          },
        )
      })
      if (changeCount !== before) return answer.isAllowed
      if (kept.size >= mostKept) kept.delete(kept.keys().next().value!)
      kept.set(key, answer)
      return answer.isAllowed
    },
    close() {
      isClosed = true
      cancel()
    },
  }
}
