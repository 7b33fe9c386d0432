/** Upstream's: the step that performs `leave-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type LeaveInput, leaveCore } from './leave-core'

export async function leaveStep(input: StepInput & PlaceInput & LeaveInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'leave', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'leave', port => leaveCore(input, port))),
  )
}

leaveStep.maxRetries = 0

export const _integrationType = 'coalition'
