/** The demo model's golden transcripts, and a ring asked for them: greedy text must be the reference's, whoever computes it. */
import { readFile } from 'node:fs/promises'

export interface Transcript {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly completionTokens: readonly number[]
  readonly text: string
}

export interface Reply {
  readonly choices: readonly { readonly message: { readonly content: string }; readonly finish_reason: string }[]
  readonly usage: { readonly completion_tokens: number }
  readonly computepool: {
    readonly route: readonly { layers: [number, number]; engine: string }[]
    readonly directHops: number
  }
}

export const demoPackDir = 'models/demo/pack'

export async function readTranscripts(): Promise<Transcript[]> {
  return JSON.parse(await readFile('models/demo/golden/transcripts.json', 'utf8')) as Transcript[]
}

/** Shortest answers first: enough to catch a wrong layer or position where tokens are slow. */
export const shortestFirst = (transcripts: readonly Transcript[]): Transcript[] =>
  [...transcripts].sort((a, b) => a.completionTokens.length - b.completionTokens.length)

/** Frames that must have gone straight from peer to peer: a lap is two at least, and brings 17 tokens at most. */
export const leastDirectHops = ({ completionTokens }: Transcript): number => 2 * Math.ceil(completionTokens.length / 17)

/** Throws with the body where the pool refuses. With `speculate` false no token is guessed ahead: a lap brings one. */
export async function askGolden(url: string, model: string, transcript: Transcript, speculate = true): Promise<Reply> {
  const response = await fetch(new URL('/v1/chat/completions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: transcript.messages,
      temperature: 0,
      max_tokens: 128,
      ...(speculate ? {} : { computepool: { speculate } }),
    }),
  })
  const body = await response.json()
  if (response.status !== 200) throw new Error(`HTTP ${response.status}: ${JSON.stringify(body)}`)
  return body as Reply
}
