/** What a pool says of itself as a provider of 0G Compute, and the word that has it settle. It takes no more of an answer than one may have. */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type DoubtClaim,
  resolveDoubtMessage,
  settleNowMessage,
  type ZerogDoubts,
  type ZerogEarnings,
  type ZerogResolved,
  type ZerogSettled,
  type ZerogStatus,
  zerogDoubtsSchema,
  zerogEarningsSchema,
  zerogResolvedSchema,
  zerogSettledSchema,
  zerogStatusSchema,
} from '@computepool/shared/zerog-compute'
import type { PrivateKeyAccount } from 'viem'
import { z } from 'zod'

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
  const headers = await wordOf(origin, account, nowMs, ({ serving }, at) => settleNowMessage(serving, at))
  return ask(zerogSettledSchema, origin, '/v1/zerog/settle', { method: 'POST', headers })
}

/** Errors: as `askZerogStatus`. */
export const askZerogDoubts = (origin: string): Promise<ZerogDoubts> =>
  ask(zerogDoubtsSchema, origin, '/v1/zerog/doubts')

export interface DoubtWord {
  readonly nonce: number
  readonly claim: DoubtClaim
  readonly nowMs: number
}

/** Errors: as `askZerogStatus`; `input_invalid` with the pool's reason where the chain shows something else. */
export async function askToResolve(
  origin: string,
  account: PrivateKeyAccount,
  { nonce, claim, nowMs }: DoubtWord,
): Promise<ZerogResolved> {
  const headers = await wordOf(origin, account, nowMs, ({ chainId, serving }, atSeconds) =>
    resolveDoubtMessage({ chainId, serving, nonce, claim, atSeconds }),
  )
  const body = JSON.stringify(claim)
  return ask(zerogResolvedSchema, origin, `/v1/zerog/doubts/${nonce}`, { method: 'POST', headers, body })
}

/** Signed by the provider's key, over the contract and the chain that the pool names. */
async function wordOf(
  origin: string,
  account: PrivateKeyAccount,
  nowMs: number,
  word: (place: Pick<ZerogStatus, 'chainId' | 'serving'>, atSeconds: number) => string,
): Promise<Record<string, string>> {
  const place = await askZerogStatus(origin)
  const at = Math.floor(nowMs / 1000)
  const signature = await account.signMessage({ message: word(place, at) })
  return { authorization: `ZeroG ${at}.${signature}`, 'content-type': 'application/json' }
}

const refusalSchema = z.object({ error: z.object({ message: z.string(), code: z.string() }) })

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
    const refusal = refusalSchema.safeParse(answer).data?.error
    // The pool's own words tell what to do.
    if (refusal?.code.startsWith('input_')) throw new ComputePoolError('input_invalid', refusal.message.slice(0, 600))
    throw failed(`HTTP ${response.status}, ${JSON.stringify(answer).slice(0, 300)}`)
  } catch (thrown) {
    throw thrown instanceof ComputePoolError ? thrown : failed(String(thrown).slice(0, 300), thrown)
  }
}
