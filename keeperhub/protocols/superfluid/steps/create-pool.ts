/** Upstream's: the step that performs `createPoolCore`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type CreatePoolInput, createPoolCore } from './create-pool-core'

export async function createPoolStep(input: StepInput & PlaceInput & CreatePoolInput) {
  'use step'
  const told = { pluginName: 'superfluid', actionName: 'create-pool', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'create-pool', port => createPoolCore(input, port))),
  )
}

createPoolStep.maxRetries = 0

export const _integrationType = 'superfluid'
