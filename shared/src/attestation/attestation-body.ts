/**
 * What `GET /v1/attestation` answers, parsed once on the other side. It says what was claimed and by which kind of evidence; it does not
 * judge it.
 */
import { z } from 'zod'

/** Whose word stands behind the evidence. `simulated` is nobody's: it is for trying things out. */
export const attestationKinds = ['tdx-dstack', 'sgx-gramine', 'simulated'] as const
export type AttestationKind = (typeof attestationKinds)[number]

/** Response header that carries the kind, or `none`. */
export const attestationHeader = 'x-computepool-attestation'

export const simulatedNotice =
  'SIMULATED: no hardware vouches for this. Anybody can make such evidence; it is never verified.'

const hexOf = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`))

/** 32 bytes that the asker drew, hex in lower case: they make an answer new. */
export const attestationNonceSchema = hexOf(32)

const eventSchema = z.object({
  imr: z.int().min(0).max(3),
  event_type: z.int().min(0).max(0xffff_ffff),
  digest: z.string().regex(/^([0-9a-f]{2}){0,64}$/i),
  event: z.string().max(1024),
  event_payload: z.string().regex(/^([0-9a-f]{2}){0,65536}$/i),
})

/** As dstack tells it: what was measured into the run-time registers, in order. */
export const eventLogSchema = z.array(eventSchema).max(4096)
export type EventLog = z.infer<typeof eventLogSchema>

export const attestationBodySchema = z.object({
  kind: z.enum(attestationKinds),
  layout: z.literal('claims-v1'),
  signer: z.string().regex(/^0x[0-9a-f]{40}$/),
  nonce: attestationNonceSchema,
  claims: z.record(z.string().max(64), z.string().max(1024)),
  reportData: hexOf(64),
  /** The hardware's quote, hex; null in simulated evidence. */
  quote: z
    .string()
    .max(65_536)
    .regex(/^([0-9a-f]{2})+$/)
    .nullable(),
  eventLog: eventLogSchema.nullable(),
  /** Of simulated evidence only, in its own domain: `simulatedMessage` signed by the signer. */
  simulatedSignature: z
    .string()
    .regex(/^0x[0-9a-f]{130}$/)
    .nullable(),
  notice: z.string().max(512).nullable(),
})

export type AttestationBody = z.infer<typeof attestationBodySchema>
export type AttestationClaims = AttestationBody['claims']
