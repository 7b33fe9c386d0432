/**
 * The distance bench: two native nodes (processes of one thread each, a model of SmolLM2-135M's shape, free work) whose UDP packets are delayed,
 * lost and paced between them. Real ICE, DTLS and SCTP over an emulated line; ratios are of the same run, asked in turn.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { demoPackDir, readTranscripts } from '../harness/golden-answers.ts'
import type { Impairment } from '../harness/impaired-way.ts'
import { machineName, writeSmolPack } from './ask-pool.ts'
import { type BenchReport, type BenchRow, benchRow } from './bench-report.ts'
import { type DistanceRing, openDistanceRing } from './distance-ring.ts'
import { askedAgain, draftGains } from './draft-gains.ts'

const delaysMs = [0, 5, 20, 50, 100]
const lossRates = [0, 0.01, 0.05]
const promptTokens = 2048
/** Until round trips measured before a change have left the links' memory, lanes are open and placement is settled. */
const settleMs = 6000

interface Scale {
  /** Tokens of one answer of the grid, and of one that a ratio is taken of. */
  readonly gridTokens: number
  readonly ratioTokens: number
  readonly rounds: number
  /** Of the demo model's, each asked with drafts and without. */
  readonly questions: number
}

/** About eight minutes on two cores, three where quick. Errors: whatever a node or a request raised; nothing is retried. */
export async function runDistanceBench({ isQuick }: { readonly isQuick: boolean }): Promise<BenchReport> {
  const scale = isQuick
    ? { gridTokens: 24, ratioTokens: 48, rounds: 1, questions: 3 }
    : { gridTokens: 64, ratioTokens: 96, rounds: 5, questions: 10 }
  const folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-bench-'))
  try {
    const packDir = path.join(folder, 'pack')
    await writeSmolPack(packDir, 4096)
    const rows = [
      ...(await onRing({ packDir, folder: path.join(folder, 'smol') }, async ring => [
        ...(await measureGrid(ring, scale)),
        ...(await measureLoss(ring, scale)),
        ...(await measurePrefill(ring, isQuick ? 1 : 2)),
      ])),
      ...(await onRing({ packDir: demoPackDir, folder: path.join(folder, 'demo') }, ring =>
        measureDrafts(ring, scale),
      )),
    ]
    return { suite: 'distance', device: `${machineName()}, two native nodes of one thread, emulated line`, rows }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const inWords = ({ oneWayMs, lossRate }: Pick<Impairment, 'oneWayMs' | 'lossRate'>): string =>
  `${oneWayMs} ms one way, ${lossRate * 100} % loss`

async function settle(ring: DistanceRing, impairment: Partial<Impairment>): Promise<void> {
  ring.network.change({ lossRate: 0, bitsPerSecond: null, ...impairment })
  await pause(settleMs)
  // Laps of the answer before told the pool another distance.
  await ring.decode(8)
}

/** What was measured on a ring of its own; throws where its frames went another way than the network. */
async function onRing(
  pack: { readonly packDir: string; readonly folder: string },
  measure: (ring: DistanceRing) => Promise<BenchRow[]>,
): Promise<BenchRow[]> {
  const ring = await openDistanceRing({ ...pack, seed: 20_261_122 })
  try {
    // The first answer warms links and engines.
    await ring.decode(16)
    const rows = await measure(ring)
    ring.proveWay()
    return rows
  } finally {
    await ring.close()
  }
}

/** Plain decoding over every distance and loss. */
async function measureGrid(ring: DistanceRing, { gridTokens: tokens }: Scale): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const oneWayMs of delaysMs) {
    await settle(ring, { oneWayMs })
    for (const lossRate of lossRates) {
      ring.network.change({ lossRate })
      const speed = await ring.decode(tokens)
      console.error(`${inWords({ oneWayMs, lossRate })}: ${speed.toFixed(2)} tokens/s`)
      rows.push(benchRow(`plain, ${inWords({ oneWayMs, lossRate })}`, 'tokens/s', [speed]))
    }
  }
  return rows
}

/** At 50 ms one way: loss against none, in turn. */
async function measureLoss(ring: DistanceRing, { ratioTokens: tokens, rounds }: Scale): Promise<BenchRow[]> {
  const ratios: number[] = []
  await settle(ring, { oneWayMs: 50 })
  for (let round = 1; round <= rounds; round++) {
    const clean = await ring.decode(tokens)
    ring.network.change({ lossRate: 0.05 })
    ratios.push((await ring.decode(tokens)) / clean)
    ring.network.change({ lossRate: 0 })
    console.error(`round ${round}: ${ratios.at(-1)!.toFixed(3)} of the speed with 5 % loss`)
  }
  return [benchRow('50 ms one way: 5 % loss against none', 'ratio', ratios, { atLeast: 0.85 })]
}

/**
 * At 50 ms one way, drafts against none. Random weights write either one token over and over or pairs that never come twice, a best case
 * and no case at all: the demo model writes text, in which pairs recur and mislead.
 */
async function measureDrafts(ring: DistanceRing, { questions }: Scale): Promise<BenchRow[]> {
  const asked = (await readTranscripts()).slice(0, questions)
  await settle(ring, { oneWayMs: 50 })
  console.error('first asked …')
  const novel = await draftGains(ring, asked)
  console.error('asked again …')
  const repeated = await draftGains(ring, asked.map(askedAgain))
  const words = '50 ms one way, demo model: drafts against none'
  return [
    benchRow(`${words}, asked again`, 'ratio', repeated, { atLeast: 3 }),
    benchRow(`${words}, first asked`, 'ratio', novel, { atLeast: 0.95 }),
  ]
}

/** A long prompt over lines of 10 and 100 Mbit/s, and with loss; the engines' own time is that over a near line. */
async function measurePrefill(ring: DistanceRing, rounds: number): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  const lines: readonly (readonly [words: string, impairment: Partial<Impairment>])[] = [
    ['no distance', { oneWayMs: 0 }],
    ['50 ms one way, 100 Mbit/s', { oneWayMs: 50, bitsPerSecond: 100e6 }],
    ['50 ms one way, 10 Mbit/s', { oneWayMs: 50, bitsPerSecond: 10e6 }],
    ['50 ms one way, 100 Mbit/s, 1 % loss', { oneWayMs: 50, bitsPerSecond: 100e6, lossRate: 0.01 }],
  ]
  for (const [words, impairment] of lines) {
    await settle(ring, impairment)
    const samples: number[] = []
    for (let round = 0; round < rounds; round++) samples.push(await ring.prefill(promptTokens))
    console.error(`prefill, ${words}: ${samples.map(ms => ms.toFixed(0)).join(', ')} ms`)
    rows.push(benchRow(`prefill of ${promptTokens} tokens, ${words}`, 'ms', samples))
  }
  return rows
}
