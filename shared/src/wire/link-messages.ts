/**
 * The JSON messages on a link's control channel: who is there and in which version, and the round-trip measurement that also
 * keeps the path warm. Frames have a channel of their own.
 */
import { z } from 'zod'
import { ComputePoolError } from '../errors/index.ts'
import { protocolVersion } from './frame-header.ts'
import { peerIdSchema } from './peer-id.ts'

export const maxLinkMessageBytes = 512

export const linkMessageSchema = z.discriminatedUnion('type', [
  /** First message, both ways; the link is open when each side has taken the other's. */
  z.strictObject({
    type: z.literal('hello'),
    version: z.int(),
    peer: peerIdSchema,
    epoch: z.int().min(0).max(0xffff_ffff),
  }),
  z.strictObject({ type: z.literal('ping'), nonce: z.int().min(0).max(0xffff_ffff) }),
  z.strictObject({ type: z.literal('pong'), nonce: z.int().min(0).max(0xffff_ffff) }),
])
export type LinkMessage = z.infer<typeof linkMessageSchema>

/** A control-channel message. Errors: `peer_message_invalid`. */
export function parseLinkMessage(text: unknown): LinkMessage {
  if (typeof text !== 'string' || text.length > maxLinkMessageBytes) {
    const size = typeof text === 'string' ? `${text.length} characters` : typeof text
    throw invalidMessage(`${size} where text of at most ${maxLinkMessageBytes} was due`)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw invalidMessage('it is not JSON', cause)
  }
  const parsed = linkMessageSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw invalidMessage(`${issue?.path.map(String).join('.') || 'type'}: ${issue?.message}`.slice(0, 300))
}

/** The refusal of a peer that speaks `version`, or null where we speak it too. */
export function versionRefusal(version: number): ComputePoolError | null {
  if (version === protocolVersion) return null
  return new ComputePoolError(
    'peer_version_refused',
    `The peer speaks protocol version ${version}, this side version ${protocolVersion}`,
    {
      remedy: version < protocolVersion ? 'Reload the peer’s page to update it.' : 'Reload this page to update it.',
      context: { version, supported: protocolVersion },
    },
  )
}

const invalidMessage = (what: string, cause?: unknown): ComputePoolError =>
  new ComputePoolError('peer_message_invalid', `A link message is invalid: ${what}`, {
    remedy: 'Close the link.',
    cause,
  })
