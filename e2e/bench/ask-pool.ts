/** One request to a pool of SmolLM2-135M's shape, and what its answer says of its speed. It knows not what the pool is made of. */
import os from 'node:os'
import { smolLm2Dimensions, writeRandomPack } from '@computepool/node/pack/random-pack.ts'

export interface Measured {
  readonly tokensPerSecond: number
  /** The answer's median lap: unlike the speed, it leaves out the laps in which this machine did something else. */
  readonly lapMs: number
  /** Per token: the lap less all seats' compute and queueing. */
  readonly wireMs: number
  /** Per token: all seats' engines together. */
  readonly computeMs: number
}

/** SmolLM2-135M's shape in q4, random weights: the same bytes each time. */
export async function writeSmolPack(outDir: string, context: number = smolLm2Dimensions.context): Promise<void> {
  console.error('Writing a random pack of SmolLM2-135M’s shape …')
  await writeRandomPack({
    outDir,
    model: 'random/smollm2-135m-shape',
    architecture: 'llama',
    quantisation: 'q4',
    seed: 1,
    dimensions: { ...smolLm2Dimensions, context },
    rope: { theta: 100_000, scaling: null },
  })
}

/** A greedy answer of `maxTokens`. Throws with the pool's words where it refuses. */
export async function askPool(url: string, model: string, maxTokens: number): Promise<Measured> {
  const response = await fetch(new URL('/v1/completions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      prompt: 'the quick brown fox',
      max_tokens: maxTokens,
      temperature: 0,
      // Random weights repeat themselves: guesses would time the text, not the ring.
      computepool: { speculate: false },
    }),
  })
  const body = (await response.json()) as {
    error?: { message: string }
    computepool: { tokensPerSecond: number; lap: { lapMs: number; wireMs: number; computeMs: number } }
  }
  if (!response.ok) throw new Error(`The ring refused: ${body.error?.message ?? response.status}`)
  return {
    tokensPerSecond: body.computepool.tokensPerSecond,
    lapMs: body.computepool.lap.lapMs,
    wireMs: body.computepool.lap.wireMs,
    computeMs: body.computepool.lap.computeMs,
  }
}

/** The processor in words, and how many processes wanted it during the last minute, this bench's own among them. */
export function machineName(): string {
  const cpus = os.cpus()
  return `${cpus[0]?.model.trim() ?? 'unknown processor'}, ${cpus.length} cores, load ${os.loadavg()[0]!.toFixed(1)}`
}
