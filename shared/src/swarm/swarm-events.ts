/** What happens to a swarm, in the past tense, and what is to be done about it, in the imperative. */
import type { ErrorData } from '../errors/index.ts'
import type { DeskRequest, Seat } from '../wire/control-messages.ts'

export type SwarmEvent =
  /** The hub authenticated it. */
  | { readonly type: 'peer-connected'; readonly peer: string; readonly atMs: number }
  | { readonly type: 'peer-said'; readonly peer: string; readonly request: DeskRequest; readonly atMs: number }
  | { readonly type: 'peer-gone'; readonly peer: string; readonly reason: string }
  | { readonly type: 'time-passed'; readonly atMs: number }
  /** Acts that were performed. */
  | { readonly type: 'model-offered'; readonly peer: string }
  | { readonly type: 'peer-refused'; readonly peer: string }
  | {
      readonly type: 'coalition-formed'
      readonly id: string
      readonly epoch: number
      readonly seats: readonly Seat[]
      readonly atMs: number
    }
  | { readonly type: 'coalition-dissolved'; readonly epoch: number }
  | { readonly type: 'slice-released'; readonly peer: string }

export type SwarmAct =
  | { readonly type: 'offer-model'; readonly peer: string }
  | { readonly type: 'refuse-peer'; readonly peer: string; readonly error: ErrorData }
  | {
      readonly type: 'form-coalition'
      readonly id: string
      readonly epoch: number
      readonly seats: readonly Seat[]
      /** Cache budget of each seat, in the order of `seats`. */
      readonly kvBudgetBytes: readonly number[]
      readonly maxContext: number
    }
  /** Live requests fail with `error`; the tabs keep their slices until they are released or assigned anew. */
  | { readonly type: 'dissolve-coalition'; readonly id: string; readonly epoch: number; readonly error: ErrorData }
  | { readonly type: 'release-slice'; readonly peer: string; readonly epoch: number }
