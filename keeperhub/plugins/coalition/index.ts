/** Upstream's: registers the plugin. Type-checked in KeeperHub's own tree, not here. */
import type { IntegrationPlugin } from '@/plugins/registry'
import { registerIntegration } from '@/plugins/registry-core'
import { actions } from './actions'
import { CoalitionIcon } from './icon'

const coalitionPlugin = {
  type: 'coalition',
  label: 'Coalition',
  description: 'Bind strangers to terms with a stake each, and slash by the verdict of independent auditors only',
  icon: CoalitionIcon,
  egress: 'fixed-host',
  singleConnection: true,
  requiresCredentials: false,
  formFields: [],
  actions: [...actions],
} as unknown as IntegrationPlugin

registerIntegration(coalitionPlugin)

export default coalitionPlugin
