/**
 * The main job: greedy text through one, two and three real tabs is the reference's text, token by token. On WebGPU through one and two: a
 * software adapter takes a minute for three, whose cuts the engine's own journey tries.
 */
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { expect, test } from '@playwright/test'
import {
  askGolden,
  leastDirectHops,
  demoPackDir as packDir,
  readTranscripts,
  shortestFirst,
} from '../harness/golden-answers.ts'
import { openRing } from '../harness/open-ring.ts'

const transcripts = await readTranscripts()
// The software adapter takes about 0.3 s a token.
const shortest = shortestFirst(transcripts)

for (const { engine, seats, cases } of [
  { engine: 'webgpu', seats: 1, cases: shortest.slice(0, 1) },
  { engine: 'webgpu', seats: 2, cases: shortest.slice(0, 1) },
  { engine: 'wasm', seats: 1, cases: transcripts },
  { engine: 'wasm', seats: 2, cases: transcripts },
  { engine: 'wasm', seats: 3, cases: transcripts },
] as const) {
  test(`${seats} tab${seats === 1 ? '' : 's'} on ${engine}: ${cases.length} golden transcript${cases.length === 1 ? '' : 's'}`, async ({
    browser,
  }) => {
    const orchestrator = await startOrchestrator({ host: '127.0.0.1', port: 0, packDir, minSeats: seats })
    try {
      const ring = await openRing({ url: orchestrator.url, peers: seats, engine, browser })
      for (const transcript of cases) {
        const reply = await askGolden(orchestrator.url, ring.model, transcript)
        expect(reply.choices[0]!.message.content).toBe(transcript.text)
        expect(reply.choices[0]!.finish_reason).toBe('stop')
        expect(reply.usage.completion_tokens).toBe(transcript.completionTokens.length)
        expect(reply.computepool.route).toHaveLength(seats)
        for (const stop of reply.computepool.route) expect(stop.engine).toBe(engine)
        // The fast path was taken.
        if (seats > 1) expect(reply.computepool.directHops).toBeGreaterThanOrEqual(leastDirectHops(transcript))
      }
      await expect.poll(async () => (await ring.pool()).activeRequests).toBe(0)
      await ring.close()
    } finally {
      await orchestrator.close()
    }
  })
}
