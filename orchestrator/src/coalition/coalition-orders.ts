/**
 * What the keeper is asked to do with a coalition: the workflows' names and inputs. Contracts stand in the workflows and not in the
 * input, so that no order can point a run elsewhere. It starts no run.
 */
import type { CoalitionTerms, Consent, Party, VoteWord } from '@computepool/shared/coalition'
import type { MemberUnits } from '@computepool/shared/money'
import type { KeeperInput, KeeperValue } from '@computepool/shared/ports'
import { asJson } from './relay-coalition.ts'

export interface CoalitionOrder {
  readonly workflow: 'propose' | 'activate-and-pool' | 'handle-breach' | 'cast-vote'
  readonly input: KeeperInput
}

/** Where the keeper says that it is worth looking; empty texts: nowhere. */
export interface OrderCallback {
  readonly outboxId: string
  readonly url: string
  readonly token: string
}

/** The pool's members from now on; `epoch` above the vault's, or the order is stale. */
export interface UnitsOrder {
  readonly epoch: number
  readonly members: readonly MemberUnits[]
}

/** A session's stream as an absolute target, as `StreamVault.set` takes it. */
export interface RateOrder {
  readonly sessionId: string
  readonly epoch: number
  readonly rateWei: bigint
  readonly leaseUntil: number
  readonly dueAtomic: bigint
}

/** Proposes, or adds consents where these terms are proposed already: the same order may be sent as consents come in. */
export const proposeOrder = (
  { terms, consents }: { readonly terms: CoalitionTerms; readonly consents: readonly Consent[] },
  callback?: OrderCallback,
): CoalitionOrder => order('propose', { terms: asJson(terms), consents: asJson(consents) }, callback)

/** Makes it active and gives its parties their units. */
export const activateOrder = (
  { id, units }: { readonly id: bigint; readonly units: UnitsOrder },
  callback?: OrderCallback,
): CoalitionOrder => order('activate-and-pool', { coalition_id: id.toString(), ...unitsInput(units) }, callback)

/** Settles a guilty verdict, sets the pool's members without the guilty, and the rates that follow from that. */
export const breachOrder = (
  breach: { readonly dispute: bigint; readonly units: UnitsOrder; readonly rates: readonly RateOrder[] },
  callback?: OrderCallback,
): CoalitionOrder => {
  const rates = breach.rates.map(({ sessionId, epoch, rateWei, leaseUntil, dueAtomic }) => ({
    session_id: sessionId,
    epoch: String(epoch),
    rate_wei: rateWei.toString(),
    lease_until: String(leaseUntil),
    due_atomic: dueAtomic.toString(),
  }))
  return order('handle-breach', { dispute_id: breach.dispute.toString(), ...unitsInput(breach.units), rates }, callback)
}

/** An auditor's vote, for its own organisation to send. */
export const voteOrder = ({ dispute, isGuilty, auditor, signature }: VoteWord, callback?: OrderCallback) =>
  order('cast-vote', { dispute_id: dispute.toString(), is_guilty: isGuilty, auditor, signature }, callback)

/** Units of the terms' parties, but for those that are not to have any. */
export const membersOf = (parties: readonly Party[], without: readonly string[] = []): MemberUnits[] => {
  const left = new Set(without.map(operator => operator.toLowerCase()))
  return parties
    .map(({ operator, units }) => ({ member: operator.toLowerCase(), units }))
    .filter(({ member }) => !left.has(member))
    .sort((a, b) => (a.member < b.member ? -1 : 1))
}

const unitsInput = ({ epoch, members }: UnitsOrder) => ({
  epoch: String(epoch),
  members: members.map(({ member }) => member),
  units: members.map(({ units }) => String(units)),
})

const order = (
  workflow: CoalitionOrder['workflow'],
  input: { readonly [key: string]: KeeperValue },
  callback: OrderCallback = { outboxId: '', url: '', token: '' },
): CoalitionOrder => ({
  workflow,
  input: { ...input, outbox_id: callback.outboxId, callback_url: callback.url, callback_token: callback.token },
})
