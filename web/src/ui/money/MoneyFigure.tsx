/** One figure of money: words for eyes, the exact amount beside them for whoever reads by script. */
import type { ReactNode } from 'react'

export interface MoneyFigureProps {
  readonly name: string
  readonly testId: string
  /** Exact, in the unit that the attribute names. */
  readonly atomic?: bigint
  readonly wei?: bigint
  readonly isMoney?: boolean
  readonly children: ReactNode
}

export function MoneyFigure({ name, testId, atomic, wei, isMoney = false, children }: MoneyFigureProps) {
  return (
    <div className={isMoney ? 'is-money' : ''}>
      <dt>{name}</dt>
      <dd
        data-testid={testId}
        {...(atomic === undefined ? {} : { 'data-atomic': atomic.toString() })}
        {...(wei === undefined ? {} : { 'data-wei': wei.toString() })}
      >
        {children}
      </dd>
    </div>
  )
}
