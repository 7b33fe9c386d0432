/**
 * Keys of one session, and packets sealed and opened with them (X25519, HKDF-SHA256, ChaCha20-Poly1305; RFC 7748, 5869, 8439). A key
 * for each direction; the nonce is the packet's number, which is never used twice. It knows no handshake and no items.
 */
import { bytesOfPeerId, type PacketHeader, packetHeaderBytes, writePacketHeader } from '@computepool/shared/datagram'
import type { PeerId } from '@computepool/shared/wire'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'

export const tagBytes = 16
export const sealedOverheadBytes = packetHeaderBytes + tagBytes
export const publicKeyBytes = 32

export interface SessionKeys {
  readonly send: Uint8Array
  readonly receive: Uint8Array
}

export interface KeyAgreement {
  /** The private half of this side's key. */
  readonly secret: Uint8Array
  readonly theirPublic: Uint8Array
  /** What the desk gave the pair: whoever breaks one of the two must still break the other. */
  readonly pairSecret: Uint8Array
  /** What both sides signed: other words give other keys. */
  readonly transcript: string
  readonly isInitiator: boolean
}

/** The public half of an X25519 key. */
export const publicKeyOf = (secret: Uint8Array): Uint8Array => x25519.getPublicKey(secret)

/** Null where the other side's key is one of the few that give away the result. */
export function agreeOnKeys({
  secret,
  theirPublic,
  pairSecret,
  transcript,
  isInitiator,
}: KeyAgreement): SessionKeys | null {
  let shared: Uint8Array
  try {
    shared = x25519.getSharedSecret(secret, theirPublic)
  } catch {
    return null
  }
  const salt = sha256(new TextEncoder().encode(transcript))
  const both = hkdf(
    sha256,
    concatBytes(shared, pairSecret),
    salt,
    new TextEncoder().encode('computepool sealed link 1'),
    64,
  )
  const [first, second] = [both.slice(0, 32), both.slice(32)]
  return isInitiator ? { send: first, receive: second } : { send: second, receive: first }
}

export interface PacketCipher {
  /** A data packet. */
  seal(number: number, payload: Uint8Array): Uint8Array
  /** The payload; null where it was not sealed by the other side under this number. */
  open(header: PacketHeader, packet: Uint8Array): Uint8Array | null
}

export interface PacketCipherOptions {
  readonly keys: SessionKeys
  readonly sessionId: string
  readonly self: PeerId
  readonly peer: PeerId
}

export function createPacketCipher({ keys, sessionId, self, peer }: PacketCipherOptions): PacketCipher {
  const [selfBytes, peerBytes] = [bytesOfPeerId(self), bytesOfPeerId(peer)]
  const nonceOf = (number: number): Uint8Array => {
    const nonce = new Uint8Array(12)
    new DataView(nonce.buffer).setBigUint64(4, BigInt(number), true)
    return nonce
  }
  /** The header, the sender and the receiver. */
  function bind(packet: Uint8Array, sender: Uint8Array, receiver: Uint8Array): Uint8Array {
    const bound = new Uint8Array(packetHeaderBytes + sender.length + receiver.length)
    bound.set(packet.subarray(0, packetHeaderBytes))
    bound.set(sender, packetHeaderBytes)
    bound.set(receiver, packetHeaderBytes + sender.length)
    return bound
  }
  return {
    seal(number, payload) {
      const packet = new Uint8Array(sealedOverheadBytes + payload.length)
      writePacketHeader(packet, { type: 'data', sessionId, number })
      const cipher = chacha20poly1305(keys.send, nonceOf(number), bind(packet, selfBytes, peerBytes))
      cipher.encrypt(payload, packet.subarray(packetHeaderBytes))
      return packet
    },
    open({ number }, packet) {
      if (packet.length < sealedOverheadBytes) return null
      try {
        const cipher = chacha20poly1305(keys.receive, nonceOf(number), bind(packet, peerBytes, selfBytes))
        return cipher.decrypt(packet.subarray(packetHeaderBytes))
      } catch {
        return null
      }
    },
  }
}
