/** The exit code of `computepool node` for what it failed of: systemd and others decide by it whether another start can help. */
import type { ComputePoolError } from '@computepool/shared/errors'

/** 2: the arguments; 3: the orchestrator refused it; 4: it refused the layers that it was dealt; 1: anything that may pass. */
export function exitCodeOf({ code }: Pick<ComputePoolError, 'code'>): 1 | 2 | 3 | 4 {
  if (code === 'peer_version_refused' || code === 'peer_unauthenticated') return 3
  if (code === 'engine_self_test_failed' || code === 'engine_out_of_memory') return 4
  return code.startsWith('input_') ? 2 : 1
}
