/** A token as people are shown it: owner, containers, who may use it, its versions. What a chain keeps is asked each time, its past once. */
import { poolInftAbi } from '@computepool/contracts/abi'
import type { InftToken } from '@computepool/shared/inft'
import type { StoredBlob } from '@computepool/shared/ports'
import type { Address, PublicClient } from 'viem'
import { type InftPlace, readInft } from './inft-reader.ts'
import { readHistory } from './read-history.ts'

export interface TokenViewsOptions {
  readonly client: PublicClient
  readonly place: InftPlace
  readonly fromBlock: bigint
  /** Of the oracle that runs here. */
  readonly ownOracle: Address
  /** Told of every container that a view names. */
  readonly onBlob: (blob: StoredBlob) => void
}

/** Reads one token. Errors: `input_not_found`, `artifact_invalid` of a token that is no pool’s, the client’s. */
export type ReadToken = (tokenId: bigint) => Promise<InftToken>

const mostPasts = 1000
const askedAtOnce = 20

export function createTokenViews({ client, place, fromBlock, ownOracle, onBlob }: TokenViewsOptions): ReadToken {
  const pasts = new Map<bigint, { readonly version: bigint; readonly history: InftToken['history'] }>()
  const at = { address: place.token, abi: poolInftAbi } as const

  async function historyOf(tokenId: bigint, version: bigint): Promise<InftToken['history']> {
    const known = pasts.get(tokenId)
    if (known?.version === version) return known.history
    const history = await readHistory(client, place, { fromBlock, tokenId, ownOracle })
    if (pasts.size >= mostPasts) pasts.delete(pasts.keys().next().value!)
    if (BigInt(history.at(-1)?.version ?? 0) === version) pasts.set(tokenId, { version, history })
    return history
  }

  async function authorisedOf(tokenId: bigint): Promise<InftToken['authorised']> {
    const users = await client.readContract({ ...at, functionName: 'authorizedUsersOf', args: [tokenId] })
    const expiryOf = async (user: Address) => {
      const [isLive, expiresAt] = await client.readContract({
        ...at,
        functionName: 'authorizationOf',
        args: [tokenId, user],
      })
      return isLive ? [{ user, expiresAt: Number(expiresAt) }] : []
    }
    const all: InftToken['authorised'] = []
    for (let from = 0; from < users.length; from += askedAtOnce) {
      all.push(...(await Promise.all(users.slice(from, from + askedAtOnce).map(expiryOf))).flat())
    }
    return all
  }

  return async tokenId => {
    const { owner, version, entries } = await readInft(client, place, tokenId)
    for (const { blob } of entries) onBlob(blob)
    const [history, authorised] = await Promise.all([historyOf(tokenId, version), authorisedOf(tokenId)])
    return {
      tokenId: String(tokenId),
      owner,
      version: Number(version),
      entries: entries.map(({ description, blob, sealedKey }) => ({ description, ...blob, sealedKey })),
      authorised,
      history,
    }
  }
}
