/**
 * What receipts cost: tokens a second of two native engines in one ring, with receipts and without, answer by answer in turn over the same
 * engines. Hosts and links are left out: beside them the share would be smaller.
 */
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { median } from '../harness/median.ts'
import { type BenchRow, benchRow, quantile } from './bench-report.ts'
import { openTrustRing } from './trust-ring.ts'
import { smolPack } from './trust-smol.ts'

interface Sample {
  readonly tokensPerSecond: number
  /** Of this process, all its threads: less moved by whatever else runs. */
  readonly tokensPerCpuSecond: number
}

/** Errors: what an engine or the ring raised, receipts that do not meet, an answer that receipts changed. */
export async function measureReceipts({
  isQuick,
  next,
}: {
  isQuick: boolean
  next: () => number
}): Promise<BenchRow[]> {
  const scale = isQuick ? { rounds: 3, tokens: 40 } : { rounds: 10, tokens: 100 }
  const { manifest, parts } = smolPack(512)
  const { layers, context } = manifest.dimensions
  const half = layers / 2
  const slices = [
    { start: 0, end: half },
    { start: half, end: layers },
  ]
  const engines = []
  for (const slice of slices)
    engines.push(
      await openNativeEngine(
        { manifest, parts, layers: slice, kvBudgetBytes: 2 ** 26, maxContext: context },
        { threads: 1 },
      ),
    )
  const rings = {
    on: openTrustRing({ engines, manifest, hasReceipts: true }),
    off: openTrustRing({ engines, manifest, hasReceipts: false }),
  }
  const promptTokens = Array.from({ length: 60 }, (_, i) => (i * 71 + 13) % manifest.dimensions.vocab)
  const texts = new Set<string>()
  let wallMs = 0
  const ask = async (which: 'on' | 'off', round: number): Promise<Sample> => {
    const cpuBefore = process.cpuUsage()
    const { tokens, ms } = await rings[which].ask({
      ...{ requestId: `${which}-${round}`, promptTokens, maxTokens: scale.tokens },
    })
    const { user, system } = process.cpuUsage(cpuBefore)
    texts.add(tokens.join())
    if (which === 'on') wallMs += ms
    return { tokensPerSecond: (tokens.length / ms) * 1000, tokensPerCpuSecond: (tokens.length / (user + system)) * 1e6 }
  }
  try {
    // Engines, signatures and what compiles on its first use are warm behind these.
    for (const which of ['on', 'off'] as const) await ask(which, -1)
    wallMs = 0
    const warmMs = rings.on.receiptMs()
    const samples: { on: Sample; off: Sample }[] = []
    for (let round = 0; round < scale.rounds; round++) {
      // Who goes first changes, or whatever the first leaves behind would be the second's.
      const first = round % 2 === 0 ? 'on' : 'off'
      const one = await ask(first, round)
      const other = await ask(first === 'on' ? 'off' : 'on', round)
      samples.push(first === 'on' ? { on: one, off: other } : { on: other, off: one })
      const last = samples.at(-1)!
      console.error(
        `round ${round + 1}: ${last.on.tokensPerSecond.toFixed(2)} tokens/s with receipts, ${last.off.tokensPerSecond.toFixed(2)} without`,
      )
    }
    if (texts.size !== 1) throw new Error('Receipts changed an answer.')
    const ratios = samples.map(({ on, off }) => on.tokensPerSecond / off.tokensPerSecond)
    const perCpu = samples.map(({ on, off }) => on.tokensPerCpuSecond / off.tokensPerCpuSecond)
    return [
      speedRow(
        'with receipts',
        samples.map(({ on }) => on),
      ),
      speedRow(
        'without',
        samples.map(({ off }) => off),
      ),
      {
        ...benchRow('receipts: tokens/s with against without', 'ratio', ratios, { atLeast: 0.99 }),
        ...spread(ratios, next),
      },
      { ...benchRow('receipts: tokens a CPU second, with against without', 'ratio', perCpu), ...spread(perCpu, next) },
      benchRow('receipts: hashing and signing, of an answer’s time', 'share', [
        (rings.on.receiptMs() - warmMs) / wallMs,
      ]),
    ]
  } finally {
    for (const ring of Object.values(rings)) await ring.close()
    for (const engine of engines) await engine.close()
  }
}

function speedRow(words: string, samples: readonly Sample[]): BenchRow {
  return benchRow(
    `receipts: two native seats in one process, ${words}`,
    'tokens/s',
    samples.map(({ tokensPerSecond }) => tokensPerSecond),
  )
}

/** Of the median, by drawing the rounds again. */
function spread(ratios: readonly number[], next: () => number): { low: number; high: number } {
  const medians = Array.from({ length: 2000 }, () =>
    median(ratios.map(() => ratios[Math.floor(next() * ratios.length)]!)),
  )
  return { low: quantile(medians, 0.025), high: quantile(medians, 0.975) }
}
