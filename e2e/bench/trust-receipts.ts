/**
 * What receipts cost: two native engines that serve one ring with receipts and one without, lap by lap in turn, whose turn comes first being
 * drawn. Hosts and links are left out: beside them the share would be smaller.
 */
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import type { Engine } from '@computepool/shared/ports'
import { type BenchRow, benchRow } from './bench-report.ts'
import { type Pair, pairsInterval, ratioOf, reachRow, usualRatioOf } from './trust-interval.ts'
import { type Asked, openTrustRing } from './trust-ring.ts'
import { smolPack } from './trust-smol.ts'
import { type Lane, openLane, type TurnTime } from './trust-turns.ts'

/** Of tokens a second. */
const reach = { atLeast: 0.99 }
const shape = { promptTokens: 60, answerTokens: 120 }

/** The same lap of both. */
interface TurnPair {
  readonly on: TurnTime
  readonly off: TurnTime
}

/** Errors: what an engine or the ring raised, receipts that do not meet, an answer that receipts changed. */
export async function measureReceipts({
  isQuick,
  next,
}: {
  isQuick: boolean
  next: () => number
}): Promise<BenchRow[]> {
  const budgetMs = isQuick ? 12_000 : 60_000
  const { manifest, parts } = smolPack(512)
  const { layers, context, vocab } = manifest.dimensions
  const engines: Engine[] = []
  for (const seat of [0, 1]) {
    const slice = { start: (layers / 2) * seat, end: (layers / 2) * (seat + 1) }
    engines.push(
      await openNativeEngine(
        { manifest, parts, layers: slice, kvBudgetBytes: 2 ** 26, maxContext: context },
        { threads: 1 },
      ),
    )
  }
  const lanes = { on: openLane(engines), off: openLane(engines) }
  const rings = {
    on: openTrustRing({ engines: lanes.on.engines, manifest, hasReceipts: true }),
    off: openTrustRing({ engines: lanes.off.engines, manifest, hasReceipts: false }),
  }

  /** Both give one answer to the same prompt, the turns of each lap in an order that is drawn. */
  async function askBoth(answer: number): Promise<TurnPair[]> {
    const promptTokens = Array.from(
      { length: shape.promptTokens },
      (_, i) => (i * 71 + Math.abs(answer) * 37 + 13) % vocab,
    )
    const ask = (which: 'on' | 'off'): Promise<Asked> =>
      rings[which].ask({ requestId: `${which}-${answer}`, promptTokens, maxTokens: shape.answerTokens })
    const [on, off] = [ask('on'), ask('off')]
    await lanes.on.begin(on)
    await lanes.off.begin(off)
    const pairs = await takeTurns(lanes, next)
    const [receipted, plain] = [await on, await off]
    receipted.verify()
    if (receipted.tokens.join() !== plain.tokens.join()) throw new Error('Receipts changed an answer.')
    return pairs
  }

  try {
    // Engines, signatures and what compiles on its first use are warm behind these.
    for (const warm of [1, 2]) await askBoth(-warm)
    const warmMs = rings.on.receiptMs()
    const before = performance.now()
    const answers: TurnPair[][] = []
    while (answers.length < 3 || performance.now() - before < budgetMs) answers.push(await askBoth(answers.length))
    const pairs = answers.flat()
    const kindsBy = (by: keyof TurnTime) =>
      [answers.map(laps => laps[0]!), answers.flatMap(laps => laps.slice(1, -1)), answers.map(laps => laps.at(-1)!)]
        // Tokens a second of the one over those of the other are time without over time with.
        .map(laps => laps.map(({ on, off }): Pair => ({ one: off[by], other: on[by] })))
    const ratioRow = (name: string, ratio: typeof ratioOf, by: keyof TurnTime): BenchRow => {
      const kinds = kindsBy(by)
      return reachRow(name, 'ratio', ratio(kinds), { interval: pairsInterval(kinds, ratio, next), reach })
    }
    const own = (rings.on.receiptMs() - warmMs) / pairs.reduce((sum, { on }) => sum + on.wallMs, 0)
    return [
      speedRow('with receipts', answers, 'on'),
      speedRow('without', answers, 'off'),
      ratioRow('receipts: tokens a processor second, with against without, usual laps', usualRatioOf, 'cpuMs'),
      ratioRow('receipts: tokens a processor second, with against without, all laps', ratioOf, 'cpuMs'),
      ratioRow('receipts: tokens a second, with against without, usual laps', usualRatioOf, 'wallMs'),
      benchRow('receipts: hashing and signing by their own clock, of an answer’s time', 'share', [own]),
      benchRow('receipts: laps compared', 'pairs', [pairs.length]),
    ]
  } finally {
    for (const lane of Object.values(lanes)) lane.release()
    for (const ring of Object.values(rings)) await ring.close()
    for (const engine of engines) await engine.close()
  }
}

async function takeTurns(lanes: { readonly on: Lane; readonly off: Lane }, next: () => number): Promise<TurnPair[]> {
  const pairs: TurnPair[] = []
  while (!lanes.on.isOver()) {
    const isOnFirst = next() < 0.5
    const first = await lanes[isOnFirst ? 'on' : 'off'].turn()
    const second = await lanes[isOnFirst ? 'off' : 'on'].turn()
    pairs.push(isOnFirst ? { on: first, off: second } : { on: second, off: first })
  }
  if (!lanes.off.isOver()) throw new Error('Without receipts an answer takes more laps.')
  return pairs
}

function speedRow(words: string, answers: readonly (readonly TurnPair[])[], which: 'on' | 'off'): BenchRow {
  const speeds = answers.map(
    pairs => (1000 * shape.answerTokens) / pairs.reduce((sum, pair) => sum + pair[which].wallMs, 0),
  )
  return benchRow(`receipts: two native seats in one process, ${words}`, 'tokens/s', speeds)
}
