/** The command against pools that answer what they like. */

import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AttestationBody, answerText, checkNames, readQuote, reportDataOf } from '@computepool/shared/attestation'
import recorded from '@computepool/shared/vectors/attestation/tdx-quote-recorded.json' with { type: 'json' }
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { verifyAttestationCommand } from './verify-attestation-command.ts'

let printed: string[]
let folder: string
let pool: Server
beforeEach(async () => {
  printed = []
  vi.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text))
  folder = await mkdtemp(join(tmpdir(), 'computepool-verify-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  process.exitCode = undefined
  await new Promise(resolve => pool.close(resolve))
  await rm(folder, { recursive: true })
})

async function openPool(answer: (nonce: string, path: string) => unknown): Promise<string> {
  pool = createServer((request, response) => {
    const { searchParams, pathname } = new URL(request.url ?? '', 'http://pool')
    const body = answer(searchParams.get('nonce') ?? '', pathname)
    response.setHeader('connection', 'close').end(JSON.stringify(body))
  })
  await new Promise<void>(resolve => pool.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(pool.address() as AddressInfo).port}`
}

const claims = { model: 'demo' }
const signer = `0x${'11'.repeat(20)}`
function bodyOf(kind: AttestationBody['kind'], nonce: string, change: Partial<AttestationBody> = {}): AttestationBody {
  const reportData = Buffer.from(reportDataOf({ layout: 'claims-v1', kind, signer, nonce, claims })).toString('hex')
  const rest = { quote: null, eventLog: null, simulatedSignature: null, notice: null }
  return { kind, layout: 'claims-v1', signer, nonce, claims, reportData, ...rest, ...change }
}

async function failed(url: string, ...more: string[]): Promise<string[]> {
  await verifyAttestationCommand([url, '--json', ...more])
  const told = JSON.parse(printed.at(-1)!)
  expect(told.verified).toBe(process.exitCode === 0)
  return told.checks.filter((check: { ok: boolean }) => !check.ok).map((check: { name: string }) => check.name)
}

test('says in capitals that simulated evidence is simulated, and exits with 3', async () => {
  const url = await openPool(nonce => bodyOf('simulated', nonce, { quote: recorded.quote, eventLog: [] }))
  await verifyAttestationCommand([url])
  expect(printed.join('\n')).toContain('NOT verified: SIMULATED')
  expect(process.exitCode).toBe(3)
  expect(await failed(url)).toEqual([...checkNames])
})

test('a recorded quote, played to whoever asks, fails by what is old and by what it does not bind', async () => {
  const url = await openPool(nonce => bodyOf('tdx-dstack', nonce, { quote: recorded.quote, eventLog: [] }))
  await writeFile(join(folder, 'collateral.json'), JSON.stringify(recorded.collateral))
  const { measurements } = readQuote(Buffer.from(recorded.quote, 'hex'))!
  await writeFile(join(folder, 'measurements.json'), JSON.stringify(measurements))
  const files = ['--collateral', join(folder, 'collateral.json'), '--measurements', join(folder, 'measurements.json')]
  expect(await failed(url, ...files)).toEqual(['collateral', 'signature', 'status', 'report-data'])
  expect(await failed(url)).toContain('measurements')
})

test('an answer to another nonce is not fresh, and one that cannot be read is an error', async () => {
  const url = await openPool(() => bodyOf('tdx-dstack', '00'.repeat(32), { quote: recorded.quote, eventLog: [] }))
  expect(await failed(url)).toContain('freshness')
  pool.close()
  const broken = await openPool(() => ({ verified: true }))
  await expect(verifyAttestationCommand([broken])).rejects.toMatchObject({ code: 'attestation_unavailable' })
  await expect(verifyAttestationCommand(['pool'])).rejects.toMatchObject({ code: 'input_invalid' })
})

test('checks an answer’s bytes against the signer that it asked, by key or by a saved signature', async () => {
  const account = privateKeyToAccount(`0x${'33'.repeat(32)}`)
  const request = Buffer.from('{"model":"demo"}')
  const response = Buffer.from('data: {"a":1}\n\ndata: [DONE]\n\n')
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  const text = answerText('simulated', { request: sha256(request), response: sha256(response) })
  const signing_address = account.address.toLowerCase()
  const signed = {
    ...{ text, signature: await account.signMessage({ message: text }), signing_address, signing_algo: 'ecdsa' },
    ...{ attestation: 'simulated', isComplete: true },
  }
  const key = '5a'.repeat(16)
  const url = await openPool((nonce, path) =>
    path === `/v1/signature/${key}` ? signed : bodyOf('simulated', nonce, { signer: signing_address }),
  )
  const [asked, received, other, saved] = ['request', 'response', 'other', 'signature'].map(name => join(folder, name))
  await Promise.all([
    writeFile(asked!, request),
    writeFile(received!, response),
    writeFile(other!, 'data: {"a":2}\n\ndata: [DONE]\n\n'),
    writeFile(saved!, JSON.stringify(signed)),
  ])
  const check = async (...more: string[]) => {
    await verifyAttestationCommand([url, '--json', '--request', asked!, ...more])
    expect(process.exitCode).toBe(3)
    const { matches, verified, checks } = JSON.parse(printed.at(-1)!).answer
    expect(verified).toBe(false)
    return [matches, checks.filter((one: { ok: boolean }) => !one.ok).map((one: { name: string }) => one.name)]
  }
  expect(await check('--answer', key, '--response', received!)).toEqual([true, []])
  expect(await check('--answer', saved!, '--response', received!)).toEqual([true, []])
  expect(await check('--answer', key, '--response', other!)).toEqual([false, ['response']])
  await verifyAttestationCommand([url, '--answer', key, '--request', asked!, '--response', received!])
  expect(printed.at(-1)).toMatch(/NOT verified: SIMULATED.*NOT verified: nothing more than its own word/s)
  await expect(verifyAttestationCommand([url, '--answer', key])).rejects.toThrow('go together')
})
