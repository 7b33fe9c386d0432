/** Whether a chat request would be answered: work is free here, or a session lives; while the price is unknown the server decides. */
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'

export function useMayAsk(): boolean {
  const { terms, sessions } = useServices()
  const isPaid = useStore(terms).status === 'paid'
  const hasSession = useStore(sessions).live !== null
  return !isPaid || hasSession
}
