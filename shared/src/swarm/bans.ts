/**
 * Who may hold no slice for now: the peer that failed, by its id, and after more failures its wallet, for each start draws a new id. It
 * writes state only.
 */
import { type ErrorData, isErrorCode } from '../errors/index.ts'
import type { DeskRequest } from '../wire/control-messages.ts'
import type { SwarmState } from './swarm-state.ts'

/** Bans are kept after a tab left, so they need a cap of their own; the oldest are forgotten. */
const mostBans = 1000
/** The first failure may be that one tab's, and a reload mends it. */
const freeRefusals = 1
const firstWaitMs = 30_000
const longestWaitMs = 600_000
/** A wallet that failed no more for so long after its last wait starts anew. */
const forgivenAfterMs = 3_600_000

const addressOf = (peer: string): string => peer.slice(0, 42)

/** How long a wallet waits after so many refusals, the last of them just now. */
function waitMsOf(refusals: number): number {
  const waits = refusals - freeRefusals
  return waits <= 0 ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(waits - 1, 10))
}

/** True while no peer of the wallet of `peer` gets a slice. */
export function isMadeToWait(state: SwarmState, peer: string): boolean {
  return (state.waits[addressOf(peer)]?.untilMs ?? 0) > state.nowMs
}

/** The state after `peer` failed at its slice. */
export function ban(state: SwarmState, peer: string, error: ErrorData): SwarmState {
  const waits = withRefusal(state, peer, 1)
  return { ...state, bans: withLast(state.bans, peer, error), waits }
}

/** The state after `peer` did harm that is no failure of one tab: its wallet waits from the first time on. */
export function makeWait(state: SwarmState, peer: string): SwarmState {
  return { ...state, waits: withRefusal(state, peer, freeRefusals + 1) }
}

/** One refusal more, `atLeast` so many. */
function withRefusal(state: SwarmState, peer: string, atLeast: number): SwarmState['waits'] {
  const address = addressOf(peer)
  const last = state.waits[address]
  const isForgiven = last === undefined || state.nowMs - last.untilMs > forgivenAfterMs
  const refusals = Math.max(atLeast, isForgiven ? 1 : last.refusals + 1)
  return withLast(state.waits, address, { refusals, untilMs: state.nowMs + waitMsOf(refusals) })
}

function withLast<T>(record: Readonly<Record<string, T>>, key: string, value: T): Record<string, T> {
  const { [key]: _before, ...others } = record
  const [oldest, ...rest] = Object.keys(others)
  if (rest.length < mostBans - 1 || oldest === undefined) return { ...others, [key]: value }
  const { [oldest]: _oldest, ...latest } = others
  return { ...latest, [key]: value }
}

/** A code that this table does not have (a newer tab's) still bans, as the engine's failure. */
export function refusalOf(error: Extract<DeskRequest, { type: 'slice-refused' }>['error']): ErrorData {
  return { ...error, code: isErrorCode(error.code) ? error.code : 'engine_failed' }
}

/** The last three wallets of those here that wait. */
export function explainWaits(state: SwarmState): string {
  const here = new Set(Object.keys(state.peers).map(addressOf))
  return Object.entries(state.waits)
    .filter(([address]) => here.has(address) && isMadeToWait(state, address))
    .slice(-3)
    .map(([address, { refusals }]) => {
      const wallet = `${address.slice(0, 6)}…${address.slice(-4)}`
      return ` Wallet ${wallet} gets no slice for ${waitMsOf(refusals) / 1000} s: its peers failed ${refusals} times.`
    })
    .join('')
}
