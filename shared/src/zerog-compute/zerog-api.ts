/** What a pool tells its provider about itself as a provider of 0G Compute. Amounts are decimal text, in neuron (1e-18 0G). */
import { z } from 'zod'
import { attestationKinds } from '../attestation/index.ts'

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/)
const neuron = z.string().regex(/^\d{1,78}$/)

/** `GET /v1/zerog`. What the chain says is read from the chain, at most half a minute ago. */
export const zerogStatusSchema = z.object({
  chainId: z.number().int(),
  serving: address,
  provider: address,
  signer: address,
  attestation: z.enum(attestationKinds),
  /** Null where the contract knows no service of this provider. */
  service: z
    .object({
      url: z.string(),
      model: z.string(),
      verifiability: z.string(),
      inputPriceNeuron: neuron,
      outputPriceNeuron: neuron,
      signer: address,
      /** By 0G's team, by hand. */
      isAcknowledged: z.boolean(),
    })
    .nullable(),
  /** Why nothing can be settled, and so nothing is served; null where it can. */
  problem: z.string().nullable(),
  unsettledNeuron: neuron,
  unsettledUsers: z.number().int().nonnegative(),
})
export type ZerogStatus = z.infer<typeof zerogStatusSchema>

/** `POST /v1/zerog/settle`. */
export const zerogSettledSchema = z.object({
  items: z.array(
    z.object({
      user: address,
      feeNeuron: neuron,
      /** Of the fee, what the user had not. */
      unsettledNeuron: neuron,
      /** The contract's status, or `unknown`: sent, and the same words are sent again. */
      outcome: z.string(),
      transaction: z.string().nullable(),
    }),
  ),
  problem: z.string().nullable(),
  unsettledNeuron: neuron,
})
export type ZerogSettled = z.infer<typeof zerogSettledSchema>

/** `GET /api/zerog/earnings`: what operators earned of what 0G's users paid. Received = owed + sending + paid + doubted + carried + gas + cut. */
export const zerogEarningsSchema = z.object({
  chainId: z.number().int(),
  provider: address,
  /** Of what is received, the provider's own, in hundredths of a percent. */
  cutBasisPoints: z.number().int().min(0).max(10_000),
  /** Whoever is owed so much is paid. */
  payoutAtNeuron: neuron,
  receivedNeuron: neuron,
  /** Of settling, and of paying operators. */
  gasNeuron: neuron,
  cutNeuron: neuron,
  /** What rounding left, for the next to be divided; below zero what gas took more than there was. */
  carriedNeuron: z.string().regex(/^-?\d{1,78}$/),
  /** Those who earned most; lower case. */
  operators: z
    .array(
      z.object({
        ...{ wallet: address, owedNeuron: neuron, sendingNeuron: neuron, paidNeuron: neuron },
        /** Sent, and nobody can see whether it arrived: it is not sent again. */
        doubtedNeuron: neuron.default('0'),
      }),
    )
    .max(1000),
})
export type ZerogEarnings = z.infer<typeof zerogEarningsSchema>

/** The words by which a provider's own key asks its pool to settle at once; good for minutes, and harmless where they are repeated. */
export const settleNowMessage = (serving: string, atSeconds: number): string =>
  `ComputePool: settle the fees of 0G Compute at ${serving.toLowerCase()}, ${atSeconds}`

const transactionHash = z.string().regex(/^0x[0-9a-f]{64}$/)

/** A payout of which nobody could see whether it arrived. */
export const zerogDoubtSchema = z.object({
  /** Of the provider's key: the doubt goes by it. */
  nonce: z.int().nonnegative(),
  wallet: address,
  amountNeuron: neuron,
  /** When the payout was written. */
  atMs: z.number().nonnegative(),
  /** Of all versions that were signed. */
  hashes: z.array(transactionHash),
  /** Null while it is open. `hash`: the transfer; or what took the nonce in its place, null where no node showed it. */
  resolution: z
    .object({ did: z.enum(['sent', 'not-sent']), hash: transactionHash.nullable(), atMs: z.number().nonnegative() })
    .nullable(),
})
export type ZerogDoubt = z.infer<typeof zerogDoubtSchema>

/** `GET /v1/zerog/doubts`. `unlistedNeuron`: in doubt since before doubts were listed one by one. */
export const zerogDoubtsSchema = z.object({ doubts: z.array(zerogDoubtSchema), unlistedNeuron: neuron })
export type ZerogDoubts = z.infer<typeof zerogDoubtsSchema>

/** `POST /v1/zerog/doubts/NONCE`: what became of it, by the provider. */
export const doubtClaimSchema = z.discriminatedUnion('did', [
  z.strictObject({ did: z.literal('sent'), hash: z.string().regex(/^0x[0-9a-fA-F]{64}$/) }),
  z.strictObject({ did: z.literal('not-sent') }),
])
export type DoubtClaim = z.infer<typeof doubtClaimSchema>

/** Its answer. `isNew` false: it was resolved so already. */
export const zerogResolvedSchema = z.object({ isNew: z.boolean(), doubt: zerogDoubtSchema })
export type ZerogResolved = z.infer<typeof zerogResolvedSchema>

export interface DoubtWord {
  readonly chainId: number
  readonly serving: string
  readonly nonce: number
  readonly claim: DoubtClaim
  readonly atSeconds: number
}

/** The words by which a provider's own key resolves a doubt; good for minutes, on one chain, and harmless where they are repeated. */
export function resolveDoubtMessage({ chainId, serving, nonce, claim, atSeconds }: DoubtWord): string {
  const what = claim.did === 'sent' ? `was sent by ${claim.hash.toLowerCase()}` : 'was not sent'
  const where = `0G Compute at ${serving.toLowerCase()} on chain ${chainId}`
  return `ComputePool: the payout with nonce ${nonce} of ${where} ${what}, ${atSeconds}`
}
