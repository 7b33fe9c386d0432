/** Upstream's: the step that performs `check-status-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type CheckStatusInput, checkStatusCore } from './check-status-core'

export async function checkStatusStep(input: StepInput & PlaceInput & CheckStatusInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'check-status', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'check-status', port => checkStatusCore(input, port))),
  )
}

checkStatusStep.maxRetries = 0

export const _integrationType = 'coalition'
