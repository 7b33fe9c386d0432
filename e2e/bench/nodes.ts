/**
 * The nodes bench: what splitting costs between headless nodes. Rings of one, two and three processes with an engine of one thread each
 * stand at once, each on its own orchestrator, and are asked in turn, so that this machine's noise hits all alike; only one works at a time.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { median } from '../harness/median.ts'
import { startNodes } from '../harness/node-processes.ts'
import { askPool, type Measured, machineName, writeSmolPack } from './ask-pool.ts'
import { type BenchReport, benchRow } from './bench-report.ts'

/** Many short turns: what else the machine does then hits all rings alike. */
const rounds = 24
const tokensPerRound = 32
const ringSizes = [1, 2, 3] as const

interface Ring {
  readonly url: string
  readonly model: string
}

/** About a minute on two cores. Errors: whatever a node or a request raised; nothing is retried. */
export async function runNodesBench(): Promise<BenchReport> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-bench-'))
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const packDir = path.join(folder, 'pack')
    await writeSmolPack(packDir)
    const rings = new Map<number, Ring>()
    for (const nodes of ringSizes) {
      const orchestrator = await startOrchestrator({ port: 0, packDir, minSeats: nodes, pageFolder: null })
      closers.push(() => orchestrator.close())
      const { url, model } = orchestrator
      console.error(`Starting ${nodes} node${nodes === 1 ? '' : 's'} …`)
      const dataDir = path.join(folder, `ring-${nodes}`)
      const started = await startNodes({ url, count: nodes, dataDir, deadlineMs: 120_000 })
      closers.push(() => started.close())
      rings.set(nodes, { url, model })
    }
    const samples = new Map<number, Measured[]>(ringSizes.map(nodes => [nodes, []]))
    for (let round = 0; round <= rounds; round++) {
      for (const nodes of ringSizes) {
        const { url, model } = rings.get(nodes)!
        const measured = await askPool(url, model, tokensPerRound)
        // The first round warms caches and clocks up; it is not counted.
        if (round > 0) samples.get(nodes)!.push(measured)
        console.error(
          `round ${round}: ${nodes} node${nodes === 1 ? '' : 's'} ${measured.tokensPerSecond.toFixed(2)} tokens/s`,
        )
      }
    }
    return report(samples)
  } finally {
    for (const close of closers.reverse()) await close().catch(error => console.error(error))
  }
}

function report(samples: ReadonlyMap<number, readonly Measured[]>): BenchReport {
  const named = (nodes: number): string => `${nodes} node${nodes === 1 ? '' : 's'}`
  const speed = (nodes: number): number[] => samples.get(nodes)!.map(sample => sample.tokensPerSecond)
  const ratio = (nodes: number): number[] => speed(nodes).map((value, round) => value / speed(1)[round]!)
  const laps = (nodes: number): number[] => samples.get(nodes)!.map(sample => sample.lapMs)
  const ofLaps = (nodes: number): number[] => laps(nodes).map((value, round) => laps(1)[round]! / value)
  // Where rounds scatter, the middle of their ratios lies above the ratio of their middles.
  const ofMedians = (nodes: number): number => median(speed(nodes)) / median(speed(1))
  // A ring of n nodes has n hops a token: n - 1 forward, and the token's way back.
  const hop = (nodes: number): number[] => samples.get(nodes)!.map(sample => sample.wireMs / nodes)
  return {
    suite: 'nodes',
    device: `${machineName()}, native engine, one thread a node`,
    rows: [
      ...ringSizes.map(nodes => benchRow(named(nodes), 'tokens/s', speed(nodes))),
      ...ringSizes.map(nodes => benchRow(`lap of ${named(nodes)}`, 'ms/token', laps(nodes))),
      ...ringSizes.map(nodes =>
        benchRow(
          `engines of ${named(nodes)} together`,
          'ms/token',
          samples.get(nodes)!.map(sample => sample.computeMs),
        ),
      ),
      benchRow('2 nodes against 1', 'ratio', ratio(2), { atLeast: 0.9 }),
      benchRow('2 nodes against 1, by the medians of all rounds', 'ratio', [ofMedians(2)], { atLeast: 0.9 }),
      benchRow('2 nodes against 1, by their laps', 'ratio', ofLaps(2)),
      benchRow('3 nodes against 1', 'ratio', ratio(3)),
      benchRow('3 nodes against 1, by the medians of all rounds', 'ratio', [ofMedians(3)]),
      benchRow('3 nodes against 1, by their laps', 'ratio', ofLaps(3)),
      benchRow('cost of a hop, 2 nodes', 'ms/token', hop(2)),
      benchRow('cost of a hop, 3 nodes', 'ms/token', hop(3)),
    ],
  }
}
