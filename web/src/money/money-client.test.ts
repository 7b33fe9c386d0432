import { asComputePoolError } from '@computepool/shared/errors'
import { bigintAsString } from '@computepool/shared/money'
import { expect, test } from 'vitest'
import { sampleSession, sampleTerms } from '../ui/testing/sample-money.ts'
import { fetchWithSession } from './fetch-with-session.ts'
import { createMoneyClient } from './money-client.ts'

const json = (body: unknown, init?: ResponseInit) => new Response(JSON.stringify(body, bigintAsString), init)
const caught = async (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    thrown => asComputePoolError(thrown).toJSON(),
  )
const voucher = { capAtomic: 500_000n, header: 'c2lnbmVk', idempotencyKey: 'k'.repeat(64), validBefore: 1 }

/** Answers every request with `response` and keeps what was asked. */
function clientOver(response: () => Response) {
  const asked: { path: string; init: RequestInit | undefined }[] = []
  const client = createMoneyClient(async (path, init) => {
    asked.push({ path, init })
    return response()
  })
  return { client, asked }
}

test('terms arrive as integers', async () => {
  const { client, asked } = clientOver(() => json(sampleTerms()))
  expect(await client.terms()).toEqual(sampleTerms())
  expect(asked[0]?.path).toBe('/api/money')
})

test('the challenge is the header of a 402; any other good answer is refused', async () => {
  const { client, asked } = clientOver(() => json({}, { status: 402, headers: { 'payment-required': 'Y2hhbGxlbmdl' } }))
  expect(await client.challenge(500_000n)).toBe('Y2hhbGxlbmdl')
  expect(asked[0]).toMatchObject({ path: '/v1/sessions', init: { method: 'POST', body: '{"capAtomic":"500000"}' } })
  expect(await caught(clientOver(() => json({})).client.challenge(1n))).toMatchObject({
    code: 'payment_challenge_invalid',
  })
})

test('a voucher goes with its key, and comes back as a session with a token', async () => {
  const token = 't'.repeat(40)
  const { client, asked } = clientOver(() => json({ session: sampleSession(), token }, { status: 201 }))
  expect(await client.open(voucher)).toEqual({ session: sampleSession(), token })
  expect(asked[0]?.init?.headers).toMatchObject({
    'payment-signature': 'c2lnbmVk',
    'idempotency-key': voucher.idempotencyKey,
  })
})

test('a refusal keeps its code, its words and its status', async () => {
  const body = { error: { message: 'The voucher is expired.', type: 'payment_error', code: 'payment_voucher_refused' } }
  const { client } = clientOver(() => json(body, { status: 402, headers: { 'retry-after': '7' } }))
  expect(await caught(client.open(voucher))).toMatchObject({
    code: 'payment_voucher_refused',
    message: 'The voucher is expired.',
    context: { httpStatus: 402, retryAfterSeconds: 7 },
  })
})

test.each([
  [401, 'peer_unauthenticated'],
  [402, 'payment_required'],
  [404, 'input_not_found'],
  [429, 'peer_rate_limited'],
  [502, 'peer_unreachable'],
])('a bare %s is told as %s', async (status, code) => {
  expect(await caught(clientOver(() => new Response('<html>', { status })).client.receipt('t'))).toMatchObject({ code })
})

test('no answer at all, and an answer of a strange shape, come with what to do', async () => {
  const silent = createMoneyClient(() => Promise.reject(new TypeError('failed to fetch')))
  expect(await caught(silent.terms())).toMatchObject({
    code: 'peer_unreachable',
    remedy: expect.stringContaining('try again'),
  })
  const strange = clientOver(() => json({ ...sampleTerms(), pricePerSecondAtomic: 0.5 })).client
  expect(await caught(strange.terms())).toMatchObject({ message: expect.stringContaining('"pricePerSecondAtomic"') })
})

test('session events are read as they come, split anywhere', async () => {
  const views = [sampleSession({ spentAtomic: 1n }), sampleSession({ spentAtomic: 2n, status: 'closed' })]
  const text = views.map(view => `data: ${JSON.stringify(view, bigintAsString)}\n\n`).join('')
  const bytes = new TextEncoder().encode(text)
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 97) controller.enqueue(bytes.slice(at, at + 97))
      controller.close()
    },
  })
  const { client, asked } = clientOver(() => new Response(body))
  const got = []
  for await (const view of client.events('secret-token', new AbortController().signal)) got.push(view)
  expect(got).toEqual(views)
  expect(asked[0]).toMatchObject({
    path: '/v1/sessions/current/events',
    init: { headers: { authorization: 'Bearer secret-token' } },
  })
})

test('the token goes along with the API’s own requests, and with nothing else', async () => {
  const sent: [string, string | null][] = []
  const inner = (async (input: string, init?: RequestInit) => {
    sent.push([input, new Headers(init?.headers).get('authorization')])
    return new Response()
  }) as typeof fetch
  let token: string | null = 'tok'
  const paying = fetchWithSession(() => token, inner)
  await paying('/v1/chat/completions', { headers: { 'content-type': 'application/json' } })
  await paying('https://example.org/v1/chat/completions')
  await paying('/packs/a')
  await paying('/api/requests/1/trace')
  await paying('/api/pool')
  token = null
  await paying('/v1/chat/completions')
  expect(sent).toEqual([
    ['/v1/chat/completions', 'Bearer tok'],
    ['https://example.org/v1/chat/completions', null],
    ['/packs/a', null],
    ['/api/requests/1/trace', 'Bearer tok'],
    ['/api/pool', null],
    ['/v1/chat/completions', null],
  ])
})
