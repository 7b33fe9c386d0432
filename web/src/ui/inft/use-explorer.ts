/** The explorer of the chain that this page works on; null where it has none. */
import { paidTermsOf } from '../../money/terms-store.ts'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'

export function useExplorer(): string | null {
  const { terms } = useServices()
  return paidTermsOf(useStore(terms))?.chain.explorerUrl ?? null
}
