/**
 * `/api/inft` as functions: what the pool's token is, who signed in, containers by their root, transfers under way. It knows no wallet and
 * opens nothing; each answer is parsed once, here.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import {
  accessHeader,
  type accessOrderSchema,
  challengeSchema,
  type InftToken,
  type InftView,
  inftTokenSchema,
  inftViewSchema,
  mostContainerBytes,
  signedInSchema,
  storedBlobSchema,
  type TransferView,
  transferListSchema,
  type transferOrderSchema,
  transferViewSchema,
} from '@computepool/shared/inft'
import { fileRootOf } from '@computepool/shared/storage0g'
import type { z } from 'zod'
import { type FetchLike, readJson, refusalOf, send } from '../money/api-door.ts'

export type TransferOrder = z.input<typeof transferOrderSchema>
export type AccessOrder = z.input<typeof accessOrderSchema>
export type SignedInSession = z.output<typeof signedInSchema>
export interface BlobName {
  readonly root: string
  readonly sizeBytes: number
}

type Hex = `0x${string}`

export interface InftClient {
  view(): Promise<InftView>
  token(tokenId: string): Promise<InftToken>
  challenge(address: Hex): Promise<string>
  signIn(message: string, signature: Hex): Promise<SignedInSession>
  signOut(access: string): Promise<void>
  /** A container's bytes, held to their root and length. Errors: artifact_digest_mismatch, artifact_fetch_failed. */
  blob(name: BlobName): Promise<Uint8Array>
  store(container: Uint8Array, access: string): Promise<BlobName>
  transfers(address: Hex, access: string | null): Promise<readonly TransferView[]>
  prepare(order: TransferOrder, access: string): Promise<void>
  accept(id: string, order: AccessOrder, access: string): Promise<void>
}

const json = { 'content-type': 'application/json' }
const base = '/api/inft'

export function createInftClient(fetchImpl: FetchLike = (path, init) => fetch(path, init)): InftClient {
  const get = (path: string, headers: Record<string, string> = {}) => send(fetchImpl, `${base}${path}`, { headers })
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    send(fetchImpl, `${base}${path}`, {
      method: 'POST',
      headers: { ...json, ...headers },
      body: JSON.stringify(body),
    })
  return {
    view: async () => readJson(await get(''), inftViewSchema),
    token: async tokenId => readJson(await get(`/tokens/${tokenId}`), inftTokenSchema),
    challenge: async address =>
      (await readJson(await post('/sign-in/challenge', { address }), challengeSchema)).message,
    signIn: async (message, signature) => readJson(await post('/sign-in', { message, signature }), signedInSchema),
    async signOut(access) {
      await send(fetchImpl, `${base}/sign-in`, { method: 'DELETE', headers: { [accessHeader]: access } })
    },
    async blob({ root, sizeBytes }) {
      const response = await get(`/blobs/${root}?size=${sizeBytes}`)
      if (!response.ok) throw await refusalOf(response)
      const bytes = new Uint8Array(await response.arrayBuffer().catch(lostOnTheWay))
      // What a server sends is not yet what the chain names: the root is computed here, and does not tell the length.
      const isIt =
        bytes.length === sizeBytes &&
        bytes.length <= mostContainerBytes &&
        fileRootOf(bytes).root === root.toLowerCase()
      if (isIt) return bytes
      throw new ComputePoolError('artifact_digest_mismatch', `What was sent for ${root} is something else.`, {
        remedy: 'Try again. If it stays so, the pool’s storage holds other bytes than the chain names: do not go on.',
      })
    },
    async store(container, access) {
      const body = new Uint8Array(container)
      const headers = { 'content-type': 'application/octet-stream', [accessHeader]: access }
      return readJson(await send(fetchImpl, `${base}/blobs`, { method: 'POST', headers, body }), storedBlobSchema)
    },
    async transfers(address, access) {
      const headers = access === null ? {} : { [accessHeader]: access }
      return (await readJson(await get(`/transfers?address=${address}`, headers), transferListSchema)).transfers
    },
    async prepare(order, access) {
      await accepted(await post('/transfers', order, { [accessHeader]: access }))
    },
    async accept(id, order, access) {
      await readJson(await post(`/transfers/${id}/access`, order, { [accessHeader]: access }), transferViewSchema)
    },
  }
}

/** Its answer is read from the list that follows. */
async function accepted(response: Response): Promise<void> {
  if (!response.ok) throw await refusalOf(response)
  await response.body?.cancel()
}

function lostOnTheWay(thrown: unknown): never {
  throw new ComputePoolError('artifact_fetch_failed', 'The container did not arrive whole.', {
    remedy: 'Check the network, then try again.',
    cause: asComputePoolError(thrown),
  })
}
