import { verifyWallet } from '@computepool/peer/runtime/verify-wallet.ts'
import { checkEvidence, recompute, replayOf } from '@computepool/shared/audit'
import { openFakeEngine } from '@computepool/shared/testing'
import { evidenceManifest } from '../../shared/testing/cheats/sample-evidence.ts'
import type { JudgeBundle } from '../src/auditor-votes.ts'

/** Judges bundles of `sampleEvidence`, with engines that compute as its own do. */
export const judgeSample: JudgeBundle = async bundle => {
  const faults = await checkEvidence(bundle, verifyWallet)
  if (faults.length > 0) return { verdict: 'unsound', faults }
  const { attempts, tolerance, check } = bundle.header
  const { layers } = attempts.at(-1)!.receipt
  const engine = openFakeEngine({ manifest: evidenceManifest, layers })
  const report = await recompute({
    engine,
    ...replayOf(bundle, evidenceManifest.dimensions.vocab),
    tolerance,
    endPosition: check.endPosition,
    chunk: 7,
  })
  return { verdict: report.isHonest ? 'honest' : 'cheated', report, tolerance: tolerance as never }
}
