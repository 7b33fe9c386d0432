/**
 * An encryption key for people whose wallet signs and decrypts nothing: derived from their signature over one fixed text. The same
 * wallet gives the same key on every device, and nothing need be stored. It asks no wallet itself.
 *
 * Limits: it works for keys that sign deterministically (RFC 6979), as ordinary accounts do; not for smart accounts, passkeys, or
 * wallets that sign with fresh randomness. Whoever gets the signature has the key, so the text says so.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { hexToBytes } from '@noble/hashes/utils.js'
import type { Hex } from '../coalition/index.ts'
import { ComputePoolError } from '../errors/index.ts'
import { encryptionKeyOf } from './ecies.ts'

/** Whose key, for the tokens of which contract. */
export interface WalletKeyPlace {
  readonly chainId: number
  readonly contract: Hex
  readonly account: Hex
}

export interface EncryptionKey {
  readonly secret: Uint8Array
  /** 64 bytes, as contracts keep it. */
  readonly publicKey: Hex
}

/** To be signed as a personal message (EIP-191). Another text is another key: never change it. */
export const walletKeyMessage = ({ chainId, contract, account }: WalletKeyPlace): string =>
  [
    'ComputePool encryption key, version 1',
    '',
    'Whoever has this signature can read the private parts of pools that are sealed to you. Sign it only on a page that you trust. It moves no money.',
    '',
    `Chain: ${chainId}`,
    `Contract: ${contract.toLowerCase()}`,
    `Account: ${account.toLowerCase()}`,
  ].join('\n')

/**
 * The key of a signature over `walletKeyMessage(place)`. That it is one the caller checks, by asking for it twice before the key is
 * published: two different keys mean a wallet that cannot be used so.
 * @throws input_unsupported where it is not the 65 bytes of an ordinary account's key.
 */
export function walletKey(place: WalletKeyPlace, signature: Hex): EncryptionKey {
  const master = sealedPart(signature)
  const info = new TextEncoder().encode(walletKeyMessage(place))
  const salt = new TextEncoder().encode('computepool encryption key 1')
  // 48 bytes, so that reducing them to the curve's order favours no key.
  const secret = secp256k1.utils.randomSecretKey(hkdf(sha256, master, salt, info, 48))
  return { secret, publicKey: encryptionKeyOf(secret) }
}

/** r and the lower of both s: wallets differ in how they write the rest of the same signature. */
function sealedPart(signature: Hex): Uint8Array {
  try {
    const bytes = hexToBytes(signature.slice(2))
    if (bytes.length !== 65) throw new RangeError('length')
    const { r, s } = secp256k1.Signature.fromBytes(bytes.slice(0, 64))
    const order = secp256k1.Point.Fn.ORDER
    return new secp256k1.Signature(r, s > order - s ? order - s : s).toBytes('compact')
  } catch {
    throw new ComputePoolError('input_unsupported', 'This wallet’s signature is not an ordinary account’s.', {
      remedy:
        'Use an ordinary account: smart accounts and passkeys sign differently each time, and no key can be derived.',
    })
  }
}
