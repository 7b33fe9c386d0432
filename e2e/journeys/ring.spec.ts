/** The main job: greedy text through one, two and three real tabs is the reference's text, token by token. */
import { readFile } from 'node:fs/promises'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { expect, test } from '@playwright/test'
import { openRing } from '../harness/open-ring.ts'

interface Transcript {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly completionTokens: readonly number[]
  readonly text: string
}
const packDir = 'models/demo/pack'
const transcripts = JSON.parse(await readFile('models/demo/golden/transcripts.json', 'utf8')) as Transcript[]
// The software adapter takes about 0.3 s a token: the shortest answers are enough to catch a wrong layer or position there.
const shortest = [...transcripts].sort((a, b) => a.completionTokens.length - b.completionTokens.length)

interface Reply {
  readonly choices: readonly { readonly message: { readonly content: string }; readonly finish_reason: string }[]
  readonly usage: { readonly completion_tokens: number }
  readonly computepool: {
    readonly route: readonly { layers: [number, number]; engine: string }[]
    readonly directHops: number
  }
}

async function ask(url: string, model: string, transcript: Transcript): Promise<Reply> {
  const response = await fetch(new URL('/v1/chat/completions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: transcript.messages, temperature: 0, max_tokens: 128 }),
  })
  const body = await response.json()
  expect(response.status, JSON.stringify(body)).toBe(200)
  return body as Reply
}

for (const { engine, seats, cases } of [
  { engine: 'webgpu', seats: 1, cases: shortest.slice(0, 1) },
  { engine: 'webgpu', seats: 2, cases: shortest.slice(0, 3) },
  { engine: 'webgpu', seats: 3, cases: shortest.slice(0, 1) },
  { engine: 'wasm', seats: 1, cases: transcripts },
  { engine: 'wasm', seats: 2, cases: transcripts },
  { engine: 'wasm', seats: 3, cases: transcripts },
] as const) {
  test(`${seats} tab${seats === 1 ? '' : 's'} on ${engine}: ${cases.length} golden transcript${cases.length === 1 ? '' : 's'}`, async ({
    browser,
  }) => {
    // A transcript on the software adapter takes up to half a minute where other programs want the same cores.
    if (engine === 'webgpu') test.setTimeout(180_000 + 60_000 * (cases.length - 1))
    const orchestrator = await startOrchestrator({ host: '127.0.0.1', port: 0, packDir, minSeats: seats })
    try {
      const ring = await openRing({ url: orchestrator.url, peers: seats, engine, browser })
      for (const transcript of cases) {
        const reply = await ask(orchestrator.url, ring.model, transcript)
        expect(reply.choices[0]!.message.content).toBe(transcript.text)
        expect(reply.choices[0]!.finish_reason).toBe('stop')
        expect(reply.usage.completion_tokens).toBe(transcript.completionTokens.length)
        expect(reply.computepool.route).toHaveLength(seats)
        for (const stop of reply.computepool.route) expect(stop.engine).toBe(engine)
        // The fast path was taken: every token came straight from the exit to the entry.
        if (seats > 1) expect(reply.computepool.directHops).toBeGreaterThanOrEqual(transcript.completionTokens.length)
      }
      await expect.poll(async () => (await ring.pool()).activeRequests).toBe(0)
      await ring.close()
    } finally {
      await orchestrator.close()
    }
  })
}
