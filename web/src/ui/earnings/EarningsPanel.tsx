/** Earnings where work is paid for, one line where it is free. What draws them is loaded only in the first case. */
import { lazy, Suspense, useEffect } from 'react'
import { FreeLine } from '../money/FreeLine.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'

const PaidEarnings = lazy(() => import('./PaidEarnings.tsx'))

export function EarningsPanel() {
  const { terms: termsStore } = useServices()
  const view = useStore(termsStore)
  useEffect(() => termsStore.load(), [termsStore])
  if (view.status === 'free') return <FreeLine words="no chain runs here, and operators are not paid." />
  if (view.status !== 'paid') return null
  return (
    <Suspense fallback={null}>
      <PaidEarnings terms={view.terms} />
    </Suspense>
  )
}
