/**
 * An exit of a model that is sure of itself: a layer can be left out there, or weights be coarser, and every answer is right all the same. It signs the
 * rows that it draws from, as every seat signs what it sends, and these show it.
 */
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { afterEach, expect, test } from 'vitest'
import { coarserPack, openWithoutLayer } from '../../shared/testing/cheats/index.ts'
import { type AuditedSwarm, openAuditedSwarm, type PeerOptions } from '../harness/audited-swarm.ts'
import { demoPackDir, readTranscripts } from '../harness/golden-answers.ts'

type Open = (slice: SliceRequest) => Promise<Engine>

let swarm: AuditedSwarm | null = null
afterEach(() => swarm?.close())

const golden = (await readTranscripts()).filter(({ messages }) => messages.length === 1)
/** As the first reach has it for one that everybody trusts; a newcomer's every attempt is checked. */
const mostAnswers = 5

/** A ring of two whose exit plays `cheat`, wherever that sits, and one who waits. */
async function openRing(
  cheat: (slice: SliceRequest, open: Open) => Promise<Engine>,
  challengeEveryMs: number | null = null,
): Promise<{ swarm: AuditedSwarm; cheat: () => string }> {
  let at: number | null = null
  const openSlice =
    (index: number) =>
    async (slice: SliceRequest, open: Open): Promise<Engine> => {
      const isExit = slice.layers.end === slice.manifest.dimensions.layers
      if (isExit) at ??= index
      return isExit && at === index ? cheat(slice, open) : open(slice)
    }
  const peers = Array.from({ length: 3 }, (_, index): PeerOptions => ({ openSlice: openSlice(index) }))
  const opened = await openAuditedSwarm({
    ...{ packDir: demoPackDir, seats: 2, peers, auditors: [{}, {}, {}] },
    ...(challengeEveryMs === null ? {} : { challengeEveryMs }),
  })
  swarm = opened
  return { swarm: opened, cheat: () => opened.peers[at!]!.wallet }
}

const withoutLayer = (slice: SliceRequest, open: Open): Promise<Engine> =>
  openWithoutLayer(open, slice, slice.layers.start)
const cheats = [
  ['leaves out a layer', withoutLayer],
  ['uses weights of four bits', (slice, open) => open({ ...slice, ...coarserPack(slice, 'q4') })],
] as const satisfies readonly [string, (slice: SliceRequest, open: Open) => Promise<Engine>][]

test.each(cheats)('an exit that %s is out within the first answers, though each of them is right', async (_, play) => {
  const { swarm: of, cheat } = await openRing(play)
  const pool = () => of.orchestrator.desk.snapshot()
  for (const { messages, text } of golden.slice(0, mostAnswers)) {
    if (of.breaches.length > 0) break
    const before = pool().checks!.drawn
    expect((await of.ask(messages[0]!.content, 128)).text).toBe(text)
    await of.until('checks that ended', () => {
      const { drawn, agreed, unanswered } = pool().checks!
      return of.breaches.length > 0 || (drawn > before && drawn === agreed + unanswered)
    })
  }
  expect(of.breaches.map(({ operator }) => operator)).toEqual([cheat()])
  await of.until(
    'a ring without it',
    () => pool().status === 'ready' && !pool().seats.some(seat => seat.peer.startsWith(cheat())),
  )
  const [{ messages, text }] = golden as [(typeof golden)[number]]
  expect((await of.ask(messages[0]!.content, 128)).text).toBe(text)
})

test('a challenge finds it before any user asks', async () => {
  const { swarm: of, cheat } = await openRing(withoutLayer, 100)
  await of.until('a conviction', () => of.breaches.length > 0)
  expect(of.orchestrator.desk.snapshot().checks!.challenges).toBeLessThanOrEqual(1)
  expect(of.breaches.map(({ operator }) => operator)).toEqual([cheat()])
})
