/** Whether this origin's money is test money; null before its terms are known, and where work is free. */
import { useEffect } from 'react'
import { paidTermsOf } from '../../money/terms-store.ts'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'

/** `isWanted` false: nothing is asked. */
export function useIsTestMoney(isWanted = true): boolean | null {
  const { terms } = useServices()
  const view = useStore(terms)
  useEffect(() => {
    if (isWanted) terms.load()
  }, [terms, isWanted])
  return paidTermsOf(view)?.chain.isEmbedded ?? null
}
