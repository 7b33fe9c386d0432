/** Upstream's: the step that performs `distributeFlowCore`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type DistributeFlowInput, distributeFlowCore } from './distribute-flow-core'

export async function distributeFlowStep(input: StepInput & PlaceInput & DistributeFlowInput) {
  'use step'
  const told = { pluginName: 'superfluid', actionName: 'distribute-flow', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'distribute-flow', port => distributeFlowCore(input, port))),
  )
}

distributeFlowStep.maxRetries = 0

export const _integrationType = 'superfluid'
