/**
 * The key that signs this peer's receipts while it runs: made here, kept in memory alone, and vouched for by the wallet once a pool, or
 * again before it expires. It knows no hub and no requests.
 */
import { createReceiptSigner, type ReceiptSigner, type SessionKey, sessionKeyText } from '@computepool/shared/receipts'
import type { PeerPowers } from './peer-powers.ts'

/** How long the wallet's word holds for joining. */
const lifetimeMs = 24 * 3_600_000

export interface SessionKeyHost extends Pick<PeerPowers, 'clock' | 'entropy' | 'ed25519'> {
  readonly peer: string
  /** EIP-191, by the peer's wallet. */
  readonly sign: (message: string) => Promise<`0x${string}`>
}

export interface OpenSessionKey extends ReceiptSigner {
  /** What the peer joins `pool` with. Rejects where the wallet does. */
  vouchedFor(pool: string): Promise<SessionKey>
}

export function openSessionKey({ clock, entropy, ed25519, peer, sign }: SessionKeyHost): OpenSessionKey {
  const signer = createReceiptSigner(entropy.bytes(32), ed25519)
  let last: SessionKey | null = null
  return {
    ...signer,
    async vouchedFor(pool) {
      const nowMs = clock.wallMs()
      if (last !== null && last.pool === pool && last.expiresMs - nowMs > lifetimeMs / 2) return last
      const named = { pool, key: signer.key, expiresMs: Math.floor(nowMs) + lifetimeMs }
      last = { ...named, signature: await sign(sessionKeyText({ ...named, peer })) }
      return last
    },
  }
}
