/** `GET /v1/attestation?nonce=`: evidence for whoever asks, made anew over its nonce. What it is worth others judge. */
import {
  type AttestationBody,
  type AttestationClaims,
  attestationHeader,
  attestationNonceSchema,
  reportDataOf,
  simulatedNotice,
} from '@computepool/shared/attestation'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Context, Hono } from 'hono'
import type { AttestationProvider } from './attestation-provider.ts'

export interface AttestationRoutesOptions {
  /** Null: nothing vouches for this process, and it says so. */
  readonly provider: AttestationProvider | null
  readonly claims: AttestationClaims
  /** Admits a call or throws; ends it. */
  readonly beginCall: (c: Context) => () => void
}

export function attestationRoutes({ provider, claims, beginCall }: AttestationRoutesOptions): Hono {
  const routes = new Hono()
  // Mounted first, this labels every answer under the same prefix.
  routes.use('*', async (c, next) => {
    await next()
    c.header(attestationHeader, provider?.kind ?? 'none')
  })
  routes.get('/attestation', async c => {
    const end = beginCall(c)
    try {
      const parsed = attestationNonceSchema.safeParse(c.req.query('nonce'))
      if (!parsed.success) {
        throw new ComputePoolError('input_invalid', 'nonce is not 64 hex digits in lower case.', {
          remedy: 'Draw 32 random bytes and ask for /v1/attestation?nonce=HEX.',
          context: { param: 'nonce' },
        })
      }
      if (provider === null) {
        throw new ComputePoolError('input_not_found', 'Nothing vouches for this orchestrator: it runs unattested.', {
          remedy: 'Trust it as far as you trust who runs it.',
        })
      }
      return c.json(await attest(provider, claims, parsed.data), 200, { 'cache-control': 'no-store' })
    } finally {
      end()
    }
  })
  return routes
}

/** Evidence that binds the provider's signer, the nonce and the claims. */
export async function attest(
  provider: AttestationProvider,
  claims: AttestationClaims,
  nonce: string,
): Promise<AttestationBody> {
  const { kind } = provider
  const signer = (await provider.signer()).address.toLowerCase()
  const bound = { layout: 'claims-v1', kind, signer, nonce, claims } as const
  const reportData = reportDataOf(bound)
  const { quote, eventLog, simulatedSignature } = await provider.evidence(reportData)
  const hex = Buffer.from(reportData).toString('hex')
  const notice = kind === 'simulated' ? simulatedNotice : null
  return { ...bound, reportData: hex, quote, eventLog, simulatedSignature, notice }
}
