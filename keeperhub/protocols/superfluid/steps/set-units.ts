/** Upstream's: the step that performs `setUnitsCore`. Type-checked in KeeperHub's own tree, not here. */
import 'server-only'
import { withPluginMetrics } from '@/lib/metrics/instrumentation/plugin'
import { type StepInput, withStepLogging } from '@/lib/workflow/executor/step-handler'
import { type PlaceInput, withPort } from '../upstream-port'
import { type SetUnitsInput, setUnitsCore } from './set-units-core'

export async function setUnitsStep(input: StepInput & PlaceInput & SetUnitsInput) {
  'use step'
  const told = { pluginName: 'superfluid', actionName: 'set-units', executionId: input._context?.executionId }
  return withPluginMetrics(told, () =>
    withStepLogging(input, () => withPort(input, 'set-units', port => setUnitsCore(input, port))),
  )
}

setUnitsStep.maxRetries = 0

export const _integrationType = 'superfluid'
