/** Signs receipts with a session key, and checks such signatures. Pure: the secret comes from the host's entropy. Ed25519: RFC 8032. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { type Receipt, type ReceiptBody, receiptText } from './receipt.ts'

export interface ReceiptSigner {
  /** Public, hex. */
  readonly key: string
  sign(receipt: ReceiptBody): Receipt
  /** Of a text that says what it is, so that it is taken for no receipt; hex. */
  signText(text: string): string
}

/** Ed25519 by a secret of 32 bytes: a host that has a faster one than the pure core's may hand it in. The same bytes have the same signature. */
export type SignatureOf = (secret: Uint8Array) => (bytes: Uint8Array) => Uint8Array

const inScript: SignatureOf = secret => bytes => ed25519.sign(bytes, secret)

/** `secret`: 32 random bytes. */
export function createReceiptSigner(secret: Uint8Array, signatureOf: SignatureOf = inScript): ReceiptSigner {
  const key = bytesToHex(ed25519.getPublicKey(secret))
  const signature = signatureOf(secret)
  return {
    key,
    sign: receipt => ({ ...receipt, signature: bytesToHex(signature(bytesOf(receipt))) }),
    signText: text => bytesToHex(signature(new TextEncoder().encode(text))),
  }
}

/** True where the session key `key` (hex) signed the receipt; false, never an error, for anything that is no key or signature. */
export function isSignedBy(receipt: Receipt, key: string): boolean {
  return isSigned(receipt.signature, bytesOf(receipt), key)
}

/** The same of a text: `signature` and `key` in hex. */
export function isTextSignedBy(text: string, signature: string, key: string): boolean {
  return isSigned(signature, new TextEncoder().encode(text), key)
}

function isSigned(signature: string, bytes: Uint8Array, key: string): boolean {
  try {
    return ed25519.verify(hexToBytes(signature), bytes, hexToBytes(key))
  } catch {
    return false
  }
}

const bytesOf = (receipt: ReceiptBody): Uint8Array => new TextEncoder().encode(receiptText(receipt))
