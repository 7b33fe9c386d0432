/** Upstream's: the step that performs `propose-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type ProposeInput, proposeCore } from './propose-core'

export async function proposeStep(input: StepInput & PlaceInput & ProposeInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'propose', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'propose', port => proposeCore(input, port))),
  )
}

proposeStep.maxRetries = 0

export const _integrationType = 'coalition'
