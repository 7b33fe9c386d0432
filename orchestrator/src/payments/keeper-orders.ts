/**
 * An outbox row as a workflow and its input. The lease is reckoned when the row is first taken and then stays, because a keeper takes
 * the same key only with the same input.
 */
import { atomicToWei } from '@computepool/shared/money'
import type { KeeperInput } from '@computepool/shared/ports'
import { z } from 'zod'
import type { OutboxRow } from '../store/ledger-tables.ts'
import type { OutboxContext } from './outbox.ts'

const whole = z.string().regex(/^\d+$/).transform(BigInt)
const setSchema = z.object({ rateAtomic: whole, dueAtomic: whole })
const closeSchema = z.object({ dueAtomic: whole })
const unitsSchema = z.object({ members: z.array(z.object({ member: z.string(), units: z.number().int() })) })
const leaseSchema = z.object({ leaseUntil: z.number().int() })

/** What must stay the same at every try, beside the row's own payload. */
export async function sentOf(
  { vault, clock, ledger }: Pick<OutboxContext, 'vault' | 'clock' | 'ledger'>,
  row: OutboxRow,
): Promise<Record<string, unknown>> {
  if (row.sent !== null) return row.sent as Record<string, unknown>
  if (row.kind !== 'set' || setSchema.parse(row.payload).rateAtomic === 0n) return { leaseUntil: 0 }
  // The chain's clock may run ahead of ours; the vault cuts a lease that is too long.
  const now = Math.max(Math.floor(clock.wallMs() / 1000), await vault.nowSeconds())
  return { leaseUntil: now + ledger.terms.leaseSeconds }
}

export interface KeeperOrder {
  readonly workflow: 'stream-start' | 'stream-stop' | 'set-units'
  readonly input: KeeperInput
}

export async function keeperOrder(context: Pick<OutboxContext, 'callback'>, row: OutboxRow): Promise<KeeperOrder> {
  const order = plainOrder(row)
  const outboxId = String(row.id)
  const { callback } = context
  const callbackToken = callback ? await callback.issue({ outboxId, transition: order.workflow }) : ''
  return {
    workflow: order.workflow,
    input: { ...order.input, outbox_id: outboxId, callback_url: callback?.url ?? '', callback_token: callbackToken },
  }
}

/** Of a row that was sent. */
export const workflowOf = (row: OutboxRow): KeeperOrder['workflow'] => plainOrder(row).workflow

function plainOrder(row: OutboxRow): KeeperOrder {
  const epoch = String(row.epoch)
  if (row.kind === 'units') {
    const { members } = unitsSchema.parse(row.payload)
    return {
      workflow: 'set-units',
      input: { epoch, members: members.map(({ member }) => member), units: members.map(({ units }) => String(units)) },
    }
  }
  if (row.kind === 'close') {
    const { dueAtomic } = closeSchema.parse(row.payload)
    return {
      workflow: 'stream-stop',
      input: { session_id: row.subject, epoch, due_atomic: String(dueAtomic), final: true },
    }
  }
  const { rateAtomic, dueAtomic } = setSchema.parse(row.payload)
  const session = { session_id: row.subject, epoch, due_atomic: String(dueAtomic) }
  if (rateAtomic === 0n) return { workflow: 'stream-stop', input: { ...session, final: false } }
  const { leaseUntil } = leaseSchema.parse(row.sent)
  return {
    workflow: 'stream-start',
    input: { ...session, rate_wei: String(atomicToWei(rateAtomic)), lease_until: String(leaseUntil) },
  }
}
