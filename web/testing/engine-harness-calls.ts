/** What a test may ask of the worker in which engines live. */
import type { RandomPackOptions } from '@computepool/shared/testing'

export type HarnessCall = {
  readonly type: 'contract'
  readonly kind: 'webgpu' | 'wasm'
  readonly caseName: string
  readonly pack: RandomPackOptions
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
