/**
 * The ring bench: what splitting costs. Rings of one, two and three real tabs stand at once, each on its own orchestrator, and are
 * asked in turn, so that this machine's noise hits all alike; only one works at a time.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { chromium } from 'playwright'
import { chromiumLaunchOptions } from '../harness/launch-chromium.ts'
import { openRing, type Ring } from '../harness/open-ring.ts'
import { askPool, type Measured, machineName, writeSmolPack } from './ask-pool.ts'
import { type BenchReport, benchRow } from './bench-report.ts'

const rounds = 5
const tokensPerRound = 64
const ringSizes = [1, 2, 3] as const

/** About two minutes on two cores. Errors: whatever the ring or the request raised; nothing is retried. */
export async function runRingBench(): Promise<BenchReport> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-bench-'))
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const packDir = path.join(folder, 'pack')
    await writeSmolPack(packDir)
    const browser = await chromium.launch(chromiumLaunchOptions())
    closers.push(() => browser.close())
    const rings = new Map<number, { url: string; ring: Ring }>()
    for (const peers of ringSizes) {
      const orchestrator = await startOrchestrator({ host: '127.0.0.1', port: 0, packDir, minSeats: peers })
      closers.push(() => orchestrator.close())
      console.error(`Opening ${peers} tab${peers === 1 ? '' : 's'} …`)
      const ring = await openRing({ url: orchestrator.url, peers, engine: 'wasm', browser, deadlineMs: 180_000 })
      rings.set(peers, { url: orchestrator.url, ring })
    }
    const samples = new Map<number, Measured[]>(ringSizes.map(peers => [peers, []]))
    for (let round = 0; round <= rounds; round++) {
      for (const peers of ringSizes) {
        const { url, ring } = rings.get(peers)!
        const measured = await askPool(url, ring.model, tokensPerRound)
        // The first round warms caches and clocks up; it is not counted.
        if (round > 0) samples.get(peers)!.push(measured)
        console.error(
          `round ${round}: ${peers} tab${peers === 1 ? '' : 's'} ${measured.tokensPerSecond.toFixed(2)} tokens/s`,
        )
      }
    }
    return report(samples)
  } finally {
    for (const close of closers.reverse()) await close().catch(error => console.error(error))
  }
}

function report(samples: ReadonlyMap<number, readonly Measured[]>): BenchReport {
  const speed = (peers: number): number[] => samples.get(peers)!.map(sample => sample.tokensPerSecond)
  const ratio = (peers: number): number[] => speed(peers).map((value, round) => value / speed(1)[round]!)
  // A ring of n tabs has n hops a token: n - 1 forward, and the token's way back.
  const hop = (peers: number): number[] => samples.get(peers)!.map(sample => sample.wireMs / peers)
  return {
    suite: 'ring',
    device: `${machineName()}, WASM engine`,
    rows: [
      ...ringSizes.map(peers => benchRow(`${peers} tab${peers === 1 ? '' : 's'}`, 'tokens/s', speed(peers))),
      ...ringSizes.map(peers =>
        benchRow(
          `engines of ${peers} tab${peers === 1 ? '' : 's'} together`,
          'ms/token',
          samples.get(peers)!.map(sample => sample.computeMs),
        ),
      ),
      benchRow('2 tabs against 1', 'ratio', ratio(2), { atLeast: 0.9 }),
      benchRow('3 tabs against 1', 'ratio', ratio(3)),
      benchRow('cost of a hop, 2 tabs', 'ms/token', hop(2), { atMost: 4 }),
      benchRow('cost of a hop, 3 tabs', 'ms/token', hop(3), { atMost: 4 }),
    ],
  }
}
