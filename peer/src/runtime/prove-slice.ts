/** The self-test's door in a tab: a slice that computes wrongly does not come past it. It knows no worker and no desk. */
import { selfTest } from '@computepool/shared/selftest'
import type { SelfTestRequest } from './peer-powers.ts'

/** Errors: `engine_self_test_failed`; what a step of the engine or `readFile` throws. */
export async function proveSlice({ engine, manifest, readFile }: SelfTestRequest): Promise<void> {
  const golden = manifest.selfTest
  // A pack of random weights has no goldens: there is nothing to prove it by.
  if (golden === null) return
  const outcome = await selfTest({
    engine,
    manifest,
    golden,
    readBoundary: index => readFile(golden.boundaries[index]!),
  })
  if (!outcome.ok) throw outcome.error
}
