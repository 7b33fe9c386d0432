/** Every way that we could think of to pass simulated evidence for hardware’s. Each begins with what a simulated orchestrator really says. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attest, createAnswerSigner, openAttestation } from '@computepool/orchestrator/attestation/index.ts'
import { createSimulatedProvider } from '@computepool/orchestrator/attestation/simulated-provider.ts'
import { isOracleSimulated } from '@computepool/orchestrator/inft/oracle-key.ts'
import {
  type AnswerSignature,
  type AttestationBody,
  type AttestationKind,
  answerKeyHeader,
  attestationBodySchema,
  attestationHeader,
  attestationKinds,
  judgeAttestation,
  readQuote,
  reportDataOf,
  simulatedMessage,
  verifyAnswer,
} from '@computepool/shared/attestation'
import { createManualClock, createSeededRandom } from '@computepool/shared/testing'
import recorded from '@computepool/shared/vectors/attestation/tdx-quote-recorded.json' with { type: 'json' }
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { verifyAttestationCommand } from '../verify-attestation-command.ts'
import { verifyQuote } from './verify-quote.ts'

const key = `0x${'33'.repeat(32)}` as const
const provider = createSimulatedProvider(key)
const nonce = 'ab'.repeat(32)
const claims = { model: 'm', covers: 'orchestrator' }
/** When Intel's collateral was in date. */
const at = Date.parse(recorded.verifiesAt)
const genuine = readQuote(Buffer.from(recorded.quote, 'hex'))!
/** As kind as a policy can be: what the quote measured, and any status. */
const policy = { nonce, measurements: { ...genuine.measurements } as never, statuses: ['UpToDate', 'OutOfDate'] }
const real = attestationKinds.filter(kind => kind !== 'simulated')

let honest: AttestationBody
beforeAll(async () => {
  honest = await attest(provider, claims, nonce)
})

/** With Intel's root in hand, and with somebody who says yes to every quote. */
function judge(body: AttestationBody) {
  const quote = body.quote === null ? null : Buffer.from(body.quote, 'hex')
  const verdict = quote === null ? null : verifyQuote(quote, recorded.collateral, at)
  return judgeAttestation(body, verdict, policy)
}
const withReportData = (reportData: string): string => {
  const quote = Buffer.from(recorded.quote, 'hex')
  quote.set(Buffer.from(reportData, 'hex'), 48 + 520)
  return quote.toString('hex')
}
const boundAs = (kind: AttestationKind, signer = honest.signer): string =>
  Buffer.from(reportDataOf({ layout: 'claims-v1', kind, signer, nonce, claims })).toString('hex')

/** Names of the changes, and what comes of them. */
function attempts(): ReadonlyArray<readonly [string, AttestationBody]> {
  const { quote } = recorded
  const bare = { simulatedSignature: null, notice: null }
  const all: Array<readonly [string, AttestationBody]> = [
    ['nothing', honest],
    ['a quote put beside it', { ...honest, quote, eventLog: [] }],
    ['a quote beside it, and nothing that says simulated but the kind', { ...honest, ...bare, quote, eventLog: [] }],
  ]
  for (const kind of real) {
    all.push(
      [`kind renamed to ${kind}`, { ...honest, kind }],
      [`${kind}, without signature and notice`, { ...honest, ...bare, kind }],
      [`${kind}, with a quote`, { ...honest, ...bare, kind, quote, eventLog: [] }],
      [`${kind}, with a quote and a simulated signature`, { ...honest, kind, quote, eventLog: [] }],
      [
        `${kind}, bound anew, with a quote`,
        { ...honest, ...bare, kind, quote, eventLog: [], reportData: boundAs(kind) },
      ],
      [
        `${kind}, with a quote that was changed to bind it`,
        { ...honest, ...bare, kind, eventLog: [], reportData: boundAs(kind), quote: withReportData(boundAs(kind)) },
      ],
      [
        `${kind}, with a quote that was changed to hold what was simulated`,
        { ...honest, ...bare, kind, eventLog: [], quote: withReportData(honest.reportData) },
      ],
    )
  }
  return all
}

describe('simulated evidence', () => {
  it('is not verified by any change of its body', () => {
    for (const [name, body] of attempts()) {
      expect(attestationBodySchema.safeParse(body).success, name).toBe(true)
      const judged = judge(body)
      expect([name, judged.verified, judged.level === 'hardware']).toEqual([name, false, false])
    }
  })

  it('would pass in the last way only with a quote that Intel signed over our signer', () => {
    const body = attempts().find(([name]) => name.startsWith('tdx-dstack, with a quote that was changed to bind'))![1]
    const signed = judgeAttestation(body, { isSigned: true, status: 'UpToDate' }, policy)
    // Else this test would show nothing: all else about that attempt is right.
    expect(signed.verified).toBe(true)
    expect(
      judge(body)
        .checks.filter(check => !check.ok)
        .map(check => check.name),
    ).toEqual(['signature', 'status'])
  })

  it('is not read under another kind, another layout, or with a verdict of its own', () => {
    for (const change of [
      { kind: 'hardware' },
      { kind: ['tdx-dstack'] },
      { layout: '0g-address' },
      { layout: 'challenge' },
      { quote: '' },
      { quote: 'DEV-MODE-NO-QUOTE' },
      { quote: recorded.quote.toUpperCase() },
    ]) {
      expect(
        attestationBodySchema.safeParse({ ...honest, ...change }).success,
        JSON.stringify(change).slice(0, 60),
      ).toBe(false)
    }
    const boasting = attestationBodySchema.parse({ ...honest, verified: true, level: 'hardware', checks: [] })
    expect(judge(boasting)).toMatchObject({ verified: false, level: 'simulated' })
  })
})

describe('a simulated signature', () => {
  const request = Buffer.from('{"model":"m"}')
  const response = Buffer.from('{"a":1}')
  async function answered(): Promise<AnswerSignature> {
    const { sign, signatureOf } = createAnswerSigner({
      ...{ provider, clock: createManualClock(), entropy: createSeededRandom(1) },
    })
    const sent = sign(request, new Response(response))
    await sent.text()
    return signatureOf(sent.headers.get(answerKeyHeader)!)!
  }

  it('makes no answer verified, by any name, domain or attestation', async () => {
    const signed = await answered()
    const bare = signed.text.replace('cp-sim-v1:', '')
    const account = privateKeyToAccount(key)
    const ownSimulated = honest.simulatedSignature as `0x${string}`
    const ways: AnswerSignature[] = [
      signed,
      { ...signed, text: bare },
      // Whoever has the key may sign anything with it, a real answer's text as well.
      { ...signed, text: bare, signature: await account.signMessage({ message: bare }) },
      { ...signed, text: simulatedMessage(Buffer.from(honest.reportData, 'hex')), signature: ownSimulated },
    ].flatMap(way => attestationKinds.map(attestation => ({ ...way, attestation })))
    const judgedAttempts = attempts().map(([name, attestation]) => ({ name, attestation, judged: judge(attestation) }))
    for (const way of ways) {
      for (const { name, attestation, judged } of judgedAttempts) {
        const judgement = verifyAnswer({ request, response, signed: way, attestation, judged })
        expect([name, way.text, judgement.verified, judgement.level === 'hardware']).toEqual([
          name,
          way.text,
          false,
          false,
        ])
      }
      // Nor where a caller believes that the attestation was verified, as long as its kind is simulated.
      const { matches, verified } = verifyAnswer({
        ...{ request, response, signed: way, attestation: honest },
        judged: { verified: true },
      })
      expect([matches, verified]).toEqual([way.text === signed.text && way.attestation === 'simulated', false])
    }
  })

  it('is no real answer’s signature once its domain is gone, nor a real one simulated', async () => {
    const signed = await answered()
    const attestation = { kind: 'tdx-dstack', signer: honest.signer } as const
    // Even with hardware that vouches for the same address.
    const judged = { verified: true }
    const stripped = { ...signed, attestation: 'tdx-dstack', text: signed.text.replace('cp-sim-v1:', '') } as const
    for (const way of [stripped, { ...stripped, text: signed.text }]) {
      expect(verifyAnswer({ request, response, signed: way, attestation, judged }).matches).toBe(false)
    }
  })
})

describe('around it', () => {
  let pool: Server | null = null
  afterEach(async () => {
    vi.restoreAllMocks()
    process.exitCode = undefined
    await new Promise<void>(resolve => (pool === null ? resolve() : pool.close(() => resolve())))
  })

  it('a header that is gone, or lies, changes nothing at the command line', async () => {
    const printed: string[] = []
    vi.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text))
    for (const header of [null, 'tdx-dstack', 'none']) {
      const server = createServer(async (request, response) => {
        const asked = new URL(request.url ?? '', 'http://pool').searchParams.get('nonce') ?? ''
        if (header !== null) response.setHeader(attestationHeader, header)
        response.setHeader('connection', 'close').end(JSON.stringify(await attest(provider, claims, asked)))
      })
      pool = server
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      await verifyAttestationCommand([`http://127.0.0.1:${(server.address() as AddressInfo).port}`])
      expect(process.exitCode).toBe(3)
      expect(printed.at(-1)).toContain('NOT verified: SIMULATED')
      if (header !== 'none') await new Promise(resolve => server.close(resolve))
    }
  })

  it('a registry that calls our oracle attested is not believed', () => {
    const { address } = privateKeyToAccount(key)
    const other = privateKeyToAccount(`0x${'44'.repeat(32)}`).address
    expect(isOracleSimulated({ address, isSimulated: false }, address)).toBe(true)
    expect(isOracleSimulated({ address: address.toLowerCase() as `0x${string}`, isSimulated: false }, address)).toBe(
      true,
    )
    expect(isOracleSimulated({ address: other, isSimulated: true }, address)).toBe(true)
    expect(isOracleSimulated({ address: other, isSimulated: false }, address)).toBe(false)
  })

  it('nobody falls back to it, and production does not start with it', async () => {
    const choice = { isProduction: true, isSimulationAllowed: false, hasDstackSimulator: true, simulatedKey: () => key }
    for (const kind of ['simulated', 'tdx-dstack'] as const) {
      await expect(openAttestation({ kind, ...choice })).rejects.toMatchObject({ code: 'attestation_refused' })
    }
  })
})
