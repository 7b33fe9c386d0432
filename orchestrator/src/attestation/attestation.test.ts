/** Each provider against a double of its hardware: dstack's unmodified client over a socket, Gramine's files in a folder. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  attestationBodySchema,
  attestationHeader,
  judgeAttestation,
  readQuote,
  reportDataOf,
  simulatedMessage,
} from '@computepool/shared/attestation'
import { createManualClock } from '@computepool/shared/testing'
import recorded from '@computepool/shared/vectors/attestation/tdx-quote-recorded.json' with { type: 'json' }
import { keccak256, recoverMessageAddress } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { errorResponse } from '../api/openai-routes.ts'
import { attestationRoutes } from './attestation-routes.ts'
import { createDstackProvider } from './dstack-provider.ts'
import { createGramineProvider } from './gramine-provider.ts'
import { type AttestationChoice, openAttestation } from './open-attestation.ts'
import { quoteSignatureHeader, zeroGQuoteRoutes } from './zerog-quote.ts'

const nonce = '5a'.repeat(32)
const claims = { model: 'demo', covers: 'the orchestrator' }
const policy = { nonce, measurements: null, statuses: ['UpToDate'] }
const simulatedKey = `0x${'33'.repeat(32)}` as const

const simulatedChoice: AttestationChoice = {
  kind: 'simulated',
  isProduction: false,
  isSimulationAllowed: false,
  hasDstackSimulator: false,
  simulatedKey: () => simulatedKey,
}

let folder: string
let agent: Server | null = null
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-attestation-'))
})
afterEach(async () => {
  await new Promise<void>(resolve => (agent === null ? resolve() : agent.close(() => resolve())))
  agent = null
  await rm(folder, { recursive: true })
})

/** A guest agent that puts the asked report data, or others, into the recorded quote: as dstack's old simulator did. */
async function openAgent(reportDataFor = (asked: string) => asked, debug = 0): Promise<string> {
  const socket = join(folder, 'dstack.sock')
  agent = createServer(async (request, response) => {
    let text = ''
    for await (const part of request) text += part
    const asked = JSON.parse(text)
    const quote = Buffer.from(recorded.quote, 'hex')
    quote[48 + 120] = debug
    if (request.url === '/GetQuote') quote.set(Buffer.from(reportDataFor(asked.report_data), 'hex'), 48 + 520)
    const answer =
      request.url === '/GetKey'
        ? { key: '44'.repeat(32), signature_chain: [] }
        : request.url === '/Info'
          ? { tcb_info: JSON.stringify({ app_compose: '{"name":"pool"}' }) }
          : { quote: quote.toString('hex'), event_log: '[]', report_data: asked.report_data, vm_config: '{"cpus":1}' }
    const body = JSON.stringify(answer)
    response.writeHead(200, { 'content-length': body.length, connection: 'close' }).end(body)
  })
  await new Promise<void>(resolve => agent?.listen(socket, resolve))
  return socket
}

const routesOf = (provider: Parameters<typeof attestationRoutes>[0]['provider']) =>
  attestationRoutes({ provider, claims, beginCall: () => () => {} }).onError(errorResponse)

async function ask(provider: Parameters<typeof attestationRoutes>[0]['provider']) {
  const response = await routesOf(provider).request(`/attestation?nonce=${nonce}`)
  expect(response.status).toBe(200)
  expect(response.headers.get(attestationHeader)).toBe(provider?.kind ?? 'none')
  return attestationBodySchema.parse(await response.json())
}

/** What only hardware's signature can still refuse. */
const refusedBy = (body: Awaited<ReturnType<typeof ask>>) =>
  judgeAttestation(body, { isSigned: true, status: 'UpToDate' }, policy)
    .checks.filter(check => !check.ok)
    .map(check => check.name)

describe('dstack', () => {
  it('binds signer, nonce and claims into a quote, with the SDK’s own client', async () => {
    const body = await ask(createDstackProvider(await openAgent()))
    expect(refusedBy(body)).toEqual(['measurements'])
    expect(body).toMatchObject({ kind: 'tdx-dstack', nonce, claims, eventLog: [], notice: null })
    expect(refusedBy({ ...body, claims: { ...claims, model: 'another' } })).toContain('report-data')
    expect(refusedBy({ ...body, signer: `0x${'12'.repeat(20)}` })).toContain('report-data')
    expect(refusedBy({ ...body, nonce: '00'.repeat(32) })).toEqual(['measurements', 'report-data', 'freshness'])
  })

  it('refuses an agent that quotes other report data, and a socket that is not there', async () => {
    const provider = createDstackProvider(await openAgent(asked => asked.replace(/^../, 'ff')))
    await expect(provider.evidence(new Uint8Array(64))).rejects.toMatchObject({ code: 'attestation_unavailable' })
    expect(() => createDstackProvider(join(folder, 'none'))).toThrow('no dstack guest agent')
  })

  it.each([
    [0, null],
    [1, 'attestation_refused'],
  ] as const)('is asked for a quote before anything is served: debug attributes %i', async (debug, code) => {
    const dstackSocket = await openAgent(asked => asked, debug)
    const opened = openAttestation({ ...simulatedChoice, kind: 'tdx-dstack', isProduction: true, dstackSocket })
    if (code === null) expect((await opened).kind).toBe('tdx-dstack')
    else await expect(opened).rejects.toMatchObject({ code, message: expect.stringContaining('debug') })
  })
})

describe('Gramine', () => {
  const enclaveQuote = (reportData: Uint8Array) => {
    const quote = Buffer.alloc(48 + 384 + 64)
    quote.writeUInt16LE(3, 0)
    quote.set(reportData, 48 + 320)
    return quote
  }

  it('writes report data and reads a quote, and refuses one over others', async () => {
    await mkdir(join(folder, 'keys'))
    await writeFile(join(folder, 'keys/_sgx_mrenclave'), Buffer.alloc(16, 7))
    await writeFile(join(folder, 'attestation_type'), 'dcap\n')
    const provider = createGramineProvider(folder)
    const signer = (await provider.signer()).address.toLowerCase()
    const reportData = reportDataOf({ layout: 'claims-v1', kind: 'sgx-gramine', signer, nonce, claims })
    await writeFile(join(folder, 'quote'), enclaveQuote(reportData))
    const body = await ask(provider)
    expect(refusedBy(body)).toEqual(['measurements'])
    expect(await readFile(join(folder, 'user_report_data'))).toEqual(Buffer.from(reportData))
    await expect(provider.evidence(new Uint8Array(64))).rejects.toMatchObject({ code: 'attestation_unavailable' })
    await writeFile(join(folder, 'attestation_type'), 'none')
    await expect(provider.evidence(reportData)).rejects.toThrow('"none"')
  })
})

describe('simulated', () => {
  const choice = simulatedChoice

  it('says so in body and header, signs in a domain of its own, and passes no check', async () => {
    const body = await ask(await openAttestation(choice))
    expect(body).toMatchObject({ kind: 'simulated', quote: null, notice: expect.stringContaining('SIMULATED') })
    const message = simulatedMessage(Buffer.from(body.reportData, 'hex'))
    const signature = body.simulatedSignature as `0x${string}`
    expect((await recoverMessageAddress({ message, signature })).toLowerCase()).toBe(body.signer)
    const judged = judgeAttestation(body, { isSigned: true, status: 'UpToDate' }, policy)
    expect(judged).toMatchObject({ verified: false, level: 'simulated' })
    expect(judged.checks.some(check => check.ok)).toBe(false)
  })

  it('is refused in production unless told, and is nobody’s fallback', async () => {
    const inProduction = { ...choice, isProduction: true }
    await expect(openAttestation(inProduction)).rejects.toMatchObject({ code: 'attestation_refused' })
    expect((await openAttestation({ ...inProduction, isSimulationAllowed: true })).kind).toBe('simulated')
    const tdx = { ...choice, kind: 'tdx-dstack', dstackSocket: join(folder, 'none') } as const
    await expect(openAttestation(tdx)).rejects.toMatchObject({ code: 'attestation_unavailable' })
    await expect(openAttestation({ ...tdx, hasDstackSimulator: true })).rejects.toMatchObject({
      code: 'attestation_refused',
    })
  })
})

describe('the route', () => {
  it('refuses a nonce that is none, and says where nothing vouches', async () => {
    for (const query of ['', '?nonce=', '?nonce=xyz', `?nonce=${'AB'.repeat(32)}`]) {
      const response = await routesOf(await openAttestationSimulated()).request(`/attestation${query}`)
      expect(response.status).toBe(400)
      expect(response.headers.get(attestationHeader)).toBe('simulated')
    }
    const unattested = await routesOf(null).request(`/attestation?nonce=${nonce}`)
    expect(unattested.status).toBe(404)
    expect(unattested.headers.get(attestationHeader)).toBe('none')
  })
})

const openAttestationSimulated = () => openAttestation(simulatedChoice)

describe('0G’s quote', () => {
  const served = (
    provider: Parameters<typeof zeroGQuoteRoutes>[0]['provider'],
    encryptionKey: string | null = null,
  ) => {
    const clock = createManualClock()
    return { clock, routes: zeroGQuoteRoutes({ provider, clock, encryptionKey }).onError(errorResponse) }
  }

  it('binds the signer in either layout, and is signed byte by byte', async () => {
    const provider = createDstackProvider(await openAgent())
    const signer = (await provider.signer()).address
    const { routes } = served(provider, '07'.repeat(32))
    for (const [query, layout] of [
      ['', '0g-address'],
      ['?legacy=true', '0g-address'],
      ['?legacy=false', '0g-encryption-key'],
    ]) {
      const response = await routes.request(`/quote${query}`)
      const body = Buffer.from(await response.arrayBuffer())
      const told = JSON.parse(body.toString())
      expect(told).toMatchObject({ layout, attestation: 'tdx-dstack', vm_config: '{"cpus":1}', event_log: '[]' })
      expect(JSON.parse(told.tcb_info).app_compose).toBe('{"name":"pool"}')
      const reportData = Buffer.from(told.report_data, 'base64')
      expect(Buffer.from(readQuote(Buffer.from(told.quote, 'hex'))!.reportData)).toEqual(reportData)
      // As 0G's guide reads them.
      const bound =
        reportData.readUInt32BE(52) === 1
          ? `0x${reportData.subarray(32, 52).toString('hex')}`
          : reportData.toString('latin1').replace(/\0+$/, '')
      expect(bound).toBe(layout === '0g-address' ? signer : signer.toLowerCase())
      const signature = response.headers.get(quoteSignatureHeader) as `0x${string}`
      expect(await recoverMessageAddress({ message: { raw: keccak256(body) }, signature })).toBe(signer)
    }
  })

  it('is made once for many who ask, and anew after a while; a failure is not kept', async () => {
    let made = 0
    const real = createDstackProvider(await openAgent())
    const provider = {
      ...real,
      evidence: (data: Uint8Array) => (made++ === 0 ? Promise.reject(new Error('busy')) : real.evidence(data)),
    }
    const { routes, clock } = served(provider)
    expect((await routes.request('/quote')).status).toBe(500)
    await Promise.all([routes.request('/quote'), routes.request('/quote')])
    expect(made).toBe(2)
    await clock.advance(600_000)
    expect((await routes.request('/quote')).status).toBe(200)
    expect(made).toBe(3)
  })

  it('has neither quote nor signature where it is simulated, and no key to seal to', async () => {
    const { routes } = served(await openAttestationSimulated())
    const response = await routes.request('/quote')
    expect(response.headers.get(quoteSignatureHeader)).toBeNull()
    expect(await response.json()).toMatchObject({
      quote: null,
      attestation: 'simulated',
      layout: '0g-address',
      notice: expect.stringContaining('SIMULATED'),
    })
    expect((await routes.request('/quote?legacy=false')).status).toBe(400)
    expect((await served(null).routes.request('/quote')).status).toBe(404)
  })
})
