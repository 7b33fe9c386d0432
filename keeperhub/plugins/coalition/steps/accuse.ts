/** Upstream's: the step that performs `accuse-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type AccuseInput, accuseCore } from './accuse-core'

export async function accuseStep(input: StepInput & PlaceInput & AccuseInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'accuse', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'accuse', port => accuseCore(input, port))),
  )
}

accuseStep.maxRetries = 0

export const _integrationType = 'coalition'
