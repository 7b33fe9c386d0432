/** An auditor's own keeper that is away, refuses, or does not end: what is said of it, and when the pool is asked instead. */
import type { VoteWord } from '@computepool/shared/coalition'
import { createManualClock } from '@computepool/shared/testing'
import { beforeEach, expect, it } from 'vitest'
import { createOwnKeeper } from './own-keeper.ts'

const place = { chainId: 31337, coalition: `0x${'c0'.repeat(20)}` } as const
const word: VoteWord = {
  ...{ dispute: 7n, isGuilty: true, auditor: `0x${'Aa'.repeat(20)}`, signature: `0x${'51'.repeat(65)}` },
}

let clock: ReturnType<typeof createManualClock>
let calls: { call: string; key: string | null; body: string }[]
let answer: (path: string) => Response | Promise<Response>
beforeEach(() => {
  clock = createManualClock()
  calls = []
})

const keeper = () =>
  createOwnKeeper({
    ...{ baseUrl: 'https://hub.example/api', apiKey: 'kh_secret', clock },
    fetch: async (input, init) => {
      const { pathname } = new URL(String(input))
      const headers = new Headers(init?.headers)
      expect(headers.get('authorization')).toBe('Bearer kh_secret')
      calls.push({
        ...{ call: `${init?.method} ${pathname}`, key: headers.get('idempotency-key'), body: String(init?.body ?? '') },
      })
      return answer(pathname.replace('/api', ''))
    },
  })
/** Lets the time pass that it takes. */
async function drive<T>(work: Promise<T>): Promise<T> {
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  while (!isOver) {
    await clock.settle()
    if (!isOver) await clock.advance(1000)
  }
  return over
}
const cast = (own: ReturnType<typeof keeper>) => own.cast(word, place, 120_000, new AbortController().signal)
const hub = (status: string) => (path: string) => {
  if (path === '/workflows') return Response.json([])
  if (path === '/workflows/import') return Response.json({ id: 'wf_1', name: 'cast-vote' })
  if (path.endsWith('/execute')) return Response.json({ executionId: 'exec_1', status: 'running' })
  return Response.json({ status, completed: status !== 'running', transactionHashes: [{ hash: '0x01' }] })
}

it('installs the workflow of that registry once, and asks for each vote under one key', async () => {
  answer = hub('success')
  const own = keeper()
  expect(await drive(cast(own))).toMatchObject({ kind: 'ended', transactions: ['0x01'] })
  expect(await drive(cast(own))).toMatchObject({ kind: 'ended' })
  const begun = calls.filter(({ call }) => call.endsWith('/execute'))
  expect(new Set(begun.map(({ key }) => key))).toEqual(new Set([`vote:${place.coalition}:7:0x${'aa'.repeat(20)}`]))
  expect(begun).toHaveLength(2)
  expect(JSON.parse(begun[0]!.body)).toMatchObject({ input: { dispute_id: '7', is_guilty: true } })
  const imported = calls.filter(({ call }) => call === 'POST /api/workflows/import')
  expect(imported).toHaveLength(1)
  expect(imported[0]!.body).toContain(place.coalition)
})

it('begins no more than 200 runs a day, and asks again for those that were begun', async () => {
  answer = hub('success')
  const own = keeper()
  const about = (dispute: bigint) => own.cast({ ...word, dispute }, place, 120_000, new AbortController().signal)
  for (let dispute = 0n; dispute < 200n; dispute++) expect(await drive(about(dispute))).toMatchObject({ kind: 'ended' })
  const asked = calls.length
  expect(await about(200n)).toEqual({ kind: 'failed', why: 'it had 200 runs within a day' })
  expect(calls).toHaveLength(asked)
  expect(await drive(about(199n))).toMatchObject({ kind: 'ended' })
  await clock.advance(86_400_000)
  expect(await drive(about(200n))).toMatchObject({ kind: 'ended' })
})

it('gives up one that is not there, and leaves it alone for a minute', async () => {
  answer = () => Promise.reject(new TypeError('no route'))
  const own = keeper()
  const startedMs = clock.monotonicMs()
  expect(await drive(cast(own))).toMatchObject({ kind: 'failed', why: expect.stringContaining('cannot be reached') })
  expect(clock.monotonicMs() - startedMs).toBeLessThanOrEqual(30_000)
  const asked = calls.length
  expect(await cast(own)).toMatchObject({ kind: 'failed', why: 'it did not answer a moment ago' })
  expect(calls).toHaveLength(asked)
  answer = hub('success')
  await clock.advance(60_000)
  expect(await drive(cast(own))).toMatchObject({ kind: 'ended' })
})

it('ends a run that does not end', async () => {
  answer = hub('running')
  expect(await drive(cast(keeper()))).toEqual({
    kind: 'failed',
    why: 'the run exec_1 did not end within 120 s',
  })
  expect(calls.at(-2)!.call).toBe('POST /api/executions/exec_1/cancel')
})

it('says why it was refused, without the key', async () => {
  answer = () => Response.json({ error: 'Unauthorized', detail: 'kh_secret is none' }, { status: 401 })
  const outcome = await drive(cast(keeper()))
  expect(outcome).toMatchObject({ kind: 'failed' })
  expect(JSON.stringify(outcome)).not.toContain('kh_secret')
})
