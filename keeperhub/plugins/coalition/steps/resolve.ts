/** Upstream's: the step that performs `resolve-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type ResolveInput, resolveCore } from './resolve-core'

export async function resolveStep(input: StepInput & PlaceInput & ResolveInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'resolve', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'resolve', port => resolveCore(input, port))),
  )
}

resolveStep.maxRetries = 0

export const _integrationType = 'coalition'
