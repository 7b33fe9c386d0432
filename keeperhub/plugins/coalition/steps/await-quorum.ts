/** Upstream's: the step that performs `await-quorum-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type AwaitQuorumInput, awaitQuorumCore } from './await-quorum-core'

export async function awaitQuorumStep(input: StepInput & PlaceInput & AwaitQuorumInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'await-quorum', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'await-quorum', port => awaitQuorumCore(input, port))),
  )
}

awaitQuorumStep.maxRetries = 0

export const _integrationType = 'coalition'
