/** Earnings where work is paid for, one line where it is free. What draws them is loaded only in the first case. */
import { lazy, Suspense, useEffect } from 'react'
import { FreeLine } from '../money/FreeLine.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { ZerogLine } from './ZerogLine.tsx'

const PaidEarnings = lazy(() => import('./PaidEarnings.tsx'))

export function EarningsPanel() {
  const { terms: termsStore, tab, zerogEarnings } = useServices()
  const view = useStore(termsStore)
  const operator = useStore(tab).peer?.split('.')[0] ?? null
  const isZerog = useStore(zerogEarnings) !== null
  useEffect(() => termsStore.load(), [termsStore])
  if (view.status === 'free') {
    return (
      <>
        <FreeLine
          words={
            isZerog
              ? 'no chain runs here, and operators are paid for answers to 0G’s users alone.'
              : 'no chain runs here, and operators are not paid.'
          }
        />
        {operator === null ? null : <ZerogLine operator={operator} />}
      </>
    )
  }
  if (view.status !== 'paid') return null
  return (
    <Suspense fallback={null}>
      <PaidEarnings terms={view.terms} />
    </Suspense>
  )
}
