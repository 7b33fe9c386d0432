/**
 * The HMAC of callbacks that our own runner sends: over method, path, time and the body's digest, so that none can be changed or
 * replayed late. KeeperHub's service cannot sign; its callbacks carry the token alone.
 */
import { createHash, createHmac } from 'node:crypto'
import type { Clock } from '@computepool/shared/ports'
import { isSameSecret } from './bearer.ts'

export const signatureHeader = 'x-computepool-signature'
export const timestampHeader = 'x-computepool-timestamp'
const windowSeconds = 300

export interface SignedRequest {
  readonly method: string
  readonly path: string
  readonly body: string
  /** Unix seconds, as the header has them. */
  readonly timestamp: string
}

export const signCallback = (secret: string, { method, path, body, timestamp }: SignedRequest): string =>
  createHmac('sha256', secret)
    .update([method, path, timestamp, createHash('sha256').update(body).digest('hex')].join('\n'))
    .digest('hex')

/** Headers for the embedded runner's requests to our callback door, and none for any other address. */
export function createCallbackSigner(secret: string, callbackUrl: string, clock: Clock) {
  const door = new URL(callbackUrl)
  return (url: URL, method: string, body: string): Record<string, string> => {
    if (url.origin !== door.origin || url.pathname !== door.pathname) return {}
    const timestamp = String(Math.floor(clock.wallMs() / 1000))
    return {
      [timestampHeader]: timestamp,
      [signatureHeader]: signCallback(secret, { method, path: url.pathname, body, timestamp }),
    }
  }
}

/** True where the signature is right and its time near. */
export function isSignedNow(secret: string, signature: string, request: SignedRequest, nowMs: number): boolean {
  const isRight = isSameSecret(signature.toLowerCase(), signCallback(secret, request))
  const isNear =
    /^\d{1,12}$/.test(request.timestamp) && Math.abs(nowMs / 1000 - Number(request.timestamp)) <= windowSeconds
  return isRight && isNear
}
