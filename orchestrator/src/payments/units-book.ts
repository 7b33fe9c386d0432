/** The pool's members as they were ordered, epoch after epoch. It knows no ring and no chain. */
import type { MemberUnits } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import { desc, eq } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import { unitSetsTable } from '../store/ledger-tables.ts'
import type { Ledger } from './ledger-port.ts'
import { insertOrder } from './ledger-steps.ts'

export interface UnitsBookOptions {
  readonly db: Database
  readonly clock: Clock
  /** Lower case. */
  readonly vault: string
  /** One change after the other. */
  readonly inOrder: <T>(work: () => Promise<T>) => Promise<T>
  readonly onOrdered: () => void
}

export type UnitsBook = Pick<Ledger, 'units' | 'setUnits' | 'renewUnits'>

export function createUnitsBook({ db, clock, vault, inOrder, onOrdered }: UnitsBookOptions): UnitsBook {
  const units: UnitsBook['units'] = async () => {
    const [last] = await db
      .select()
      .from(unitSetsTable)
      .where(eq(unitSetsTable.vault, vault))
      .orderBy(desc(unitSetsTable.epoch))
      .limit(1)
    return last === undefined ? null : { epoch: last.epoch, members: last.members as MemberUnits[] }
  }

  const setUnits: UnitsBook['setUnits'] = (
    members,
    { aboveEpoch = 0, isForced = false, isCarried = false, delayMs = 0 } = {},
  ) =>
    inOrder(async () => {
      const wanted = [...members]
        .map(each => ({ ...each, member: each.member.toLowerCase() }))
        .sort((a, b) => (a.member < b.member ? -1 : 1))
      const last = await units()
      const isSame = last !== null && JSON.stringify(normal(last.members)) === JSON.stringify(normal(wanted))
      if (isSame && !isForced) return null
      const epoch = Math.max(last?.epoch ?? 0, aboveEpoch) + 1
      const atMs = clock.wallMs()
      await db.transaction(async tx => {
        await tx.insert(unitSetsTable).values({ vault, epoch, members: wanted, atMs })
        if (isCarried) return
        const order = { kind: 'units', subject: vault, sessionId: null, epoch, atMs, delayMs } as const
        await insertOrder(tx, { ...order, payload: { members: wanted } })
      })
      onOrdered()
      return epoch
    })

  return {
    units,
    setUnits,
    renewUnits: async (delayMs = 0, aboveEpoch = 0) => {
      const last = await units()
      if (last !== null) await setUnits(last.members, { isForced: true, delayMs, aboveEpoch })
    },
  }
}

const normal = (members: readonly MemberUnits[]): [string, number, number][] =>
  members.map(({ member, units, forChecks = 0 }) => [member, units, forChecks])
