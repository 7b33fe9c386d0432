/**
 * A token as people are shown it: owner, containers, who may use it, its versions. What a chain keeps is asked once a block, whoever asks, and its past
 * once for all.
 */
import { poolInftAbi } from '@computepool/contracts/abi'
import type { InftToken } from '@computepool/shared/inft'
import type { StoredBlob } from '@computepool/shared/ports'
import {
  type Address,
  BaseError,
  HttpRequestError,
  InternalRpcError,
  LimitExceededRpcError,
  type PublicClient,
  ResourceUnavailableRpcError,
  TimeoutError,
} from 'viem'
import { type InftPlace, readInft } from './inft-reader.ts'
import type { HistoryOf } from './kept-histories.ts'

export interface TokenViewsOptions {
  readonly client: PublicClient
  readonly place: InftPlace
  readonly historyOf: HistoryOf
  /** Told of every container that a view names. */
  readonly onBlob: (blob: StoredBlob) => void
}

/** Reads one token. Errors: `input_not_found`, `artifact_invalid` of a token that is no pool’s, the client’s. */
export type ReadToken = (tokenId: bigint) => Promise<InftToken>

/** Of one block, and anybody can ask about any token. */
const mostViews = 200
const askedAtOnce = 20

export function createTokenViews({ client, place, historyOf, onBlob }: TokenViewsOptions): ReadToken {
  const at = { address: place.token, abi: poolInftAbi } as const
  let views = new Map<bigint, Promise<InftToken>>()
  let viewsOf = -1n
  /** False where the node runs no code that lies nowhere: then users are asked about one by one. */
  let takesMany = true

  async function expiriesOf(tokenId: bigint, users: readonly Address[], blockNumber: bigint) {
    const questions = users.map(user => ({
      ...{ ...at, functionName: 'authorizationOf' as const, args: [tokenId, user] as const },
    }))
    let refusal: unknown = null
    if (takesMany && users.length > 1) {
      const wish = { contracts: questions, deployless: true, allowFailure: false, batchSize: 0, blockNumber } as const
      try {
        return await client.multicall(wish)
      } catch (thrown) {
        if (isPassing(thrown)) throw thrown
        refusal = thrown
      }
    }
    const answers: (readonly [boolean, bigint])[] = []
    for (let from = 0; from < questions.length; from += askedAtOnce) {
      const some = questions.slice(from, from + askedAtOnce)
      answers.push(...(await Promise.all(some.map(one => client.readContract({ ...one, blockNumber })))))
    }
    // It answers each, so it was the way of asking. An error of its own it may not have the next time.
    if (refusal !== null && !hasCause(refusal, error => error instanceof InternalRpcError)) takesMany = false
    return answers
  }

  async function authorisedOf(tokenId: bigint, blockNumber: bigint): Promise<InftToken['authorised']> {
    const users = await client.readContract({ ...at, functionName: 'authorizedUsersOf', args: [tokenId], blockNumber })
    const answers = await expiriesOf(tokenId, users, blockNumber)
    return users.flatMap((user, index) => {
      const [isLive, expiresAt] = answers[index]!
      return isLive ? [{ user, expiresAt: Number(expiresAt) }] : []
    })
  }

  async function read(tokenId: bigint, blockNumber: bigint): Promise<InftToken> {
    const { owner, version, entries } = await readInft(client, place, tokenId, blockNumber)
    const [history, authorised] = await Promise.all([
      historyOf(tokenId, { version, blockNumber }),
      authorisedOf(tokenId, blockNumber),
    ])
    return {
      tokenId: String(tokenId),
      owner,
      version: Number(version),
      entries: entries.map(({ description, blob, sealedKey }) => ({ description, ...blob, sealedKey })),
      authorised,
      history,
    }
  }

  return async tokenId => {
    const blockNumber = await client.getBlockNumber({ cacheTime: 0 })
    if (blockNumber !== viewsOf) views = new Map()
    viewsOf = blockNumber
    const known = views.get(tokenId)
    const view = known ?? read(tokenId, blockNumber)
    if (known === undefined) {
      const own = views
      if (own.size >= mostViews) own.delete(own.keys().next().value!)
      own.set(tokenId, view)
      view.catch(() => own.delete(tokenId))
    }
    const token = await view
    // Again: whoever keeps containers may have forgotten it.
    for (const { root, sizeBytes } of token.entries) onBlob({ root, sizeBytes })
    return token
  }
}

const hasCause = (thrown: unknown, isIt: (error: unknown) => boolean): boolean =>
  thrown instanceof BaseError && thrown.walk(isIt) !== null

/** Of the way to the node, or of one that has too much to do: asking about each would only be more. */
const isPassing = (thrown: unknown): boolean =>
  hasCause(
    thrown,
    error =>
      error instanceof TimeoutError ||
      error instanceof LimitExceededRpcError ||
      error instanceof ResourceUnavailableRpcError ||
      (error instanceof HttpRequestError && isPassingStatus(error.status)),
  )

/** None: nobody answered. */
const isPassingStatus = (status: number | undefined): boolean =>
  status === undefined || status >= 500 || status === 408 || status === 429
