/**
 * A ring of more stages than this machine has cores: real pipelines over fake engines on a manual clock, each step and hop as long as it was
 * measured. It says what the pipeline makes of so many stages, not what a machine would.
 */
import { greedy } from '@computepool/shared/pipeline'
import { fakeJob, fakeManifest, openSwarm } from '@computepool/shared/testing'

export interface SimulatedRing {
  readonly stages: number
  readonly requests: number
  /** Of one request's step at one stage. */
  readonly stepMs: number
  /** One way. */
  readonly hopMs: number
}

const tokensEach = 64

/** Tokens/s of the requests together over those of one alone. */
export async function simulateGain(ring: SimulatedRing): Promise<number> {
  return ((await timeOf(ring, 1)) * ring.requests) / (await timeOf(ring, ring.requests))
}

async function timeOf({ stages, stepMs, hopMs }: SimulatedRing, requests: number): Promise<number> {
  const swarm = openSwarm({
    peers: stages,
    stepMs,
    // Fake engines compute row by row: each row costs what a step of its own would.
    rowMs: stepMs,
    link: { delayMs: hopMs },
    seat: { speculate: false },
    manifest: fakeManifest({ dimensions: { vocab: 64 } }),
  })
  const ids = Array.from({ length: requests }, (_, index) => `r${index}`)
  for (const id of ids)
    swarm.pipelines[0]!.submit(fakeJob(id, { promptTokens: [1], maxTokens: tokensEach, sampling: greedy }))
  const ended = (): boolean => ids.every(id => swarm.endOf(id) !== undefined)
  const startMs = swarm.clock.monotonicMs()
  while (!ended()) await swarm.clock.advance(1)
  return swarm.clock.monotonicMs() - startMs
}
