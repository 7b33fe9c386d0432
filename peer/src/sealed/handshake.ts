/**
 * The words of a sealed link's handshake: two messages, each with a fresh X25519 key, signed (EIP-191) by the wallet that the peer id
 * names, and authenticated by the secret that the desk gave the pair, so that a stranger's costs no signature check. The opener signs its
 * key before it knows the other one; both keys are in the answer's signature and in the session keys. It keeps no state.
 */
import { packetHeaderBytes, sessionIdBytes, writePacketHeader } from '@computepool/shared/datagram'
import { type PeerId, protocolVersion } from '@computepool/shared/wire'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { type Hex, hexToBytes, recoverMessageAddress } from 'viem'
import { publicKeyBytes } from './packet-cipher.ts'

/** Who opens what with whom: the smaller peer id opens. */
export interface Introduction {
  readonly opener: PeerId
  readonly answerer: PeerId
  readonly epoch: number
}

export interface OpenerKeys {
  readonly openerKey: Uint8Array
}
export interface BothKeys extends OpenerKeys {
  readonly answererKey: Uint8Array
}

const signatureBytes = 65
const macBytes = 16
// The body of an init: version u8, key, signature, MAC; of a reply: version u8, the opener's key, key, signature, MAC; of a want: version u8, MAC.
const versionBytes = 1
export const initBytes = packetHeaderBytes + versionBytes + publicKeyBytes + signatureBytes + macBytes
export const replyBytes = initBytes + publicKeyBytes
const wantBytes = packetHeaderBytes + versionBytes + macBytes

/** The same at both ends, and another one for another epoch or pair: what belongs elsewhere is dropped before any key is used. */
export function sessionIdOf({ opener, answerer, epoch }: Introduction): string {
  const text = `computepool sealed link\n${opener}\n${answerer}\n${epoch}`
  return bytesToHex(sha256(new TextEncoder().encode(text)).slice(0, sessionIdBytes))
}

const lines = ({ opener, answerer, epoch }: Introduction, keys: OpenerKeys & Partial<BothKeys>): string =>
  [
    'ComputePool sealed link',
    `Version: ${protocolVersion}`,
    `Step: ${keys.answererKey ? 'answer' : 'open'}`,
    `Opener: ${opener}`,
    `Answerer: ${answerer}`,
    `Epoch: ${epoch}`,
    `Opener key: ${bytesToHex(keys.openerKey)}`,
    ...(keys.answererKey ? [`Answerer key: ${bytesToHex(keys.answererKey)}`] : []),
  ].join('\n')

/** What the opener signs. */
export const openingText = (introduction: Introduction, { openerKey }: OpenerKeys): string =>
  lines(introduction, { openerKey })
/** What the answerer signs; the session keys hang on it too. */
export const answerText = (introduction: Introduction, keys: BothKeys): string => lines(introduction, keys)

export interface InitMessage extends OpenerKeys {
  readonly version: number
  readonly signature: Uint8Array
}
export interface ReplyMessage extends BothKeys {
  readonly version: number
  readonly signature: Uint8Array
}

/** What both ends know of their link besides their keys. */
export interface LinkSecret {
  readonly sessionId: string
  /** The desk's, of this pair and epoch. */
  readonly secret: Uint8Array
}

export function encodeInit(link: LinkSecret, { openerKey }: OpenerKeys, signature: Hex): Uint8Array {
  return join(link, 'init', [openerKey, hexToBytes(signature)])
}
export function encodeReply(link: LinkSecret, { openerKey, answererKey }: BothKeys, signature: Hex): Uint8Array {
  return join(link, 'reply', [openerKey, answererKey, hexToBytes(signature)])
}

/** Of the answerer: it has no link of this assignment, and waits for an init. The opener may have kept an older one. */
export function encodeWant(link: LinkSecret): Uint8Array {
  return join(link, 'want', [])
}

function join(
  { sessionId, secret }: LinkSecret,
  type: 'init' | 'reply' | 'want',
  parts: readonly Uint8Array[],
): Uint8Array {
  const body = packetHeaderBytes + versionBytes
  const packet = new Uint8Array(parts.reduce((sum, part) => sum + part.length, body + macBytes))
  writePacketHeader(packet, { type, sessionId, number: 0 })
  packet[packetHeaderBytes] = protocolVersion
  let offset = body
  for (const part of parts) {
    packet.set(part, offset)
    offset += part.length
  }
  packet.set(macOf(secret, packet.subarray(0, offset)), offset)
  return packet
}

const macOf = (secret: Uint8Array, words: Uint8Array): Uint8Array => hmac(sha256, secret, words).subarray(0, macBytes)

/** Header included: an opening does not pass for an answer. */
function isAuthentic(packet: Uint8Array, { secret }: Pick<LinkSecret, 'secret'>): boolean {
  const end = packet.length - macBytes
  const expected = macOf(secret, packet.subarray(0, end))
  // Every byte is looked at: how long it takes tells nothing.
  return expected.reduce((difference, byte, index) => difference | (byte ^ packet[end + index]!), 0) === 0
}

/** Null where it is no init by its length, or of somebody who does not have the secret. */
export function decodeInit(packet: Uint8Array, link: Pick<LinkSecret, 'secret'>): InitMessage | null {
  if (packet.length !== initBytes || !isAuthentic(packet, link)) return null
  const body = packet.slice(packetHeaderBytes, -macBytes)
  return {
    version: body[0] ?? 0,
    openerKey: body.subarray(versionBytes, versionBytes + publicKeyBytes),
    signature: body.subarray(versionBytes + publicKeyBytes),
  }
}

/** Null where it is no reply by its length, or of somebody who does not have the secret. */
export function decodeReply(packet: Uint8Array, link: Pick<LinkSecret, 'secret'>): ReplyMessage | null {
  if (packet.length !== replyBytes || !isAuthentic(packet, link)) return null
  const body = packet.slice(packetHeaderBytes, -macBytes)
  const second = versionBytes + publicKeyBytes
  return {
    version: body[0] ?? 0,
    openerKey: body.subarray(versionBytes, second),
    answererKey: body.subarray(second, second + publicKeyBytes),
    signature: body.subarray(second + publicKeyBytes),
  }
}

/** True where it is a want by its length, of somebody who has the secret. */
export function isWant(packet: Uint8Array, link: Pick<LinkSecret, 'secret'>): boolean {
  return packet.length === wantBytes && isAuthentic(packet, link)
}

/** True where the wallet in `peer` signed `text`. */
export async function isSignedBy(peer: PeerId, text: string, signature: Uint8Array): Promise<boolean> {
  try {
    const address = await recoverMessageAddress({ message: text, signature })
    return address.toLowerCase() === peer.split('.')[0]
  } catch {
    return false
  }
}

export const isSameBytes = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, index) => byte === other[index])
