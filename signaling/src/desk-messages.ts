/** The JSON messages between a detached hub and the orchestrator that is its desk, over one WebSocket. */
import { deskCommandSchema, deskRequestSchema, peerIdSchema } from '@computepool/shared/wire'
import { z } from 'zod'

const errorData = z.strictObject({
  code: z.string().max(64),
  message: z.string().max(2000),
  remedy: z.string().max(1000),
  context: z.record(z.string().max(64), z.union([z.string().max(500), z.number(), z.boolean(), z.null()])),
})

/** Orchestrator to hub. */
export const deskToHubSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), version: z.int(), address: z.string().regex(/^0x[0-9a-f]{40}$/) }),
  z.strictObject({
    type: z.literal('authenticate'),
    message: z.string().max(2000),
    signature: z.string().regex(/^0x[0-9a-fA-F]{130}$/),
  }),
  z.strictObject({ type: z.literal('command'), peer: peerIdSchema, command: deskCommandSchema }),
  z.strictObject({
    type: z.literal('set-coalition'),
    id: z.string().min(1).max(64),
    /** 64 seats and the relays between them. */
    peers: z.array(peerIdSchema).max(72),
  }),
  z.strictObject({ type: z.literal('dismiss'), peer: peerIdSchema, error: errorData }),
  z.strictObject({ type: z.literal('ping'), nonce: z.int().nonnegative() }),
])
export type DeskToHub = z.infer<typeof deskToHubSchema>

/** Hub to orchestrator. */
export const hubToDeskSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('challenge'), version: z.int(), message: z.string().max(2000) }),
  /** No peer is connected at this moment: those that were are coming back. */
  z.strictObject({ type: z.literal('welcome'), silenceLimitMs: z.number().positive() }),
  z.strictObject({ type: z.literal('refused'), error: errorData }),
  z.strictObject({ type: z.literal('peer-connected'), peer: peerIdSchema }),
  z.strictObject({ type: z.literal('peer-request'), peer: peerIdSchema, request: deskRequestSchema }),
  z.strictObject({
    type: z.literal('peer-gone'),
    peer: peerIdSchema,
    reason: z.enum(['left', 'silent', 'replaced', 'refused', 'hub-closed']),
  }),
  z.strictObject({ type: z.literal('pong'), nonce: z.int().nonnegative() }),
])
export type HubToDesk = z.infer<typeof hubToDeskSchema>

/** `text` as one of `schema`'s messages, or null. */
export function parseMessage<S extends z.ZodType>(schema: S, text: string): z.infer<S> | null {
  try {
    const parsed = schema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
