/**
 * An exit shows nobody its rows, only the tokens that it draws. Of a model that is sure of itself a layer can be left out there and every answer
 * is right all the same; a challenge of random tokens, of which no model is sure, finds it.
 */
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { afterEach, expect, test } from 'vitest'
import { openWithoutLayer } from '../../shared/testing/cheats/index.ts'
import { type AuditedSwarm, openAuditedSwarm, type PeerOptions } from '../harness/audited-swarm.ts'
import { demoPackDir, readTranscripts } from '../harness/golden-answers.ts'

let swarm: AuditedSwarm | null = null
afterEach(() => swarm?.close())

const golden = (await readTranscripts()).filter(({ messages }) => messages.length === 1).slice(0, 4)
/** Five of six find it: so many in a row that do not are one in a million. */
const mostChallenges = 8

/** A ring of two whose exit leaves out its first layer, wherever that sits, and one who waits. */
async function openRing(challengeEveryMs: number | null): Promise<{ swarm: AuditedSwarm; cheat: () => string }> {
  let cheat: number | null = null
  const openSlice =
    (index: number) =>
    async (slice: SliceRequest, open: (slice: SliceRequest) => Promise<Engine>): Promise<Engine> => {
      const isExit = slice.layers.end === slice.manifest.dimensions.layers
      if (isExit) cheat ??= index
      return isExit && cheat === index ? openWithoutLayer(open, slice, slice.layers.start) : open(slice)
    }
  const peers = Array.from({ length: 3 }, (_, index): PeerOptions => ({ openSlice: openSlice(index) }))
  const opened = await openAuditedSwarm({
    ...{ packDir: demoPackDir, seats: 2, peers, auditors: [{}, {}, {}] },
    ...(challengeEveryMs === null ? {} : { challengeEveryMs }),
  })
  swarm = opened
  return { swarm: opened, cheat: () => opened.peers[cheat!]!.wallet }
}

test('no answer shows it, nor any check of one: the tokens are right', async () => {
  const { swarm: of } = await openRing(null)
  for (const { messages, text } of golden) expect((await of.ask(messages[0]!.content, 128)).text).toBe(text)
  const checks = () => of.orchestrator.desk.snapshot().checks!
  await of.until('checks that ended', () => checks().agreed === checks().drawn)
  expect(checks().drawn).toBeGreaterThan(0)
  expect(of.breaches).toEqual([])
})

test('a challenge shows it: it is out, and another draws', async () => {
  const { swarm: of, cheat } = await openRing(100)
  const pool = () => of.orchestrator.desk.snapshot()
  await of.until('a conviction', () => of.breaches.length > 0 || pool().checks!.challenges! >= mostChallenges)
  expect(of.breaches.map(({ operator }) => operator)).toEqual([cheat()])
  await of.until(
    'a ring without it',
    () => pool().status === 'ready' && !pool().seats.some(s => s.peer.startsWith(cheat())),
  )
  const [{ messages, text }] = golden as [(typeof golden)[number]]
  expect((await of.ask(messages[0]!.content, 128)).text).toBe(text)
})
