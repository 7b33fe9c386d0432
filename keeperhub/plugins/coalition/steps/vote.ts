/** Upstream's: the step that performs `vote-core.ts`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type VoteInput, voteCore } from './vote-core'

export async function voteStep(input: StepInput & PlaceInput & VoteInput) {
  'use step'
  const told = { pluginName: 'coalition', actionName: 'vote', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'vote', port => voteCore(input, port))),
  )
}

voteStep.maxRetries = 0

export const _integrationType = 'coalition'
