/** Bearer tokens and other secrets that callers present, compared with ours in a time that tells nothing of either. */
import { createHash, timingSafeEqual } from 'node:crypto'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

export const isSameSecret = (given: string, expected: string): boolean =>
  timingSafeEqual(digest(given), digest(expected))

/** The token of an Authorization header; null where it is no Bearer. */
export const bearerOf = (header: string | null | undefined): string | null =>
  /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header ?? '')?.[1] ?? null

export const isBearer = (header: string | null | undefined, expected: string): boolean => {
  const given = bearerOf(header)
  return isSameSecret(given ?? '', expected) && given !== null && expected !== ''
}
