import { createManualClock } from '@computepool/shared/testing'
import { Hono } from 'hono'
import { beforeEach, expect, it } from 'vitest'
import { errorResponse } from '../api/openai-routes.ts'
import type { DisputeDesk } from './dispute-desk.ts'
import { disputeRoutes } from './dispute-routes.ts'
import type { VoteOutcome } from './take-vote.ts'

const word = { dispute: '7', isGuilty: true, auditor: `0x${'Aa'.repeat(20)}`, signature: `0x${'1b'.repeat(65)}` }
let outcome: VoteOutcome
let heard: unknown[]
let app: Hono
beforeEach(() => {
  outcome = { kind: 'taken', transaction: '0x12' }
  heard = []
  const desk: Pick<DisputeDesk, 'list' | 'vote'> = {
    list: async () => [],
    vote: async (...said) => {
      heard.push(said)
      return outcome
    },
  }
  app = new Hono().route('/', disputeRoutes({ desk: () => desk, addressOf: () => 'a', clock: createManualClock() }))
  app.onError(errorResponse)
})

const post = (body: unknown, id = '3') =>
  app.request(`/disputes/${id}/votes`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

it('hands a vote on as it was signed, and tells its transaction', async () => {
  const response = await post(word)
  expect([response.status, await response.json()]).toEqual([200, outcome])
  expect(heard).toEqual([['3', { ...word, dispute: 7n, auditor: word.auditor.toLowerCase() }]])
})

it('refuses what is no vote, and says why a vote is not taken', async () => {
  const bad = [{}, 'no json', { ...word, more: 1 }, { ...word, signature: '0x12' }, { ...word, dispute: 7 }]
  for (const body of bad) expect((await post(body)).status).toBe(400)
  expect((await post({ ...word, signature: `0x${'ab'.repeat(9_000)}` })).status).toBe(413)
  expect(heard).toEqual([])
  outcome = { kind: 'refused', why: 'not-auditor' }
  const response = await post(word)
  expect([response.status, await response.text()]).toEqual([
    400,
    expect.stringContaining('no auditor of this registry'),
  ])
  outcome = { kind: 'refused', why: 'too-early' }
  expect((await post(word)).status).toBe(429)
})

it('lists nothing where work is free, and bounds how often one address may ask', async () => {
  const free = disputeRoutes({ desk: () => null, addressOf: () => 'a', clock: createManualClock() })
  expect(await (await free.request('/disputes')).json()).toEqual({ disputes: [] })
  const answers = await Promise.all(Array.from({ length: 70 }, () => post(word)))
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0)
})
