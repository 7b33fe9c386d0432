/**
 * What must outlive a reload of the tab: session tokens, and a signed voucher whose answer has not come. In `sessionStorage` at most, so
 * that a closed tab leaves nothing behind. It knows no protocol.
 */
import { z } from 'zod'

const keptSchema = z.object({
  tokens: z.array(z.string().max(200)).max(8),
  voucher: z
    .object({
      capAtomic: z.string().regex(/^\d{1,31}$/),
      header: z.string().max(16_384),
      idempotencyKey: z.string().min(16).max(200),
      validBefore: z.number(),
    })
    .nullable(),
})
export type KeptSessions = z.infer<typeof keptSchema>

export interface SessionVault {
  read(): KeptSessions
  write(kept: KeptSessions): void
}

const storageKey = 'computepool.sessions'
const nothing: KeptSessions = { tokens: [], voucher: null }

/** Over `storage`; null where the browser refuses it: then nothing outlives a reload. */
export function createSessionVault(storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null): SessionVault {
  return {
    read() {
      try {
        return keptSchema.parse(JSON.parse(storage?.getItem(storageKey) ?? 'null'))
      } catch {
        return nothing
      }
    },
    write(kept) {
      try {
        if (kept.tokens.length === 0 && kept.voucher === null) storage?.removeItem(storageKey)
        else storage?.setItem(storageKey, JSON.stringify(kept))
      } catch {
        // A full storage: the session then lasts as long as the page.
      }
    },
  }
}
