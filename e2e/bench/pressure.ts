/**
 * The pressure bench: many requests at once, a long prompt beside a decoding request, a second turn, a node that is killed. Native nodes
 * of one thread each, a model of SmolLM2-135M's shape, free work; last a few rounds of two real tabs. Ratios are of the same run.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { machineName, writeSmolPack } from './ask-pool.ts'
import type { BenchReport, BenchRow } from './bench-report.ts'
import { measureKills } from './pressure-kills.ts'
import { measurePrompts } from './pressure-prompts.ts'
import { measureThroughput } from './pressure-throughput.ts'

export interface PressureOptions {
  /** Few rounds and trials: it shows that the bench works, not how fast the pool is. */
  readonly isQuick: boolean
}

export interface PressureSetting extends PressureOptions {
  readonly packDir: string
  /** For whatever a part of the bench keeps on disk. */
  readonly folder: string
}

/** About fifteen minutes on two cores, two where quick. Errors: whatever a node or a request raised; nothing is retried. */
export async function runPressureBench({ isQuick }: PressureOptions): Promise<BenchReport> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-bench-'))
  try {
    const packDir = path.join(folder, 'pack')
    await writeSmolPack(packDir, 4096)
    const setting = { isQuick, packDir, folder }
    const rows: BenchRow[] = []
    for (const measure of [measureThroughput, measurePrompts, measureKills]) rows.push(...(await measure(setting)))
    // The parts of native nodes need no browser's driver.
    const { measureTabs } = await import('./pressure-tabs.ts')
    rows.push(...(await measureTabs(setting)))
    return { suite: 'pressure', device: `${machineName()}, native engine, one thread a node, but for the tabs`, rows }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
