/**
 * What the engine needs of ONNX Runtime, in whichever host: sessions over graphs with external weights, and tensors. The shapes of
 * these types are onnxruntime-common's, which its native and its web package share; the core imports neither.
 */
import type { FloatType } from '../graph/index.ts'
import type { TensorDtype } from '../model/index.ts'
import type { LoadedTensor } from './load-weights.ts'

export interface RuntimeTensor {
  readonly dims: readonly number[]
  /** The values, read back from the device where they are there; `release` frees the device's copy. */
  getData(release?: boolean): Promise<unknown>
  dispose(): void
}

export type RuntimeTensors = Readonly<Record<string, RuntimeTensor>>

export interface RuntimeSession {
  /** Without `fetches`, all outputs; a null fetch is allocated by the runtime. */
  run(feeds: RuntimeTensors, fetches?: Readonly<Record<string, RuntimeTensor | null>>): Promise<RuntimeTensors>
  release(): Promise<void>
}

export interface OpenSessionInput {
  readonly model: Uint8Array
  readonly weights: readonly LoadedTensor[]
  /** Outputs that stay on the device where there is one. */
  readonly deviceOutputs: readonly string[]
}

/** Which quantised types a runtime multiplies faster as plain floats, and how large a slice may become by that. */
export interface Expansion {
  readonly dtypes: readonly TensorDtype[]
  readonly upToBytes: number
}

export const noExpansion: Expansion = { dtypes: [], upToBytes: 0 }

export interface Runtime {
  readonly float: FloatType
  readonly expansion: Expansion
  openSession(input: OpenSessionInput): Promise<RuntimeSession>
  /** A tensor of the runtime's float type over little-endian bytes. */
  floatTensor(data: Uint8Array, dims: readonly number[]): RuntimeTensor
  float32Tensor(data: Float32Array, dims: readonly number[]): RuntimeTensor
  int32Tensor(data: Int32Array, dims: readonly number[]): RuntimeTensor
  int64Tensor(data: BigInt64Array, dims: readonly number[]): RuntimeTensor
}

/** How a host keeps the keys and values of one request; tensors in the order of the graph's cache names. */
export interface CacheKeeper<Cache> {
  capacityFor(positions: number): number
  allocate(capacity: number): Promise<Cache>
  resize(cache: Cache, size: { readonly capacity: number; readonly keep: number }): Promise<Cache>
  release(cache: Cache): void
  /** What to feed as past. */
  past(cache: Cache): readonly RuntimeTensor[]
  /** What to fetch the present into: null where the runtime allocates it. */
  present(cache: Cache): readonly (RuntimeTensor | null)[]
  /** Takes the fetched present after a step that succeeded. */
  absorb(cache: Cache, present: readonly RuntimeTensor[]): void
  /** Where the graph returns new positions alone: writes them behind the position that the step began at. */
  store?(cache: Cache, fresh: FreshPositions): void
  /** Where several caches can lie so that one run serves their requests. */
  readonly together?: {
    /** Splits `caches` by what one run can serve: indices of each group. */
    groups(caches: readonly Cache[]): readonly (readonly number[])[]
    /** One group's tensors, past and present alike; it may move caches to make them neighbours. */
    range(caches: readonly Cache[]): CacheRange
  }
}

/** Caches as one batch. */
export interface CacheRange {
  /** [caches, kvHeads, capacity, headDim], in the order of the graph's cache names. */
  readonly tensors: readonly RuntimeTensor[]
  /** Which row of the batch each cache is. */
  readonly places: readonly number[]
}

/** Keys and values of one request's new positions. */
export interface FreshPositions {
  /** Of the first of them. */
  readonly position: number
  readonly tokens: number
  /** Which row of the batch is the request's. */
  readonly row: number
  /** [batch, kvHeads, tokens, headDim] each, in the order of the graph's cache names. */
  readonly values: readonly Float32Array[]
}
