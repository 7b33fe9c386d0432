/** Upstream's: the step that performs `stopDistributionCore`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type StopDistributionInput, stopDistributionCore } from './distribute-flow-core'

export async function stopDistributionStep(input: StepInput & PlaceInput & StopDistributionInput) {
  'use step'
  const told = { pluginName: 'superfluid', actionName: 'stop-distribution', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'stop-distribution', port => stopDistributionCore(input, port))),
  )
}

stopDistributionStep.maxRetries = 0

export const _integrationType = 'superfluid'
