/** Headless peers in one coalition, over data channels and AXL (a stand-in), with a bridge where they have no network in common. */
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { afterEach, expect, test } from 'vitest'
import { crowdQueue } from '../harness/crowd-queue.ts'
import {
  askGolden,
  leastDirectHops,
  demoPackDir as packDir,
  readTranscripts,
  shortestFirst,
  type Transcript,
} from '../harness/golden-answers.ts'
import { type MixedRing, openMixedRing, type PeerKind } from '../harness/open-mixed-ring.ts'
import { provePathsTaken } from '../harness/prove-paths.ts'
import { untilPoolReady } from '../harness/until-pool-ready.ts'

let ring: MixedRing | null = null
afterEach(async () => {
  await ring?.close()
  ring = null
})

const transcripts = shortestFirst(await readTranscripts())

async function expectGolden(
  opened: MixedRing,
  cases: readonly Transcript[],
  seats: number,
  speculate = true,
): Promise<void> {
  for (const transcript of cases) {
    const reply = await askGolden(opened.url, opened.model, transcript, speculate)
    expect(reply.choices[0]!.message.content).toBe(transcript.text)
    expect(reply.usage.completion_tokens).toBe(transcript.completionTokens.length)
    expect(reply.computepool.route).toHaveLength(seats)
    expect(reply.computepool.directHops).toBeGreaterThanOrEqual(leastDirectHops(transcript))
  }
}

const mixes: readonly (readonly PeerKind[])[] = [
  ['webrtc', 'webrtc'],
  ['webrtc', 'axl'],
  ['axl', 'axl'],
  ['webrtc', 'webrtc', 'webrtc'],
  ['webrtc', 'webrtc', 'axl'],
  ['webrtc', 'axl', 'axl'],
  ['axl', 'axl', 'axl'],
]

test.each(mixes.map(kinds => ({ name: kinds.join(', '), kinds })))('$name: the golden text', async ({ kinds }) => {
  ring = await openMixedRing({ kinds, packDir })
  // Pairs show that a second text is right too.
  const cases = transcripts.slice(0, kinds.length === 2 ? 2 : 1)
  await expectGolden(ring, cases, kinds.length)
  // Nothing guessed ahead: each token goes round once.
  const [shortest] = cases
  await expectGolden(ring, [shortest!], kinds.length, false)
  await provePathsTaken(ring, kinds, cases, [shortest!])
})

/** Caches but those that wait for a next turn, which give way where room is needed. */
const liveBytes = (snapshot: PeerSnapshot | null): number | null =>
  snapshot === null ? null : snapshot.kvBytes - snapshot.keptBytes

/** Nothing is held any more of what was asked: no request, no cache, no message. */
async function expectNothingLeft(opened: MixedRing): Promise<void> {
  const daemons = [...opened.nodes, ...(opened.bridge ? [opened.bridge] : [])].flatMap(({ daemon }) => daemon ?? [])
  const left = async () => ({
    active: (await opened.pool()).activeRequests,
    nodes: opened.nodes.map(node => [node.snapshot()?.requests, liveBytes(node.snapshot())]),
    queues: daemons.map(({ queueLength }) => queueLength),
  })
  const nothing = { active: 0, nodes: opened.nodes.map(() => [0, 0]), queues: daemons.map(() => 0) }
  await expect.poll(left, { timeout: 20_000 }).toEqual(nothing)
}

test('an overlay that loses one in twenty, re-orders and is 40 ms away changes nothing but the time', async () => {
  const kinds = ['webrtc', 'axl'] as const
  ring = await openMixedRing({ kinds, packDir, overlay: { lossRate: 0.05, delayMs: 40, jitterMs: 40, seed: 7 } })
  const cases = transcripts.slice(0, 2)
  await expectGolden(ring, cases, 2)
  await provePathsTaken(ring, kinds, cases)
  expect(ring.bridge!.daemon.counts.lost + ring.nodes[1]!.daemon!.counts.lost).toBeGreaterThan(0)
  await expectNothingLeft(ring)
})

test.each([
  { name: 'of a node', kinds: ['axl', 'axl'] as const },
  { name: 'of a node behind a bridge', kinds: ['webrtc', 'axl'] as const },
])('a queue $name that overflows with tokens in it changes nothing but the time', async ({ kinds }) => {
  const messages = 8
  ring = await openMixedRing({ kinds, packDir, overlay: { queueMessages: messages } })
  const { daemon } = ring.nodes[1]!
  const cases = transcripts.slice(0, 1)
  let isOver = false
  const asked = expectGolden(ring, cases, 2, false).finally(() => {
    isOver = true
  })
  const [crowded] = await Promise.all([
    crowdQueue({ overlay: ring.overlay, daemon: daemon!, messages, times: 5, isOver: () => isOver }),
    asked,
  ])
  expect(crowded).toBeGreaterThan(0)
  expect(daemon!.counts.dropped).toBeGreaterThanOrEqual(crowded)
  await provePathsTaken(ring, kinds, [], cases)
  await expectNothingLeft(ring)
})

test('a daemon that comes back with another key is joined anew, and the text is the same', async () => {
  const kinds = ['axl', 'axl'] as const
  ring = await openMixedRing({ kinds, packDir })
  const node = ring.nodes[1]!
  const before = node.daemon!.key
  await expectGolden(ring, transcripts.slice(0, 1), 2)
  await node.daemon!.stop()
  await node.daemon!.start({ newKey: true })
  expect(node.daemon!.key).not.toBe(before)
  await expect.poll(() => node.snapshot()?.status, { interval: 5, timeout: 20_000 }).not.toBe('serving')
  await untilPoolReady({ url: ring.url, deadlineMs: 60_000 })
  await expectGolden(ring, transcripts.slice(0, 1), 2)
})

test('a bridge’s daemon that comes back with another key is joined anew too', async () => {
  const kinds = ['webrtc', 'axl'] as const
  ring = await openMixedRing({ kinds, packDir })
  const bridge = ring.bridge!
  await expectGolden(ring, transcripts.slice(0, 1), 2)
  await bridge.daemon.stop()
  await bridge.daemon.start({ newKey: true })
  // Between its connections to the hub it says that it has none.
  await expect.poll(() => bridge.snapshot().error, { interval: 5, timeout: 20_000 }).not.toBeNull()
  await expect.poll(() => bridge.snapshot().error, { interval: 5, timeout: 20_000 }).toBeNull()
  await untilPoolReady({ url: ring.url, deadlineMs: 60_000 })
  await expectGolden(ring, transcripts.slice(0, 1), 2)
})
