/** The engine port: runs a slice of layers, one step at a time. It knows no peers, no frames and no text. */
import type { ComputePoolError } from '../errors/index.ts'
import type { LayerRange, Manifest, PackPart } from '../model/index.ts'
import type { CacheReuse, SampledToken, SamplingParams } from '../pipeline/index.ts'

/** What runs the graph: a GPU, the browser's CPU, or a native process. */
export type EngineKind = 'webgpu' | 'wasm' | 'native'
export type ActivationDtype = 'f32' | 'f16' | 'bf16'

/** Hidden states of consecutive positions of one request: little-endian, row-major [tokens, hidden]. */
export interface Activation {
  readonly dtype: ActivationDtype
  readonly tokens: number
  readonly hidden: number
  readonly data: Uint8Array
}

/** What the exit needs to draw the next token. */
export interface SampleRequest {
  readonly params: SamplingParams
  /** Tokens drawn so far, for the penalties. */
  readonly generated: readonly number[]
  /** Prompt tokens: present only where repetitionPenalty is not 1. */
  readonly prompt: readonly number[]
  /** Guesses of the tokens to be drawn, at least one: the inputs of the row's last positions, behind the current token's. */
  readonly draft?: readonly number[]
}

/** One request's share of a step. */
export interface EngineRow {
  readonly requestId: string
  /** Absolute position of the first input: the cache is cut back to it first (positional rewind). */
  readonly position: number
  /** Tokens at the entry (layer 0), an activation elsewhere. At most `facts.maxChunk` positions. */
  readonly input: { readonly tokens: readonly number[] } | { readonly activation: Activation }
  /** At the exit: draw from the last position, or from each that a draft has. Null for a prefill chunk that is not the last, and at all other seats. */
  readonly sample: SampleRequest | null
  /** On a request's first row, whose `position` is `positions`: begin with that much of a cache that was kept. */
  readonly reuse?: CacheReuse
  /** At the exit: give the rows that the head takes as well, as any other seat gives its own. */
  readonly keepRows?: boolean
}

/** Rows that somebody says an exit drew from: the last of them, or the last 1 + n where a draft of n comes with `sample`. */
export interface DrawRequest {
  /** [tokens, hidden], before the final norm. */
  readonly rows: Activation
  /** Absolute position of the first row. */
  readonly position: number
  readonly sample: SampleRequest
}

/**
 * What a row became: the boundary tensor, a token, or nothing (an exit's prefill chunk). Where a draft came with it, the tokens
 * that single steps would have drawn, up to and with the first that differs from its guess; an engine that cannot verify guesses
 * answers the first alone, as a token. `rows`: where the row asked to keep them, all of its positions; engines that never see them have none.
 */
export type EngineOutput =
  | { readonly kind: 'activation'; readonly activation: Activation }
  | { readonly kind: 'token'; readonly sampled: SampledToken; readonly rows?: Activation }
  | { readonly kind: 'tokens'; readonly sampled: readonly SampledToken[]; readonly rows?: Activation }
  | { readonly kind: 'none'; readonly rows?: Activation }

export interface EngineFacts {
  readonly kind: EngineKind
  /** The adapter in words, e.g. "nvidia ampere" or "swiftshader (software)". */
  readonly device: string
  readonly isSoftware: boolean
  readonly activationDtype: ActivationDtype
  /** Most positions in one row. */
  readonly maxChunk: number
  /** Rows of one position that one run computes together; 1: each by itself. Whether it pays is measured by whoever calls. */
  readonly maxRows: number
}

export interface EngineMemory {
  readonly weightsBytes: number
  readonly kvBytes: number
  readonly kvBudgetBytes: number
  readonly requests: number
  /** Part of `kvBytes`: caches that were kept, and give way where a request needs the room. */
  readonly keptBytes: number
}

/**
 * A loaded slice. `run` serves one call at a time, in the order of the calls; a failed step leaves other requests’ caches as they were.
 * Errors: `engine_out_of_memory` (the row's request was forgotten), `engine_prefix_missing` (nothing was computed), `engine_device_lost`,
 * `engine_failed`, `input_context_too_long`.
 */
export interface Engine {
  readonly facts: EngineFacts
  readonly layers: LayerRange
  /** Outputs in the order of `rows`; rejects with a ComputePoolError. */
  run(rows: readonly EngineRow[]): Promise<EngineOutput[]>
  /**
   * Exit: draws from rows that are given, by the head alone: no layer runs and no cache is touched. It waits for its turn as a step does. Errors:
   * `peer_frame_invalid` for rows that no head takes, or where there is none.
   */
  drawFrom(request: DrawRequest): Promise<readonly SampledToken[]>
  /** Exit: the model's logits [vocab] of the last of these rows, which begin at `position`. Turn and errors as `drawFrom`. */
  logitsOf(request: Pick<DrawRequest, 'rows' | 'position'>): Promise<Float32Array>
  /** Frees a request's cache, kept or not; unknown ids are fine. */
  forget(requestId: string): void
  /** The request is over: its cache stays, for a row that reuses it, until room is needed; the one kept longest goes first. */
  keep(requestId: string): void
  memory(): EngineMemory
  /** Settles once, when the device or worker is gone for good. */
  readonly lost: Promise<ComputePoolError>
  close(): Promise<void>
}

/** Verified bytes of one part; `read` may be called for any span, in any order. */
export interface PartReader {
  readonly sizeBytes: number
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}
/** Where an engine gets its weights: only parts whose digest was verified come out of it. */
export interface PartSource {
  open(part: PackPart): Promise<PartReader>
}

/** What it takes to load a slice. Layer 0 brings the embedding, the last layer the head. */
export interface SliceRequest {
  readonly manifest: Manifest
  readonly layers: LayerRange
  readonly parts: PartSource
  /** Caches of all requests together; a request that would exceed it fails with `engine_out_of_memory`. */
  readonly kvBudgetBytes: number
  /** Positions a request may reach; at most the manifest's context. */
  readonly maxContext: number
  readonly onProgress?: (loadedBytes: number, totalBytes: number) => void
}
export type OpenEngine = (slice: SliceRequest) => Promise<Engine>
