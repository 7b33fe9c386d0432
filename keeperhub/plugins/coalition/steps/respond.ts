/** Upstream's: the step that performs `respond-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type RespondInput, respondCore } from './respond-core'

export async function respondStep(input: StepInput & PlaceInput & RespondInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'respond', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'respond', port => respondCore(input, port))),
  )
}

respondStep.maxRetries = 0

export const _integrationType = 'coalition'
