/**
 * The trust bench: what receipts cost in tokens a second, what checks cost in engine time, and how soon somebody who cheats on a share of its
 * steps is met by a check at the default policy. Each part says by itself what it leaves out.
 */
import { createSeededRandom } from '@computepool/shared/testing'
import { machineName } from './ask-pool.ts'
import { type BenchReport, benchRow } from './bench-report.ts'
import { measureCatching } from './trust-catching.ts'
import { measureCompute } from './trust-compute.ts'
import { measureReceipts } from './trust-receipts.ts'

/** Meant for under five minutes on two cores that do nothing else, one where quick; the last row says how long it took. */
export async function runTrustBench({ isQuick }: { readonly isQuick: boolean }): Promise<BenchReport> {
  const before = performance.now()
  const { next } = createSeededRandom(6)
  console.error('receipts …')
  const receipts = await measureReceipts({ isQuick, next })
  console.error('compute …')
  const compute = await measureCompute({ isQuick })
  console.error('catching …')
  const catching = await measureCatching({ isQuick })
  const rows = [...receipts, ...compute, ...catching]
  const took = benchRow('this run', 's', [(performance.now() - before) / 1000])
  return {
    suite: 'trust',
    device: `${machineName()}, node ${process.version}, native engines of one thread`,
    rows: [...rows, took],
    reaches: rows.filter(({ reached }) => reached !== undefined),
  }
}
