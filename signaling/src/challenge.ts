/**
 * The text that a peer signs to prove its address: EIP-4361, so that a wallet shows it as a sign-in. A challenge belongs to one
 * socket, is used once and expires; the hub compares the whole text, so nothing in it is parsed back.
 */
import type { Entropy } from '@computepool/shared/ports'
import type { PeerId } from '@computepool/shared/wire'
import { getAddress } from 'viem'
import { createSiweMessage } from 'viem/siwe'

/** Who asks for the signature. */
export interface SignInDomain {
  /** Host and port of the page, e.g. "localhost:8787". */
  readonly domain: string
  /** Origin of the page, e.g. "http://localhost:8787". */
  readonly uri: string
  readonly chainId: number
}

export interface Challenge {
  readonly peer: PeerId
  readonly address: `0x${string}`
  readonly message: string
  readonly expiresAtWallMs: number
}

export const signInStatement =
  'Join ComputePool with this browser tab. Signing proves that this address is yours. It moves no funds and costs nothing.'

/** A fresh challenge for `peer`. */
export function createChallenge(
  peer: PeerId,
  domain: SignInDomain,
  {
    entropy,
    nowWallMs,
    lifetimeMs,
    statement = signInStatement,
  }: { entropy: Entropy; nowWallMs: number; lifetimeMs: number; statement?: string },
): Challenge {
  const address = addressOf(peer)
  const expiresAtWallMs = nowWallMs + lifetimeMs
  const message = createSiweMessage({
    address: getAddress(address),
    chainId: domain.chainId,
    domain: domain.domain,
    uri: domain.uri,
    version: '1',
    nonce: Array.from(entropy.bytes(16), byte => byte.toString(16).padStart(2, '0')).join(''),
    statement,
    issuedAt: new Date(nowWallMs),
    expirationTime: new Date(expiresAtWallMs),
    // Ties the signature to one tab of the wallet.
    requestId: peer,
  })
  return { peer, address, message, expiresAtWallMs }
}

/** The wallet address of a peer. */
export function addressOf(peer: PeerId): `0x${string}` {
  return peer.slice(0, 42) as `0x${string}`
}
