/**
 * What is due on the chain and needs nobody's key: words of leavers, ends of what is over, stakes that are free, credits that wait.
 * The pool relays all of it, so that operators need no gas. Asked twice it sends nothing twice that counts.
 */
import type { CoalitionPlace, Hex } from '@computepool/shared/coalition'
import { type CoalitionCall, type CoalitionReader, relayTo } from '../coalition/index.ts'
import type { LeaveToSend, StakeBook } from './stake-book.ts'
import type { HeldCoalition, StakePicture } from './stake-picture.ts'
import type { StakePoint, StakeRelay } from './stake-ports.ts'

export interface LetGoContext {
  readonly book: StakeBook
  readonly reader: Pick<CoalitionReader, 'creditOf'>
  readonly relay: StakeRelay
  readonly place: CoalitionPlace
  readonly picture: StakePicture
  /** Unix seconds of the chain. */
  readonly nowSeconds: bigint
  /** Coalitions with terms on the way: they are not done with. */
  readonly busy: ReadonlySet<bigint>
  /** What becomes of a word of leaving: who came back has not left. */
  readonly fateOf: (leave: LeaveToSend) => 'send' | 'keep' | 'drop'
  /** When a proposal may be ended: its terms' own time. */
  readonly proposalEndsAt: (id: bigint) => bigint
  /** Nothing of this operator is left there. */
  forget(id: bigint, operator: string): void
  kill(point: StakePoint): Promise<void>
  onFault(fault: unknown): void
}

/** True where anything was sent: the picture is another by now. */
export async function letGo(context: LetGoContext): Promise<boolean> {
  const { picture, book, place, relay } = context
  const call = relayTo(place.coalition)
  let hasSent = false
  const send = async ({ to, data }: CoalitionCall, point: StakePoint): Promise<boolean> => {
    try {
      await relay.execute({ to, data })
      hasSent = true
    } catch (thrown) {
      // One that fails keeps no other from being sent; it is looked at again in the next round.
      context.onFault(thrown)
      return false
    }
    await context.kill(point)
    return true
  }

  for (const leave of await book.leaves()) {
    const held = picture.coalitions.find(({ view }) => view.id === leave.id)
    const isMember = held?.stakes.some(one => one.operator === leave.operator && one.isMember) ?? false
    const isGood = held?.view.state === 'active' && held.view.version === leave.version && isMember
    const fate = isGood ? context.fateOf(leave) : 'drop'
    if (fate === 'keep') continue
    if (fate === 'send' && !(await send(call.leave(leave), 'stakes:leave-sent'))) continue
    await book.dropLeave(leave.id, leave.operator)
  }

  for (const held of picture.coalitions) {
    const { view, stakes } = held
    if (isOver(held, context)) {
      await send(call.end(view.id), 'stakes:end-sent')
      continue
    }
    let isLeft = view.state === 'active' || view.state === 'proposed'
    for (const stake of stakes) {
      if (stake.amountAtomic > 0n) {
        isLeft = true
        const isFree = !stake.isMember && stake.openDisputes === 0 && stake.releasableAt <= context.nowSeconds
        if (!isFree || !(await send(call.release(view.id, stake.operator), 'stakes:release-sent'))) continue
      }
      if (!stake.isMember && (await payOut(context, stake.operator, send))) context.forget(view.id, stake.operator)
    }
    if (!isLeft && !context.busy.has(view.id)) await book.close(view.id)
  }
  return hasSent
}

/** True where nothing waits for it any more. */
async function payOut(
  { reader, place }: LetGoContext,
  operator: Hex,
  send: (call: CoalitionCall, point: StakePoint) => Promise<boolean>,
): Promise<boolean> {
  if ((await reader.creditOf(operator)) === 0n) return true
  return send(relayTo(place.coalition).withdraw(operator), 'stakes:withdraw-sent')
}

function isOver({ view }: HeldCoalition, { nowSeconds, proposalEndsAt }: LetGoContext): boolean {
  if (view.state === 'active') return nowSeconds >= view.endsAt
  return view.state === 'proposed' && nowSeconds > proposalEndsAt(view.id)
}
