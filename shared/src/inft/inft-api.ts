/**
 * A pool's token as the orchestrator tells it and takes it (`/api/inft`): what a page, a program and the server agree on. Token ids
 * travel as decimal strings, bytes as hex, times of the chain as Unix seconds. It knows neither chain nor storage.
 */
import { z } from 'zod'
import type { Hex } from '../coalition/index.ts'

const hex = z
  .string()
  .regex(/^0x(?:[0-9a-f]{2})*$/i)
  .transform(value => value as Hex)
const sized = (least: number, most: number) =>
  hex.refine(value => value.length >= 2 + 2 * least && value.length <= 2 + 2 * most, `${least} to ${most} bytes`)
const addressOfChain = sized(20, 20)
const word = sized(32, 32).transform(value => value.toLowerCase() as Hex)
const seconds = z.int().nonnegative()

export const tokenIdSchema = z.string().regex(/^(0|[1-9]\d{0,77})$/)

/** The header in which a signed-in person's session travels; `Authorization` belongs to the payment. */
export const accessHeader = 'x-computepool-access'

/** What a browser may upload at once. A container of a pool's intelligence with its longest prompt fits. */
export const mostUploadBytes = 64 * 1024
/** Entries of one token, as the door takes them. */
export const mostEntries = 8

/** `GET /api/inft`. `none`: no pool of this orchestrator is a token, or it is not yet (`why` says which). */
export const inftViewSchema = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('none'), why: z.string() }),
  z.object({
    mode: z.literal('token'),
    chainId: z.int().positive(),
    /** Where a page may read the chain itself. */
    rpcUrl: z.string(),
    token: addressOfChain,
    verifier: addressOfChain,
    tokenId: tokenIdSchema,
    /** True: only the owner and whom it authorised may ask. */
    isPrivate: z.boolean(),
    /** `stand-in`: of this orchestrator, in its data folder; not 0G's network. `gateway`: serves files by root; null: none known. */
    storage: z.object({ kind: z.enum(['stand-in', '0g']), gateway: z.string().nullable() }),
    oracle: z.object({
      address: addressOfChain,
      /** Where the keys for it are sealed to, 64 bytes. */
      encryptionKey: sized(64, 64),
      measurement: word,
      /** True: no hardware vouches for it. */
      isSimulated: z.boolean(),
    }),
  }),
])
export type InftView = z.output<typeof inftViewSchema>

/** `GET /api/inft/tokens/ID`. */
export const inftTokenSchema = z.object({
  tokenId: tokenIdSchema,
  owner: addressOfChain,
  version: z.int().positive(),
  entries: z
    .array(z.object({ description: z.string(), root: word, sizeBytes: z.int().positive(), sealedKey: hex }))
    .max(64),
  /** Whom the owner let use it, by now. `expiresAt` 0: until it is revoked. */
  authorised: z.array(z.object({ user: addressOfChain, expiresAt: seconds })).max(1000),
  /** The oldest first; at most the last 100. `oracle`: who encrypted it anew, of a transfer. */
  history: z
    .array(
      z.object({
        version: z.int().positive(),
        roots: z.array(word).max(64),
        transaction: word,
        blockNumber: z.int().nonnegative(),
        atSeconds: seconds,
        by: z.enum(['mint', 'update', 'transfer']),
        oracle: z.object({ address: addressOfChain, isSimulated: z.boolean() }).nullable(),
      }),
    )
    .max(100),
})
export type InftToken = z.output<typeof inftTokenSchema>

export const challengeOrderSchema = z.strictObject({ address: addressOfChain })
/** The text for the wallet to sign as it is (EIP-4361, EIP-191). */
export const challengeSchema = z.object({ message: z.string() })

export const signInOrderSchema = z.strictObject({ message: z.string().max(4_000), signature: sized(65, 4_096) })
/** `token` goes into `accessHeader`; `endsAt` in milliseconds since 1970. */
export const signedInSchema = z.object({ token: z.string(), address: addressOfChain, endsAt: z.int() })

/** `POST /api/inft/blobs`: the body is a sealed container (at most `mostUploadBytes`). */
export const storedBlobSchema = z.object({ root: word, sizeBytes: z.int().positive() })

/** `POST /api/inft/transfers`, by the owner. The receiver's key is what it published on the chain. */
export const transferOrderSchema = z.strictObject({
  tokenId: tokenIdSchema,
  to: addressOfChain,
  isClone: z.boolean(),
  /** The containers' keys in their order, each sealed to the oracle's `encryptionKey`. */
  keysForOracle: z.array(sized(97, 512)).min(1).max(mostEntries),
})

/** `OwnershipProof` of the contract. */
export const ownershipProofSchema = z.object({
  oracleType: z.int().min(0).max(255),
  oldDataHash: word,
  newDataHash: word,
  sealedKey: sized(1, 1_024),
  encryptedPubKey: sized(64, 64),
  nonce: sized(192, 192),
  proof: sized(65, 4_096),
})

/** `AccessProof` of the contract. `encryptedPubKey` is `0x` where it is the key of the receiver's own address. */
export const accessProofSchema = z.strictObject({
  oldDataHash: word,
  newDataHash: word,
  nonce: sized(192, 192),
  encryptedPubKey: sized(0, 64),
  proof: sized(65, 4_096),
})

/** What the oracle made: the receiver fetches each blob, opens it, and signs. */
export const preparedTransferSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  tokenId: tokenIdSchema,
  from: addressOfChain,
  to: addressOfChain,
  isClone: z.boolean(),
  /** Of the chain: until when the oracle's word is good. */
  deadline: seconds,
  entries: z.array(z.object({ description: z.string(), blob: storedBlobSchema, ownershipProof: ownershipProofSchema })),
})
export type PreparedTransferView = z.output<typeof preparedTransferSchema>

/**
 * `GET /api/inft/transfers?address=`: those to or from an address. `prepared`: the receiver has to sign; `accepted`: the owner can send
 * `iTransfer` or `iClone` with both proofs; `sent`: the chain did it; `over`: too late, or about a version that is no more.
 */
export const transferViewSchema = preparedTransferSchema.extend({
  state: z.enum(['prepared', 'accepted', 'sent', 'over']),
  /** In the order of the entries; empty before the receiver signed. */
  accessProofs: z.array(accessProofSchema),
})
export type TransferView = z.output<typeof transferViewSchema>
export const transferListSchema = z.object({ transfers: z.array(transferViewSchema) })

/** `POST /api/inft/transfers/ID/access`, by the receiver; answered with the transfer. */
export const accessOrderSchema = z.strictObject({ accessProofs: z.array(accessProofSchema).min(1).max(mostEntries) })
