/**
 * The container in which a pool's intelligence lies where anybody may fetch it: AES-256-GCM over one entry, bound to the chain, the
 * token's contract and what the token calls the entry. Pure: key and nonce come from the host's entropy.
 *
 *     "CPIN" | version 1 | algorithm 1 | nonce, 12 bytes | ciphertext | tag, 16 bytes
 */
import { gcm } from '@noble/ciphers/aes.js'
import type { Hex } from '../coalition/index.ts'
import { ComputePoolError } from '../errors/index.ts'

const magic = [0x43, 0x50, 0x49, 0x4e]
const containerVersion = 1
const aes256Gcm = 1
const nonceBytes = 12
const tagBytes = 16
const headerBytes = magic.length + 2 + nonceBytes
export const containerKeyBytes = 32
/** A container is longer than what it holds by this. */
export const containerOverheadBytes = headerBytes + tagBytes
/** More than any prompt and plan need; a container is opened in memory. */
export const mostContainerBytes = 4 * 1024 * 1024

/** Where a container belongs: elsewhere it does not open. */
export interface ContainerPlace {
  readonly chainId: number
  /** Of the token. */
  readonly contract: Hex
  /** The entry's `dataDescription` on the chain. */
  readonly description: string
}

export interface SealContainerOptions extends ContainerPlace {
  readonly plaintext: Uint8Array
  /** 32 random bytes, for this container alone. */
  readonly key: Uint8Array
  /** 12 random bytes. */
  readonly nonce: Uint8Array
}

/** @throws RangeError where key or nonce have another length; input_too_large. */
export function sealContainer({ plaintext, key, nonce, ...place }: SealContainerOptions): Uint8Array {
  if (key.length !== containerKeyBytes || nonce.length !== nonceBytes) {
    throw new RangeError(
      `A key of ${key.length} bytes and a nonce of ${nonce.length}; ${containerKeyBytes} and 12 needed.`,
    )
  }
  const sizeBytes = headerBytes + plaintext.length + tagBytes
  if (sizeBytes > mostContainerBytes) {
    throw new ComputePoolError('input_too_large', `A container would have ${sizeBytes} bytes.`, {
      remedy: `At most ${mostContainerBytes} bytes go into one: name what is large by its digest instead.`,
    })
  }
  const header = Uint8Array.from([...magic, containerVersion, aes256Gcm, ...nonce])
  const container = new Uint8Array(sizeBytes)
  container.set(header)
  container.set(gcm(key, nonce, authenticated(header, place)).encrypt(plaintext), headerBytes)
  return container
}

/**
 * What was sealed, where not a bit of it changed since, and it was for this place.
 * @throws artifact_invalid, saying whether it is no container or does not open; not why it does not, which nobody can know.
 */
export function openContainer(container: Uint8Array, key: Uint8Array, place: ContainerPlace): Uint8Array {
  if (container.length > mostContainerBytes) throw refusal(`It has ${container.length} bytes.`)
  const header = container.slice(0, headerBytes)
  if (!isContainer(container)) throw refusal('It does not begin like one.')
  try {
    const nonce = header.slice(-nonceBytes)
    return gcm(key, nonce, authenticated(header, place)).decrypt(container.slice(headerBytes))
  } catch {
    throw refusal('It does not open: another key, another place, or bytes that changed.')
  }
}

/** Whether it begins like one; that it opens only its key tells. */
export const isContainer = (bytes: Uint8Array): boolean =>
  bytes.length >= headerBytes + tagBytes &&
  magic.every((byte, at) => bytes[at] === byte) &&
  bytes[magic.length] === containerVersion &&
  bytes[magic.length + 1] === aes256Gcm

function authenticated(header: Uint8Array, { chainId, contract, description }: ContainerPlace): Uint8Array {
  // JSON, so that no two places make the same text.
  const place = JSON.stringify(['computepool intelligence', chainId, contract.toLowerCase(), description])
  return Uint8Array.from([...header, ...new TextEncoder().encode(place)])
}

const refusal = (text: string) =>
  new ComputePoolError(
    'artifact_invalid',
    `This is no container of a pool’s intelligence that this key opens. ${text}`,
    {
      remedy: 'Fetch it anew by its data hash; if that fits, ask the owner for a key to this version.',
    },
  )
