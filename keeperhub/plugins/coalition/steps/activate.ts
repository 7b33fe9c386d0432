/** Upstream's: the step that performs `activate-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type ActivateInput, activateCore } from './activate-core'

export async function activateStep(input: StepInput & PlaceInput & ActivateInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'activate', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'activate', port => activateCore(input, port))),
  )
}

activateStep.maxRetries = 0

export const _integrationType = 'coalition'
