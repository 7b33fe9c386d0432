/** Headless peers in one coalition, over data channels and AXL (a stand-in), with a bridge where they have no network in common. */
import { afterEach, expect, test } from 'vitest'
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

let ring: MixedRing | null = null
afterEach(async () => {
  await ring?.close()
  ring = null
})

const transcripts = shortestFirst(await readTranscripts())

async function expectGolden(opened: MixedRing, cases: readonly Transcript[], seats: number): Promise<void> {
  for (const transcript of cases) {
    const reply = await askGolden(opened.url, opened.model, transcript)
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
  const cases = transcripts.slice(0, 2)
  await expectGolden(ring, cases, kinds.length)
  await provePathsTaken(ring, kinds, cases)
})

test('a lossy, slow overlay that re-orders changes nothing but the time', async () => {
  const overlay = { lossRate: 0.05, delayMs: 20, jitterMs: 40, seed: 7 }
  ring = await openMixedRing({ kinds: ['webrtc', 'axl'], packDir, overlay })
  const cases = transcripts.slice(0, 1)
  await expectGolden(ring, cases, 2)
  await provePathsTaken(ring, ['webrtc', 'axl'], cases)
  expect(ring.bridge!.daemon.counts.lost + ring.nodes[1]!.daemon!.counts.lost).toBeGreaterThan(0)
})
