/**
 * Seals few bytes to a secp256k1 key, byte for byte as eciesjs, eciespy and Rust's ecies do with their defaults, so that another's tool
 * opens what ours sealed and the reverse. Pure: randomness comes from the host.
 *
 *     ephemeral key, 65 bytes | nonce, 16 | tag, 16 | ciphertext: a key of 32 bytes becomes 129
 */
import { gcm } from '@noble/ciphers/aes.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { Hex } from '../coalition/index.ts'
import { ComputePoolError } from '../errors/index.ts'

const pointBytes = 65
const nonceBytes = 16
const tagBytes = 16

/** Randomness of one sealing; never used twice. */
export interface SealingEntropy {
  /** 32 bytes, a scalar of the curve: almost every 32 bytes are one. */
  readonly ephemeralSecret: Uint8Array
  /** 16 bytes. */
  readonly nonce: Uint8Array
}

/** The public key of a secret as contracts keep it: 64 bytes, without the leading 0x04. */
export const encryptionKeyOf = (secret: Uint8Array): Hex =>
  `0x${bytesToHex(secp256k1.getPublicKey(secret, false).slice(1))}`

/** @throws input_invalid where `publicKey` (64 bytes, hex) is no point of the curve. */
export function sealTo(publicKey: Hex, plaintext: Uint8Array, { ephemeralSecret, nonce }: SealingEntropy): Uint8Array {
  if (nonce.length !== nonceBytes) throw new RangeError(`A nonce of ${nonce.length} bytes; ${nonceBytes} needed.`)
  const ephemeral = secp256k1.getPublicKey(ephemeralSecret, false)
  const encrypted = gcm(agreed(ephemeral, ephemeralSecret, pointOf(publicKey)), nonce).encrypt(plaintext)
  const sealed = new Uint8Array(pointBytes + nonceBytes + encrypted.length)
  sealed.set(ephemeral)
  sealed.set(nonce, pointBytes)
  sealed.set(encrypted.subarray(-tagBytes), pointBytes + nonceBytes)
  sealed.set(encrypted.subarray(0, -tagBytes), pointBytes + nonceBytes + tagBytes)
  return sealed
}

/** @throws artifact_invalid where it was sealed to another key, or changed since. */
export function unseal(sealed: Uint8Array, secret: Uint8Array): Uint8Array {
  try {
    const ephemeral = sealed.slice(0, pointBytes)
    const nonce = sealed.slice(pointBytes, pointBytes + nonceBytes)
    const rest = sealed.subarray(pointBytes + nonceBytes)
    const encrypted = new Uint8Array(rest.length)
    encrypted.set(rest.subarray(tagBytes))
    encrypted.set(rest.subarray(0, tagBytes), rest.length - tagBytes)
    return gcm(agreed(ephemeral, secret, ephemeral), nonce).decrypt(encrypted)
  } catch {
    throw new ComputePoolError('artifact_invalid', `A sealed key of ${sealed.length} bytes does not open.`, {
      remedy: 'Use the key that it was sealed to: the owner’s when this version was written.',
    })
  }
}

function agreed(ephemeral: Uint8Array, secret: Uint8Array, other: Uint8Array): Uint8Array {
  const shared = secp256k1.getSharedSecret(secret, other, false)
  const master = new Uint8Array(2 * pointBytes)
  master.set(ephemeral)
  master.set(shared, pointBytes)
  return hkdf(sha256, master, undefined, undefined, 32)
}

function pointOf(publicKey: Hex): Uint8Array {
  try {
    const point = Uint8Array.from([4, ...hexToBytes(publicKey.slice(2))])
    secp256k1.Point.fromBytes(point).assertValidity()
    if (point.length !== pointBytes) throw new RangeError('length')
    return point
  } catch {
    throw new ComputePoolError('input_invalid', 'The encryption key is not a point of secp256k1.', {
      remedy: 'Publish a key of 64 bytes: an uncompressed public key without its leading 04.',
    })
  }
}
