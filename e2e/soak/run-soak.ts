/**
 * The soak: a ring of native nodes, and a tab where asked for, under a queue that never empties, and the memory of each process all the
 * while. It fails where memory still grows in its last half.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { writeRandomPack } from '@computepool/node/pack/random-pack.ts'
import { poolSnapshotSchema } from '@computepool/shared/swarm'
import { bundleProgram } from '../../node/testing/bundle-program.ts'
import { median } from '../harness/median.ts'
import { untilPoolReady } from '../harness/until-pool-ready.ts'
import { type MemorySample, type MemoryTrend, memoryTrend } from './memory-trend.ts'
import { keepAsking } from './soak-load.ts'
import type { SoakOrder } from './soak-orchestrator.ts'
import { type ProcessMemory, startWatched } from './watched-process.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly nodes: number
  readonly withTab: boolean
  readonly onLine: (line: string) => void
}

export interface SoakReport {
  readonly whole: number
  readonly givenUp: number
  /** Requests that waited at a sample; `queueLength` is a full queue. */
  readonly medianQueued: number
  /** By process and kind of memory. */
  readonly trends: Readonly<Record<string, MemoryTrend>>
}

const samplesEveryMs = 10_000
/** A short soak still needs a trend to look at: it samples more often, and where the machine is busy goes on until it has the fewest. */
const samplesOfShort = 36
const fewestSamples = 18
export const queueLength = 32
/** The desk's usual limits; the callers are one client, which the soak allows all of them. */
const limits = { maxRunning: 8, maxQueued: queueLength }
const callers = limits.maxRunning + limits.maxQueued
const vocab = 512

export async function runSoak({ minutes, nodes, withTab, onLine }: SoakOptions): Promise<SoakReport> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-soak-'))
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const packDir = path.join(folder, 'pack')
    const dimensions = {
      layers: 6,
      hidden: 128,
      heads: 4,
      kvHeads: 2,
      headDim: 32,
      intermediate: 256,
      vocab,
      context: 512,
    }
    await writeRandomPack({
      outDir: packDir,
      architecture: 'qwen3',
      dimensions,
      quantisation: 'q8',
      seed: 1,
      model: 'soak',
    })
    const members = new Map<string, { memory(): Promise<ProcessMemory> }>()
    const seats = nodes + (withTab ? 1 : 0)
    const order: SoakOrder = { packDir, seats, withPage: withTab, limits }
    const [program, cli] = await Promise.all(['e2e/soak/soak-orchestrator.ts', 'node/src/cli.ts'].map(bundleProgram))
    const orchestrator = startWatched([program!, JSON.stringify(order)])
    closers.push(() => orchestrator.close())
    members.set('orchestrator', orchestrator)
    const { url, model } = await orchestrator.message<{ url: string; model: string }>()
    for (let index = 0; index < nodes; index++) {
      const options = ['--threads', '1', '--engine', 'cpu', '--memory', '1GB', '--drain-seconds', '0']
      const data = path.join(folder, String(index))
      const node = startWatched([cli!, 'node', url, '--data', data, ...options])
      closers.push(() => node.close())
      members.set(`node ${index + 1}`, node)
    }
    if (withTab) {
      // A browser's driver is loaded only where there is a tab.
      const { openSoakTab } = await import('./soak-tab.ts')
      const tab = await openSoakTab(url)
      closers.push(() => tab.close())
      members.set('tab', tab)
    }
    await untilPoolReady({ url, deadlineMs: 120_000 })
    const load = keepAsking({ url, model, callers, vocab: 256 })
    closers.push(() => load.stop().catch(() => {}))
    const queued: number[] = []
    const series = await watch(members, minutes * 60_000, async line => {
      queued.push(await queuedAt(url))
      const { whole, givenUp } = load.counts()
      onLine(`${line}; ${queued.at(-1)} wait, ${whole} answers, ${givenUp} given up`)
    })
    await load.stop()
    const trends = Object.fromEntries([...series].map(([name, samples]) => [name, memoryTrend(samples)]))
    return { ...load.counts(), medianQueued: median(queued), trends }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

async function queuedAt(url: string): Promise<number> {
  return poolSnapshotSchema.parse(await (await fetch(new URL('/api/pool', url))).json()).queuedRequests
}

type Members = ReadonlyMap<string, { memory(): Promise<ProcessMemory> }>

/** Samples of all members until the time is over. */
async function watch(
  members: Members,
  forMs: number,
  onSample: (line: string) => Promise<void>,
): Promise<Map<string, MemorySample[]>> {
  const series = new Map<string, MemorySample[]>()
  const everyMs = Math.min(samplesEveryMs, forMs / samplesOfShort)
  const startMs = performance.now()
  const add = (name: string, bytes: number): void => {
    series.set(name, [...(series.get(name) ?? []), { atMs: performance.now() - startMs, bytes }])
  }
  for (let sample = 1; sample <= fewestSamples || performance.now() - startMs < forMs; sample++) {
    await new Promise(resolve => setTimeout(resolve, everyMs))
    const parts: string[] = []
    const memories = [...members].map(async ([name, member]) => ({ name, ...(await member.memory()) }))
    for (const { name, residentBytes, heapBytes } of await Promise.all(memories)) {
      add(`${name}, resident`, residentBytes)
      add(`${name}, heap`, heapBytes)
      parts.push(`${name} ${inMiB(residentBytes)} (heap ${inMiB(heapBytes)})`)
    }
    await onSample(`${Math.round((performance.now() - startMs) / 1000)} s: ${parts.join(', ')} MiB`)
  }
  return series
}

export const inMiB = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
