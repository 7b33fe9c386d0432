/**
 * The key that a 0G client sends as its bearer: words of a user's wallet about itself, one provider and a time, signed by it. It says who
 * asks; whether the chain has taken it back, and what the user has, others ask.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Address,
  getAddress,
  type Hex,
  isAddressEqual,
  keccak256,
  recoverMessageAddress,
  stringToBytes,
} from 'viem'
import { z } from 'zod'

const prefix = 'app-sk-'
/** Its number in the user's bitmap; this one is for keys that live a day at most. */
export const passingTokenId = 255
const dayMs = 24 * 3_600_000
/** How far a user's clock may be ahead of ours. */
const skewMs = 300_000
const mostChars = 2048

const addressSchema = z.string().regex(/^0x[0-9a-fA-F]{40}$/)
const wordsSchema = z.object({
  address: addressSchema,
  provider: addressSchema,
  /** Milliseconds since 1970. */
  timestamp: z.number().int().nonnegative(),
  /** Milliseconds since 1970; 0: none. */
  expiresAt: z.number().int().nonnegative(),
  nonce: z.union([z.string().max(128), z.number()]),
  generation: z.number().int().nonnegative(),
  tokenId: z.number().int().min(0).max(255),
})
export type AppKeyWords = z.infer<typeof wordsSchema>

export interface AppKey {
  readonly user: Address
  readonly generation: bigint
  readonly tokenId: number
}

/** True where a request brings 0G's kind of key. */
export const bringsAppKey = (request: Request): boolean =>
  /^Bearer\s+app-sk-/i.test(request.headers.get('authorization') ?? '')

/** What the wallet signs (EIP-191, over these 32 bytes). */
export const appKeyDigest = (json: string): Hex => keccak256(stringToBytes(json))

export const writeAppKey = (json: string, signature: Hex): string =>
  `${prefix}${Buffer.from(`${json}|${signature}`, 'utf8').toString('base64')}`

/**
 * Reads and checks a request's key: form, signature, provider, times. Contracts' wallets have none: their signatures name no signer. Errors:
 * `peer_unauthenticated` with what is wrong.
 */
export async function readAppKey(
  request: Request,
  { provider, nowMs }: { readonly provider: Address; readonly nowMs: number },
): Promise<AppKey> {
  const header = request.headers.get('authorization') ?? ''
  const text = /^Bearer\s+(\S+)$/i.exec(header)?.[1] ?? ''
  if (!text.startsWith(prefix)) throw refused('It has no bearer that begins with app-sk-.')
  if (text.length > mostChars) throw refused('It is too long.')
  const plain = Buffer.from(text.slice(prefix.length), 'base64').toString('utf8')
  const at = plain.lastIndexOf('|')
  const json = plain.slice(0, Math.max(0, at))
  const signature = plain.slice(at + 1)
  const parsed = wordsSchema.safeParse(parseJson(json))
  if (!parsed.success || !/^0x[0-9a-fA-F]{130}$/.test(signature)) throw refused('It is not 0G’s JSON and a signature.')
  const words = parsed.data
  if (!isAddressEqual(words.provider as Address, provider))
    throw refused(`It is for another provider; this is ${provider}.`)
  if (words.timestamp > nowMs + skewMs) throw refused('It is of a later time than now.')
  if (words.expiresAt !== 0 && words.expiresAt <= nowMs) throw refused('It has expired.')
  if (words.tokenId === passingTokenId && (words.expiresAt === 0 || words.expiresAt - words.timestamp > dayMs)) {
    throw refused('A key without a number lives a day at most.')
  }
  const user = getAddress(words.address)
  if (isAddressEqual(user, provider)) throw refused('A provider is no user of its own.')
  const raw = appKeyDigest(json)
  const signer = await recoverMessageAddress({ message: { raw }, signature: signature as Hex }).catch(() => null)
  if (signer === null || !isAddressEqual(signer, user)) throw refused(`It is not signed by ${user}.`)
  return { user, generation: BigInt(words.generation), tokenId: words.tokenId }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The key itself is never repeated. */
export const refused = (why: string): ComputePoolError =>
  new ComputePoolError('peer_unauthenticated', `The 0G key is not good. ${why}`, {
    remedy: 'Make a new one for this provider with 0G’s client, and send it as "Authorization: Bearer app-sk-…".',
  })
