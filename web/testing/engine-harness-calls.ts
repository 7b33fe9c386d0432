/** What a test may ask of the worker in which engines live. */
import type { LayerRange } from '@computepool/shared/model'
import type { EngineFacts } from '@computepool/shared/ports'
import type { SelfTestOutcome } from '@computepool/shared/selftest'
import type { RandomPackOptions } from '@computepool/shared/testing'

export type HarnessEngineKind = 'webgpu' | 'wasm'

/** Goldens as plain numbers, which a page can be handed. */
export interface PlainGoldens {
  readonly tokens: readonly number[]
  readonly boundaries: readonly (readonly number[])[]
  readonly argmax: readonly number[]
}

export type HarnessCall =
  | {
      readonly type: 'contract'
      readonly kind: HarnessEngineKind
      readonly caseName: string
      readonly pack: RandomPackOptions
    }
  | {
      readonly type: 'self-test'
      readonly kind: HarnessEngineKind
      readonly pack: RandomPackOptions
      readonly layers: LayerRange
      readonly goldens: PlainGoldens
      /** In place of what the adapter is trusted with. */
      readonly maxChunk?: number
    }
  | { readonly type: 'probe'; readonly pack: RandomPackOptions }
  /** Destroys the GPU device under an engine: the last call that a page can make of WebGPU. */
  | { readonly type: 'lose-device'; readonly pack: RandomPackOptions }
  | {
      readonly type: 'measure'
      readonly kind: HarnessEngineKind
      readonly pack: RandomPackOptions
    }

/** Answer to `lose-device`: codes of what the engine told, and of what the next step met. */
export interface LossAnswer {
  readonly lost: string
  readonly nextStep: string
}

/** Answer to `self-test`. */
export interface SelfTestAnswer {
  readonly outcome: SelfTestOutcome
  readonly facts: EngineFacts
}

export interface HarnessRequest {
  readonly id: number
  readonly call: HarnessCall
}

export interface HarnessReply {
  readonly id: number
  readonly value: unknown
  /** Null where it went well. */
  readonly error: string | null
}
