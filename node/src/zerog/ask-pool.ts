/** What a pool says of itself as a provider of 0G Compute, and the word that has it settle. It takes no more of an answer than one may have. */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  settleNowMessage,
  type ZerogEarnings,
  type ZerogSettled,
  type ZerogStatus,
  zerogEarningsSchema,
  zerogSettledSchema,
  zerogStatusSchema,
} from '@computepool/shared/zerog-compute'
import type { PrivateKeyAccount } from 'viem'
import type { z } from 'zod'

const maxAnswerBytes = 1 << 20
/** Settling waits for a block. */
const timeoutMs = 240_000

/** Errors: `peer_unreachable` where it gives no such answer. */
export const askZerogStatus = (origin: string): Promise<ZerogStatus> => ask(zerogStatusSchema, origin, '/v1/zerog')

/** What its operators are owed and were paid; null: it is no provider. Errors: as `askZerogStatus`. */
export const askZerogEarnings = (origin: string): Promise<ZerogEarnings | null> =>
  ask(zerogEarningsSchema.nullable(), origin, '/api/zerog/earnings')

/** Errors: as `askZerogStatus`; a pool of another provider refuses. */
export async function askToSettle(origin: string, account: PrivateKeyAccount, nowMs: number): Promise<ZerogSettled> {
  const { serving } = await askZerogStatus(origin)
  const at = Math.floor(nowMs / 1000)
  const signature = await account.signMessage({ message: settleNowMessage(serving, at) })
  const headers = { authorization: `ZeroG ${at}.${signature}` }
  return ask(zerogSettledSchema, origin, '/v1/zerog/settle', { method: 'POST', headers })
}

async function ask<T extends z.ZodType>(schema: T, origin: string, path: string, init: RequestInit = {}) {
  const failed = (why: string, cause?: unknown) =>
    new ComputePoolError('peer_unreachable', `${origin}${path}: ${why}`, {
      remedy: 'Check the address, and that the pool was started with --zerog-provider.',
      cause,
    })
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await fetch(new URL(path, origin), { ...init, signal, redirect: 'error' })
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of response.body ?? []) {
      size += part.length
      if (size > maxAnswerBytes) throw failed(`its answer is longer than ${maxAnswerBytes} bytes.`)
      parts.push(part)
    }
    const answer: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
    if (response.ok) return schema.parse(answer) as z.infer<T>
    throw failed(`HTTP ${response.status}, ${JSON.stringify(answer).slice(0, 300)}`)
  } catch (thrown) {
    throw thrown instanceof ComputePoolError ? thrown : failed(String(thrown).slice(0, 300), thrown)
  }
}
