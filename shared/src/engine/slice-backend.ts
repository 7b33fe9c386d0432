/**
 * What an adapter must be able to do so that `createSliceEngine` can make an Engine of it: hold caches and run the slice's graph.
 * It keeps no books: which request has which cache, how long it is and what fits the budget is the engine core's business.
 */
import type { ComputePoolError } from '../errors/index.ts'
import type { Activation, EngineFacts } from '../ports/index.ts'
import type { HeadQuery, HeadScores } from '../sampler/index.ts'

/** One request's cache of the slice's layers; how it is kept is the adapter's own. */
export interface CacheStep<Cache> {
  readonly cache: Cache
  /** Positions in the cache that hold: the input goes behind them. */
  readonly position: number
  readonly input: Activation
}

/** The slice's output, still where it was computed. Exactly one of `read` and `discard` is called, and last. At the exit `read` may follow a draw. */
export interface Boundary {
  read(): Promise<Activation>
  /** Exit only: final norm, logits, sampling inputs, of the position at `index` of the step's input. */
  score(query: HeadQuery, index: number): Promise<HeadScores>
  /** Exit only: the model's logits [vocab] of that position. */
  readLogits(index: number): Promise<Float32Array>
  /** Exit only: the likeliest token after each position from `index` to the last, in one run of the head. */
  argmaxFrom(index: number): Promise<readonly number[]>
  discard(): void
}

export interface SliceBackend<Cache> {
  readonly facts: EngineFacts
  readonly weightsBytes: number
  /** Positions that a cache gets which must hold `positions`: the same where it grows by the step, a bucket where it is static. */
  capacityFor(positions: number): number
  cacheBytes(capacity: number): number
  allocate(capacity: number): Promise<Cache>
  /** A cache of `capacity` with the first `keep` positions of `cache`, which is released. */
  resize(cache: Cache, size: { readonly capacity: number; readonly keep: number }): Promise<Cache>
  release(cache: Cache): void
  /** Entry only: rows of the embedding, in the engine's activation type. */
  embed(tokens: readonly number[]): Promise<Activation>
  forward(step: CacheStep<Cache>): Promise<Boundary>
  /** Exit only: rows in the engine's activation type, as if they were the output of a step at `position`. */
  boundaryOf(rows: Activation, position: number): Boundary
  /** Where `facts.maxRows` is more than 1. */
  readonly batch?: CacheBatch<Cache>
  readonly lost: Promise<ComputePoolError>
  close(): Promise<void>
}

/** Several requests' single positions in one run. */
export interface CacheBatch<Cache> {
  /** Splits `caches`, at most `facts.maxRows`, by what one run can serve: indices of each group. */
  groups(caches: readonly Cache[]): readonly (readonly number[])[]
  /** One group's steps, of one position each. The boundary's positions are in the order of `steps`; the head runs once for all. */
  forward(steps: readonly CacheStep<Cache>[]): Promise<Boundary>
}
