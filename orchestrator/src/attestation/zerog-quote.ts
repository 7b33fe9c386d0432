/**
 * `GET /v1/quote` as 0G's brokers serve it: evidence over one of 0G's two layouts, for clients that know no other. It binds no nonce and no
 * claims; `/v1/attestation` does. Simulated it has no quote and no signature under 0G's name.
 */
import { reportDataOf, simulatedNotice } from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { Hono } from 'hono'
import { keccak256 } from 'viem'
import type { AttestationProvider } from './attestation-provider.ts'

/** Of 0G: over the body's bytes, by the key that the quote binds. */
export const quoteSignatureHeader = 'ZG-Quote-Signature'

export interface ZeroGQuoteOptions {
  /** Null: nothing vouches for this process. */
  readonly provider: AttestationProvider | null
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** X25519 public key for sealed requests, 64 hex digits; default: none, for requests are sealed to nobody here. */
  readonly encryptionKey?: string | null
}

interface MadeQuote {
  readonly body: string
  readonly signature: string | null
}

/** Anybody may ask, and the hardware's own service is slow: one quote serves for so long. */
const keptMs = 600_000

export function zeroGQuoteRoutes({ provider, clock, encryptionKey = null }: ZeroGQuoteOptions): Hono {
  const routes = new Hono()
  const kept = new Map<string, { readonly made: Promise<MadeQuote>; readonly endsAtMs: number }>()
  routes.get('/quote', async c => {
    if (provider === null) {
      throw new ComputePoolError('input_not_found', 'Nothing vouches for this orchestrator: it runs unattested.', {
        remedy: 'Trust it as far as you trust who runs it.',
      })
    }
    const isLegacy = !/^(0|f|false)$/i.test(c.req.query('legacy') ?? '')
    if (!isLegacy && encryptionKey === null) {
      throw new ComputePoolError('input_unsupported', 'Requests are sealed to nobody here: there is no key to bind.', {
        remedy: 'Ask for /v1/quote, whose report data bind the signer alone.',
        context: { param: 'legacy' },
      })
    }
    const layout = isLegacy || encryptionKey === null ? '0g-address' : '0g-encryption-key'
    let entry = kept.get(layout)
    if (entry === undefined || entry.endsAtMs <= clock.monotonicMs()) {
      const made = makeQuote(provider, layout === '0g-address' ? null : encryptionKey)
      entry = { made, endsAtMs: clock.monotonicMs() + keptMs }
      kept.set(layout, entry)
      // A failure is told once, not for ten minutes.
      made.catch(() => kept.delete(layout))
    }
    const { body, signature } = await entry.made
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    return c.body(body, 200, signature === null ? headers : { ...headers, [quoteSignatureHeader]: signature })
  })
  return routes
}

/** Evidence in 0G's words, over `0g-encryption-key` where there is one, else over `0g-address`. Errors: `attestation_unavailable`. */
async function makeQuote(provider: AttestationProvider, encryptionKey: string | null): Promise<MadeQuote> {
  const account = await provider.signer()
  const signer = account.address.toLowerCase()
  const bound =
    encryptionKey === null
      ? ({ layout: '0g-address', signer } as const)
      : ({ layout: '0g-encryption-key', signer, encryptionKey } as const)
  const reportData = reportDataOf(bound)
  const { quote, eventLog, vmConfig, simulatedSignature } = await provider.evidence(reportData)
  const isSimulated = provider.kind === 'simulated'
  const body = JSON.stringify({
    quote,
    event_log: eventLog === null ? null : JSON.stringify(eventLog),
    report_data: Buffer.from(reportData).toString('base64'),
    vm_config: vmConfig,
    tcb_info: (await provider.tcbInfo?.()) ?? null,
    layout: bound.layout,
    signing_address: signer,
    attestation: provider.kind,
    simulatedSignature,
    notice: isSimulated ? simulatedNotice : null,
  })
  // Over the digest, as 0G does: its 32 bytes are the message.
  const raw = keccak256(Buffer.from(body))
  return { body, signature: isSimulated ? null : await account.signMessage({ message: { raw } }) }
}
