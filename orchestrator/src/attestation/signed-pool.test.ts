/** Answers over real sockets, checked as a stranger would: hash what was sent and what came, and ask who signed that. */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  answerKeyHeader,
  answerSignatureSchema,
  attestationBodySchema,
  attestationHeader,
  judgeAttestation,
  verifyAnswer,
} from '@computepool/shared/attestation'
import { poolSnapshotSchema } from '@computepool/shared/swarm'
import { recoverMessageAddress } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { openSocketRing } from '../../testing/open-socket-ring.ts'
import { tinyModel, writeTinyPack } from '../../testing/tiny-pack.ts'
import { type RunningOrchestrator, startOrchestrator } from '../serve.ts'
import { keptSimulatedKey } from './kept-simulated-key.ts'
import { createSimulatedProvider } from './simulated-provider.ts'

let folder = ''
let running: RunningOrchestrator
let entry: FakeTab

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-signed-'))
  await writeTinyPack(folder)
  const attestation = createSimulatedProvider(keptSimulatedKey(join(folder, 'data')))
  running = await startOrchestrator({ port: 0, packDir: folder, pageFolder: null, minSeats: 2, attestation })
  entry = (await openSocketRing(running, tinyModel)).entry
})
afterAll(async () => {
  await running.close()
  await rm(folder, { recursive: true })
})

const say = (requestId: string, text: string): void => {
  for (const [index, token] of [...Buffer.from(text)].entries()) entry.token(requestId, index, token)
  entry.finish(requestId, 'length', text.length)
}

/** Odd blanks on purpose: what is hashed is what was sent, not what it means. */
const bodyOf = (rest: string) => Buffer.from(`{ "model":"random",  ${rest} }\n`)
const post = (path: string, body: Buffer<ArrayBuffer>, signal?: AbortSignal) =>
  fetch(`${running.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: 'https://page.example' },
    body,
    ...(signal === undefined ? {} : { signal }),
  })
const signatureOf = (id: string | null, under = '/v1') => fetch(`${running.url}${under}/signature/${id}?model=random`)

async function attested() {
  const nonce = '5a'.repeat(32)
  const body = attestationBodySchema.parse(await (await fetch(`${running.url}/v1/attestation?nonce=${nonce}`)).json())
  const policy = { nonce, measurements: null, statuses: ['UpToDate'] }
  return { attestation: body, judged: judgeAttestation(body, null, policy) }
}

it.each([
  ['/v1/chat/completions', '"stream":true, "messages":[{"role":"user","content":"Hi"}]'],
  ['/v1/chat/completions', '"messages":[{"role":"user","content":"Hi"}]'],
  ['/v1/completions', '"stream":true, "prompt":"Hi"'],
])('signs what %s received and sent: %s', async (path, rest) => {
  const body = bodyOf(rest)
  const reply = post(path, body)
  say((await entry.nextJob()).requestId, 'Hello')
  const answer = await reply
  const response = Buffer.from(await answer.arrayBuffer())
  expect(response.toString()).toContain(rest.includes('stream') ? 'data: [DONE]' : '"Hello"')
  expect(answer.headers.get('access-control-expose-headers')).toContain(answerKeyHeader)
  expect(answer.headers.get(attestationHeader)).toBe('simulated')
  const fetched = await signatureOf(answer.headers.get(answerKeyHeader))
  expect(fetched.headers.get(attestationHeader)).toBe('simulated')
  const text = await fetched.text()
  expect(await (await signatureOf(answer.headers.get(answerKeyHeader), '/v1/proxy')).text()).toBe(text)
  const signed = answerSignatureSchema.parse(JSON.parse(text))
  // As 0G's SDK does it: whose signature over `text` is it?
  const { text: message, signature } = signed
  const signer = await recoverMessageAddress({ message, signature: signature as `0x${string}` })
  expect(signer.toLowerCase()).toBe(signed.signing_address)
  const judgement = verifyAnswer({ request: body, response, signed, ...(await attested()) })
  expect(judgement).toMatchObject({ matches: true, verified: false, level: 'simulated' })
  const other = Buffer.from(response.toString().replace('H', 'J'))
  expect(verifyAnswer({ request: body, response: other, signed, ...(await attested()) }).matches).toBe(false)
})

it('says of a stream that broke, or that its reader left, that it is not whole', async () => {
  const body = bodyOf('"stream":true, "messages":[{"role":"user","content":"Hi"}]')
  const leaving = new AbortController()
  const reply = post('/v1/chat/completions', body, leaving.signal)
  const { requestId } = await entry.nextJob()
  entry.token(requestId, 0, 65)
  const answer = await reply
  const id = answer.headers.get(answerKeyHeader)
  expect((await signatureOf(id)).status).toBe(404)
  const reader = answer.body!.getReader()
  await reader.read()
  leaving.abort()
  await entry.cancelOf(requestId)
  // The tabs hear of it first.
  let left = await signatureOf(id)
  while (left.status === 404) left = await signatureOf(id)
  expect(await left.json()).toMatchObject({ isComplete: false })

  const second = post('/v1/chat/completions', body)
  entry.token((await entry.nextJob()).requestId, 0, 65)
  const broken = await second
  entry.leave()
  const response = Buffer.from(await broken.arrayBuffer())
  expect(response.toString()).toContain('swarm_coalition_lost')
  const signed = answerSignatureSchema.parse(await (await signatureOf(broken.headers.get(answerKeyHeader))).json())
  const judgement = verifyAnswer({ request: body, response, signed, ...(await attested()) })
  expect(judgement.checks.filter(check => !check.ok).map(check => check.name)).toEqual(['complete'])
})

it('labels the pool, signs no refusal, and keeps its key from others', async () => {
  const snapshot = poolSnapshotSchema.parse(await (await fetch(`${running.url}/api/pool`)).json())
  expect(snapshot.attestation).toBe('simulated')
  const refused = await post('/v1/chat/completions', bodyOf('"messages":[]'))
  expect(refused.status).toBe(400)
  expect(refused.headers.get(answerKeyHeader)).toBeNull()
  expect(refused.headers.get(attestationHeader)).toBe('simulated')
  const unknown = await signatureOf('00'.repeat(16))
  expect(unknown.status).toBe(404)
  expect(await unknown.text()).toContain('20 minutes')
  const file = join(folder, 'data/simulated-attestation.key')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const { attestation } = await attested()
  const again = createSimulatedProvider(keptSimulatedKey(join(folder, 'data')))
  expect((await again.signer()).address.toLowerCase()).toBe(attestation.signer)
})
