/** The stores of one page, handed to components by context: the only way a component reaches anything outside itself. */
import { createContext, useContext } from 'react'
import type { InftStores } from '../../inft/create-inft-stores.ts'
import type { MoneyStores } from '../../money/create-money-stores.ts'
import type { TabStore } from '../../peer/tab-commands.ts'
import type { FetchTrace } from '../chat/fetch-trace.ts'
import type { ProbeMachine } from '../operate/machine.ts'
import type { RouterStore } from '../router/router-store.ts'
import type { AttestationStore } from '../stores/attestation-store.ts'
import type { ChatStore } from '../stores/chat-store.ts'
import type { DisputesStore } from '../stores/disputes-store.ts'
import type { ModelsStore } from '../stores/models-store.ts'
import type { PackStore } from '../stores/pack-store.ts'
import type { PoolStore } from '../stores/pool-store.ts'
import type { ThemeStore } from '../stores/theme-store.ts'
import type { VisibilityStore } from '../stores/visibility-store.ts'

export interface Services extends MoneyStores, InftStores {
  readonly tab: TabStore
  readonly pool: PoolStore
  readonly chat: ChatStore
  readonly models: ModelsStore
  readonly pack: PackStore
  readonly disputes: DisputesStore
  readonly attestation: AttestationStore
  readonly theme: ThemeStore
  readonly router: RouterStore
  readonly visibility: VisibilityStore
  readonly probeMachine: ProbeMachine
  readonly fetchTrace: FetchTrace
}

const ServicesContext = createContext<Services | null>(null)
export const ServicesProvider = ServicesContext.Provider

export function useServices(): Services {
  const services = useContext(ServicesContext)
  if (services === null) throw new Error('A component was drawn outside ServicesProvider.')
  return services
}
