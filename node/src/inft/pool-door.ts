/**
 * A pool's `/api/inft` for a program: who it is, its token, containers by their root, transfers; signed in where that is asked for. What
 * comes is parsed, and containers are held to their root. It sends no transaction.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  accessHeader,
  challengeSchema,
  type InftToken,
  type InftView,
  inftTokenSchema,
  inftViewSchema,
  signedInSchema,
  storedBlobSchema,
  type TransferView,
  transferListSchema,
  transferViewSchema,
} from '@computepool/shared/inft'
import type { BlobStore } from '@computepool/shared/ports'
import { fileRootOf } from '@computepool/shared/storage0g'
import type { Address, Hex, LocalAccount } from 'viem'
import { parseSiweMessage } from 'viem/siwe'
import { z } from 'zod'

export type TokenView = Extract<InftView, { mode: 'token' }>

export interface TransferWish {
  readonly tokenId: bigint
  readonly to: Address
  readonly isClone: boolean
  readonly keysForOracle: readonly Hex[]
}

export interface PoolDoor {
  /** Errors: `chain_unavailable` where the pool is no token. */
  view(): Promise<TokenView>
  token(id: bigint): Promise<InftToken>
  /** Reads for anybody; puts as who is signed in, with its key. */
  blobs(account: LocalAccount | null): BlobStore
  prepare(account: LocalAccount, wish: TransferWish): Promise<TransferView>
  transfers(address: Address): Promise<readonly TransferView[]>
  accept(id: string, accessProofs: readonly object[]): Promise<TransferView>
}

const timeoutMs = 180_000
const errorSchema = z.object({ error: z.object({ message: z.string(), code: z.string() }) })

/** Errors of each call: `peer_unreachable`, `peer_message_invalid`, and what the pool refuses, in its words. */
export function openPoolDoor(origin: string): PoolDoor {
  const sessions = new Map<Address, string>()

  async function ask(path: string, init: RequestInit = {}): Promise<Response> {
    const signal = AbortSignal.timeout(timeoutMs)
    const reply = await fetch(`${origin}/api/inft${path}`, { ...init, signal }).catch((cause: unknown) => {
      throw new ComputePoolError('peer_unreachable', `No orchestrator answers at ${origin}.`, {
        remedy: 'Check the address, and that the orchestrator runs (npm start).',
        cause,
      })
    })
    if (reply.ok) return reply
    const told = errorSchema.safeParse(await reply.json().catch(() => null)).data?.error
    const said = told === undefined ? `HTTP ${reply.status}` : `${told.message.slice(0, 500)} (${told.code})`
    throw new ComputePoolError('input_invalid', `The pool refuses: ${said}`)
  }
  async function read<T>(schema: z.ZodType<T>, path: string, init?: RequestInit): Promise<T> {
    const body: unknown = await (await ask(path, init)).json().catch(() => null)
    const parsed = schema.safeParse(body)
    if (parsed.success) return parsed.data
    throw new ComputePoolError('peer_message_invalid', `What answers at ${origin} is no orchestrator of this version.`)
  }
  const post = (body: object, session?: string): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(session === undefined ? {} : { [accessHeader]: session }) },
    body: JSON.stringify(body),
  })

  async function signIn(account: LocalAccount): Promise<string> {
    const known = sessions.get(account.address)
    if (known !== undefined) return known
    const { message } = await read(challengeSchema, '/sign-in/challenge', post({ address: account.address }))
    // Nothing but a sign-in to this very pool is signed, whatever it sends.
    const { domain, address } = parseSiweMessage(message)
    if (domain !== new URL(origin).host || address !== account.address) {
      throw new ComputePoolError('peer_unauthenticated', `The pool at ${origin} asks to sign in elsewhere.`, {
        remedy: 'Give the address that the pool was started with.',
      })
    }
    const signature = await account.signMessage({ message })
    const { token } = await read(signedInSchema, '/sign-in', post({ message, signature }))
    sessions.set(account.address, token)
    return token
  }

  return {
    async view() {
      const view = await read(inftViewSchema, '')
      if (view.mode === 'token') return view
      throw new ComputePoolError('chain_unavailable', `The pool at ${origin} is no token. ${view.why}`)
    },
    token: id => read(inftTokenSchema, `/tokens/${id}`),
    blobs: account => ({
      async put(bytes) {
        if (account === null) throw new RangeError('Nobody is there who could sign in.')
        const headers = { 'content-type': 'application/octet-stream', [accessHeader]: await signIn(account) }
        const body = bytes as Uint8Array<ArrayBuffer>
        const blob = await read(storedBlobSchema, '/blobs', { method: 'POST', headers, body })
        if (blob.root === fileRootOf(bytes).root && blob.sizeBytes === bytes.length) return blob
        throw new ComputePoolError('artifact_store_failed', 'The pool stored something else than was sent.')
      },
      async get({ root, sizeBytes }) {
        const bytes = new Uint8Array(await (await ask(`/blobs/${root}`)).arrayBuffer())
        if (bytes.length === sizeBytes && fileRootOf(bytes).root === root) return bytes
        throw new ComputePoolError('artifact_digest_mismatch', `The pool gave other bytes for ${root}.`)
      },
    }),
    async prepare(account, { tokenId, ...wish }) {
      const body = post({ tokenId: String(tokenId), ...wish }, await signIn(account))
      return read(transferViewSchema, '/transfers', body)
    },
    transfers: async address => (await read(transferListSchema, `/transfers?address=${address}`)).transfers,
    accept: (id, accessProofs) => read(transferViewSchema, `/transfers/${id}/access`, post({ accessProofs })),
  }
}
