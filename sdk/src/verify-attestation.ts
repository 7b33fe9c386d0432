/**
 * Asks a pool what vouches for its orchestrator, over a nonce drawn here, and judges the answer. Whether Intel signed a quote it is told by the
 * verifier that its caller hands in; without one no hardware is ever believed, and simulated evidence is never verified.
 */
import {
  type AttestationBody,
  type AttestationJudgement,
  attestationBodySchema,
  judgeAttestation,
  recoverSigner,
  reportDataOf,
  simulatedMessage,
} from '@computepool/shared/attestation'
import type { Hex } from 'viem'
import { askJson } from './ask-pool.ts'
import type { CallOptions, Fetch, PoolDoor } from './pool-door.ts'
import { PoolError } from './pool-error.ts'
import type { AttestationVerdict, Check } from './verdict.ts'

export type QuoteVerdict =
  /** `status`: of the platform, as Intel names it, such as UpToDate. */
  | { readonly isSigned: true; readonly status: string }
  | { readonly isSigned: false; readonly why: string; readonly isCollateralAtFault: boolean }

/** Of a TD its image and what it started; of an enclave its measurement. Hex in lower case. */
export type ExpectedMeasurements =
  | {
      readonly mrtd: string
      readonly rtmr0: string
      readonly rtmr1: string
      readonly rtmr2: string
      readonly composeHash: string
    }
  | {
      readonly mrtd: string
      readonly rtmr0: string
      readonly rtmr1: string
      readonly rtmr2: string
      readonly rtmr3: string
    }
  | { readonly mrenclave: string }

export interface AttestationOptions extends CallOptions {
  /** Verifies a DCAP quote down from Intel's root, with collateral that is not the pool's (`@phala/dcap-qvl` can). What it throws is a refusal. */
  readonly verifyQuote?: (quote: Uint8Array) => QuoteVerdict | Promise<QuoteVerdict>
  /** What has to run there. Absent: nothing that does can pass. */
  readonly measurements?: ExpectedMeasurements
  /** Platform statuses to accept. Default: UpToDate. */
  readonly statuses?: readonly string[]
  readonly fetch?: Fetch
}

/** `pool`: found, or its URL. A refusal is a value. Errors: `unreachable`, `not_understood`. */
export async function verifyAttestation(
  pool: string | { readonly url: string },
  options: AttestationOptions = {},
): Promise<AttestationVerdict> {
  const { verifyQuote, measurements = null, statuses = ['UpToDate'], fetch: given, signal, timeoutMs } = options
  const origin = new URL(typeof pool === 'string' ? pool : pool.url).origin
  const door: PoolDoor = { origin, fetch: given ?? ((to, init) => fetch(to, init)), headers: {} }
  const nonce = drawNonce()
  let body: AttestationBody
  try {
    body = await askJson(door, `/v1/attestation?nonce=${nonce}`, attestationBodySchema, { signal, timeoutMs })
  } catch (thrown) {
    if (thrown instanceof PoolError && thrown.httpStatus === 404) return unattested(origin, thrown.message)
    throw thrown
  }
  const verdict = body.quote === null ? null : await judgeQuote(body.quote, verifyQuote)
  const judged = judgeAttestation(body, verdict, { nonce, measurements, statuses })
  const simulated = body.kind === 'simulated' ? simulatedChecks(body, nonce) : []
  const { kind, signer, claims } = body
  return {
    subject: 'attestation',
    verified: judged.verified,
    level: levelOf(judged, simulated),
    pool: origin,
    kind,
    signer: signer as Hex,
    claims,
    checks: [...judged.checks, ...simulated],
  }
}

/** Hardware's word is its judge's; a simulation counts as one only where it is at least a whole one. */
function levelOf(judged: AttestationJudgement, simulated: readonly Check[]): AttestationVerdict['level'] {
  if (judged.level !== 'simulated') return judged.level
  return simulated.every(check => check.ok) ? 'simulated' : 'none'
}

/** That the key is at least held by who answers, and the answer made for this nonce. It proves no hardware. */
function simulatedChecks(body: AttestationBody, nonce: string): Check[] {
  const reportData = reportDataOf(body)
  const hex = Array.from(reportData, byte => byte.toString(16).padStart(2, '0')).join('')
  const signed =
    body.simulatedSignature === null ? null : recoverSigner(simulatedMessage(reportData), body.simulatedSignature)
  const check = (name: string, ok: boolean, good: string, bad: string): Check => ({ name, ok, detail: ok ? good : bad })
  const isBound = body.reportData === hex && body.nonce === nonce
  return [
    check(
      'simulated-binding',
      isBound,
      'binds signer, our nonce and claims',
      'made for another signer, nonce or claims',
    ),
    check('simulated-signature', signed === body.signer, `of ${body.signer}`, `of ${signed ?? 'nobody'}`),
  ]
}

async function judgeQuote(quote: string, verifyQuote: AttestationOptions['verifyQuote']): Promise<QuoteVerdict> {
  const refused = (why: string): QuoteVerdict => ({ isSigned: false, why, isCollateralAtFault: false })
  if (verifyQuote === undefined) return refused('no verifyQuote was handed in')
  try {
    return await verifyQuote(Uint8Array.from(quote.match(/../g) ?? [], byte => Number.parseInt(byte, 16)))
  } catch (thrown) {
    return refused(thrown instanceof Error ? thrown.message.slice(0, 300) : 'the verifier failed')
  }
}

const unattested = (pool: string, detail: string): AttestationVerdict => ({
  subject: 'attestation',
  verified: false,
  level: 'none',
  pool,
  kind: 'none',
  signer: null,
  claims: {},
  checks: [{ name: 'hardware', ok: false, detail }],
})

function drawNonce(): string {
  const drawn = crypto.getRandomValues(new Uint8Array(32))
  return Array.from(drawn, byte => byte.toString(16).padStart(2, '0')).join('')
}
