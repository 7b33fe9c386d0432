/** What the engine contract's cases are made of: greedy runs, boundaries, and checks that throw. It knows only the port. */
import { activationValues, joinActivations } from '../src/engine/index.ts'
import { ComputePoolError } from '../src/errors/index.ts'
import type { LayerRange, Manifest } from '../src/model/index.ts'
import { greedy, type SampledToken } from '../src/pipeline/index.ts'
import type { Activation, Engine, EngineOutput, SampleRequest } from '../src/ports/index.ts'
import { relativeError } from '../src/selftest/index.ts'

export interface OpenForContract {
  readonly kvBudgetBytes?: number
}

export interface EngineContractHarness {
  readonly manifest: Manifest
  /** A fresh engine over the model's weights; the suite closes it. */
  open(layers: LayerRange, options?: OpenForContract): Promise<Engine>
  /** Largest relative L2 error of a row between two ways to cut the same input into chunks: kernels sum in other orders. */
  readonly chunkTolerance: number
}

export interface EngineContractCase {
  readonly name: string
  run(harness: EngineContractHarness): Promise<void>
}

export const prompt = [5, 9, 200, 31, 7, 118, 77, 41, 250, 3, 66, 12, 190, 28, 99, 134, 17, 83, 222, 60]
export const greedySample: SampleRequest = { params: { ...greedy, logprobs: 3 }, generated: [], prompt: [] }

export function row(requestId: string, position: number, tokens: readonly number[], sample: SampleRequest | null) {
  return { requestId, position, input: { tokens }, sample }
}

export function tokenOf(output: EngineOutput): SampledToken {
  if (output.kind !== 'token') throw new Error(`expected a token, got ${output.kind}`)
  return output.sampled
}

/** Three greedy tokens through engines cut at `cuts`, opened and closed. */
export async function generateOver(
  open: EngineContractHarness['open'],
  cuts: readonly number[],
): Promise<SampledToken[]> {
  const route: Engine[] = []
  for (let i = 1; i < cuts.length; i++) route.push(await open({ start: cuts[i - 1]!, end: cuts[i]! }))
  const drawn = await generate(route, { tokens: prompt.slice(0, 7), count: 3 })
  for (const engine of route) await engine.close()
  return drawn
}

interface Generation {
  readonly tokens: readonly number[]
  readonly count: number
  readonly requestId?: string
}

/** Greedy tokens through a route of engines. */
export async function generate(
  route: readonly Engine[],
  { tokens, count, requestId }: Generation,
): Promise<SampledToken[]> {
  const drawn: SampledToken[] = []
  let position = 0
  let next = [...tokens]
  while (drawn.length < count) {
    let input: { tokens: readonly number[] } | { activation: Activation } = { tokens: next }
    for (const [seat, engine] of route.entries()) {
      const sample = seat === route.length - 1 ? greedySample : null
      const [output] = await engine.run([{ requestId: requestId ?? 'r', position, input, sample }])
      if (output!.kind === 'activation') input = { activation: output!.activation }
      else drawn.push(tokenOf(output!))
    }
    position += next.length
    next = [drawn.at(-1)!.token]
  }
  return drawn
}

interface BoundaryRun {
  readonly requestId: string
  readonly tokens: readonly number[]
  readonly chunk: number
  readonly from?: number
}

/** What leaves an entry slice for `tokens`, fed in chunks. */
export async function boundary(
  engine: Engine,
  { requestId, tokens, chunk, from = 0 }: BoundaryRun,
): Promise<Activation> {
  const pieces: Activation[] = []
  for (let at = 0; at < tokens.length; at += chunk) {
    const [output] = await engine.run([row(requestId, from + at, tokens.slice(at, at + chunk), null)])
    if (output!.kind !== 'activation') throw new Error(`expected an activation, got ${output!.kind}`)
    pieces.push(output!.activation)
  }
  return joinActivations(pieces)
}

export function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`failed: ${what}`)
}

export function equal(actual: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${what}: got ${left}, expected ${right}`)
}

export function near(actual: Activation, expected: Activation, tolerance: number, what: string): void {
  const { hidden } = expected
  const error = relativeError({ actual: activationValues(actual), expected: activationValues(expected), hidden })
  if (!(error.worst <= tolerance))
    throw new Error(`${what}: row ${error.row} is off by ${error.worst}, more than ${tolerance}`)
}

export async function refused(run: Promise<unknown>, code: string): Promise<void> {
  const outcome = await run.then(
    () => 'no refusal',
    error => (error instanceof ComputePoolError ? error.code : String(error)),
  )
  equal(outcome, code, 'the refusal')
}
