/** Upstream's: the step that performs `sign-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type SignInput, signCore } from './sign-core'

export async function signStep(input: StepInput & PlaceInput & SignInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'sign', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'sign', port => signCore(input, port))),
  )
}

signStep.maxRetries = 0

export const _integrationType = 'coalition'
