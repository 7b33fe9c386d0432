/** Which key signs for which peer: said at its joining, with its wallet's signature under it. What is not its wallet's is not kept. */
import type { Clock } from '@computepool/shared/ports'
import { type SessionKey, sessionKeyText } from '@computepool/shared/receipts'
import { verifySignature } from '@computepool/signaling'
import { operatorOf } from './operator-of.ts'

/** True where the wallet signed the text (EIP-191). */
export type VerifyWallet = typeof verifySignature

export interface SessionKeys {
  /** It says that this key signs for it, until it is gone; absent: none does. */
  joined(peer: string, said: SessionKey | undefined): void
  /** The key that its wallet vouched for, with its word; null: there is none, or not yet. */
  of(peer: string): SessionKey | null
  gone(peer: string): void
}

export interface SessionKeysOptions {
  readonly clock: Clock
  /** Origin under which peers sign in to this pool; null: a hub elsewhere says it. */
  readonly origin: string | null
  /** Default: of plain accounts. */
  readonly verifyWallet?: VerifyWallet | undefined
}

export function createSessionKeys({ clock, origin, verifyWallet = verifySignature }: SessionKeysOptions): SessionKeys {
  /** Of connected peers: as many as there are sockets. */
  const keys = new Map<string, { readonly said: SessionKey; isVouched: boolean }>()
  const isOurs = ({ pool, expiresMs }: SessionKey): boolean =>
    expiresMs > clock.wallMs() && (origin === null || (URL.canParse(pool) && new URL(pool).origin === origin))
  return {
    joined: (peer, said) => {
      keys.delete(peer)
      if (said === undefined || !isOurs(said)) return
      const entry = { said, isVouched: false }
      keys.set(peer, entry)
      const address = operatorOf(peer) as `0x${string}`
      const signature = said.signature as `0x${string}`
      void verifyWallet({ address, message: sessionKeyText({ ...said, peer }), signature }).then(
        isValid => {
          entry.isVouched = isValid
        },
        () => {},
      )
    },
    of: peer => {
      const entry = keys.get(peer)
      return entry?.isVouched === true ? entry.said : null
    },
    gone: peer => {
      keys.delete(peer)
    },
  }
}
