/** What happens to a swarm, in the past tense, and what is to be done about it, in the imperative. */
import type { ErrorData } from '../errors/index.ts'
import type { DeskRequest, LinkRoute, Seat } from '../wire/control-messages.ts'
import type { CoalitionRelay } from './swarm-state.ts'

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
      readonly routes: ReadonlyArray<readonly LinkRoute[]>
      readonly relays: readonly CoalitionRelay[]
      readonly atMs: number
    }
  /** No request runs on the coalition of this epoch, which takes no new ones. */
  | { readonly type: 'ring-drained'; readonly epoch: number }
  | { readonly type: 'relay-dropped'; readonly epoch: number; readonly relay: string }
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
      /** Of each seat, in the order of `seats`: its ways to the others. */
      readonly routes: ReadonlyArray<readonly LinkRoute[]>
      readonly relays: readonly CoalitionRelay[]
    }
  /**
   * Live requests fail with `error`; the tabs keep their slices until they are released or assigned anew, the relays' work ends.
   */
  | {
      readonly type: 'dissolve-coalition'
      readonly id: string
      readonly epoch: number
      readonly relays: readonly string[]
      readonly error: ErrorData
    }
  /** The coalition goes on without this relay: it left, or wants to, and its links have other ways. */
  | {
      readonly type: 'drop-relay'
      readonly id: string
      readonly epoch: number
      readonly relay: string
      /** Who is still in the coalition. */
      readonly remaining: readonly string[]
    }
  | { readonly type: 'release-slice'; readonly peer: string; readonly epoch: number }
