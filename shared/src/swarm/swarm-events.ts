/** What happens to a swarm, in the past tense, and what is to be done about it, in the imperative. */
import type { ErrorData } from '../errors/index.ts'
import type { DeskRequest, LinkRoute, Seat } from '../wire/control-messages.ts'
import type { CoalitionRelay, Standby } from './swarm-state.ts'

export type SwarmEvent =
  /** The hub authenticated it. */
  | { readonly type: 'peer-connected'; readonly peer: string; readonly atMs: number }
  | { readonly type: 'peer-said'; readonly peer: string; readonly request: DeskRequest; readonly atMs: number }
  /** Its connection ended; it may come back. One that goes on purpose says so before. */
  | { readonly type: 'peer-gone'; readonly peer: string; readonly reason: string; readonly atMs: number }
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
      readonly lapMs: number
      readonly atMs: number
    }
  | {
      readonly type: 'standbys-renewed'
      readonly epoch: number
      readonly standbys: readonly Standby[]
      /** Those that were told to load. */
      readonly joined: readonly Standby[]
      readonly atMs: number
    }
  | { readonly type: 'successor-chosen'; readonly epoch: number; readonly seats: readonly Seat[] }
  /** No request runs on the coalition of this epoch, which takes no new ones. */
  | { readonly type: 'ring-drained'; readonly epoch: number }
  | { readonly type: 'relay-dropped'; readonly epoch: number; readonly relay: string }
  | { readonly type: 'coalition-dissolved'; readonly epoch: number }
  | { readonly type: 'slice-released'; readonly peer: string }
  /** What these wallets' standing weighs from now on, in [0, 1]; 0: no part in anything. `textHolders`: those of them that seats which see text prefer. */
  | {
      readonly type: 'operators-weighed'
      readonly weights: Readonly<Record<string, number>>
      readonly textHolders?: readonly string[]
    }
  /** Receipts of two neighbours did not meet. */
  | { readonly type: 'boundary-broken'; readonly operators: readonly [string, string]; readonly atMs: number }

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
      readonly lapMs: number
    }
  /** The coalition goes on with these standbys, and each seat has a way to each. */
  | {
      readonly type: 'renew-standbys'
      readonly id: string
      readonly epoch: number
      readonly standbys: readonly Standby[]
      /** Those that load now, and their cache budgets. */
      readonly joined: readonly Standby[]
      readonly kvBudgetBytes: readonly number[]
      readonly maxContext: number
      /** All who may signal each other: seats, relays and standbys. */
      readonly members: readonly string[]
      readonly seats: readonly Seat[]
      /** Of each seat, in the order of `seats`: to the other seats and to the standbys. */
      readonly routes: ReadonlyArray<readonly LinkRoute[]>
    }
  /** The ring would be faster so: who is new in these seats loads first, then the ring takes no new request and is formed anew. */
  | { readonly type: 'choose-successor'; readonly epoch: number; readonly seats: readonly Seat[] }
  /**
   * Live requests are interrupted with `error`; the tabs keep their slices until they are released or assigned anew, the relays' work ends.
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
