/** Tabs, headless nodes and a bridge in one coalition: the text is one peer's text, and counters prove the way that it went. */
import { readFile } from 'node:fs/promises'
import { defaultSettings } from '@computepool/orchestrator/create-orchestrator.ts'
import { swarmConfigOf } from '@computepool/orchestrator/dispatch/swarm-config.ts'
import { manifestSchema } from '@computepool/shared/model'
import { expect, test } from '@playwright/test'
import {
  askGolden,
  leastDirectHops,
  demoPackDir as packDir,
  readTranscripts,
  shortestFirst,
} from '../harness/golden-answers.ts'
import { openMixedRing, type PeerKind } from '../harness/open-mixed-ring.ts'
import { provePathsTaken } from '../harness/prove-paths.ts'

const cases = shortestFirst(await readTranscripts()).slice(0, 2)

const mixes: readonly (readonly PeerKind[])[] = [
  ['tab', 'webrtc'],
  ['tab', 'axl'],
  ['tab', 'tab', 'webrtc'],
  ['tab', 'tab', 'axl'],
  ['tab', 'webrtc', 'webrtc'],
  ['tab', 'webrtc', 'axl'],
  ['tab', 'axl', 'axl'],
]

/** Room for the embedding and one layer: the head is a little larger, so a tab with this much can be the entry and not the exit. */
async function entryOnlyBytes(): Promise<number> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(`${packDir}/manifest.json`, 'utf8')))
  const settings = { minSeats: 2, maxSeats: 2, maxContext: defaultSettings.maxContext, wallMs: 0 }
  const { embeddingBytes, headBytes, layerBytes, kvBytesPerLayer } = swarmConfigOf(manifest, settings).placement
  expect(headBytes).toBeGreaterThan(embeddingBytes)
  return embeddingBytes + layerBytes + kvBytesPerLayer
}

test('tab as entry, bridge, headless node behind AXL as exit: the golden text', async ({ browser }) => {
  const kinds = ['tab', 'axl'] as const
  const ring = await openMixedRing({ kinds, packDir, browser, tabMemoryBytes: await entryOnlyBytes() })
  try {
    for (const transcript of cases) {
      const reply = await askGolden(ring.url, ring.model, transcript)
      expect(reply.choices[0]!.message.content).toBe(transcript.text)
      expect(reply.computepool.route.map(({ engine }) => engine)).toEqual(['wasm', 'native'])
    }
    await provePathsTaken(ring, kinds, cases)
  } finally {
    await ring.close()
  }
})

for (const kinds of mixes) {
  test(`${kinds.join(', ')}: the golden text`, async ({ browser }) => {
    const ring = await openMixedRing({ kinds, packDir, browser })
    try {
      for (const transcript of cases) {
        const reply = await askGolden(ring.url, ring.model, transcript)
        expect(reply.choices[0]!.message.content).toBe(transcript.text)
        expect(reply.usage.completion_tokens).toBe(transcript.completionTokens.length)
        expect(reply.computepool.directHops).toBeGreaterThanOrEqual(leastDirectHops(transcript))
        const engines = reply.computepool.route.map(({ engine }) => engine).sort()
        expect(engines).toEqual(kinds.map(kind => (kind === 'tab' ? 'wasm' : 'native')).sort())
      }
      await provePathsTaken(ring, kinds, cases)
      await expect.poll(async () => (await ring.pool()).activeRequests).toBe(0)
    } finally {
      await ring.close()
    }
  })
}
