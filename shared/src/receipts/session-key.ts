/**
 * How a peer's wallet vouches for the key that signs its receipts while it is joined: once, so that no receipt asks the wallet again. It
 * neither signs nor checks: the wallet's signature is the host's.
 */
import { z } from 'zod'

/** As a peer tells it when it joins. */
export const sessionKeySchema = z.strictObject({
  /** Origin of the pool that the peer signed in to: the `URI` of the hub's challenge. */
  pool: z.string().max(300),
  /** Ed25519 public key, hex. */
  key: z.string().regex(/^[0-9a-f]{64}$/),
  /** EIP-191, by the wallet of the peer's id, over `sessionKeyText`. */
  signature: z.string().regex(/^0x[0-9a-fA-F]{130}$/),
  /** Wall time until which it may be joined with. */
  expiresMs: z.int().min(0),
})
export type SessionKey = z.infer<typeof sessionKeySchema>

/** What the wallet signs. */
export function sessionKeyText(named: Omit<SessionKey, 'signature'> & { readonly peer: string }): string {
  return [
    'ComputePool session key',
    'It signs receipts of work for this pool, until it expires. It moves no funds.',
    `Pool: ${named.pool}`,
    `Peer: ${named.peer}`,
    `Key: ${named.key}`,
    `Expires: ${named.expiresMs}`,
  ].join('\n')
}
