/**
 * The trust bench: how soon somebody who cheats on a share of its steps is met by a check at the default policy, in answers that were really
 * served and really computed again (by integer arithmetic in the place of a model, which costs next to nothing), beside the formula.
 */
import { catchChanceWithin, defaultCheckPolicy, extraCompute, planChecks, recompute } from '@computepool/shared/audit'
import { greedy } from '@computepool/shared/pipeline'
import { createSeededRandom, fakeManifest, openFakeEngine } from '@computepool/shared/testing'
import { serveAnswer } from '../../node/src/audit/served-answer.ts'
import { garbage } from '../../shared/testing/cheats/index.ts'
import { machineName } from './ask-pool.ts'
import { type BenchReport, type BenchRow, benchRow } from './bench-report.ts'

const chunks = [16, 8]
const shape = { promptTokens: 24, answerTokens: 40, chunk: 16 }
const positions = shape.promptTokens + shape.answerTokens - 1
const policy = defaultCheckPolicy
const tolerance = { relative: 1e-3, logit: 1e-3 }
/** [share of steps, requests]: what the default policy is held to, and a cheat that it seldom meets at once. */
const cases: readonly (readonly [share: number, requests: number])[] = [
  [1, 1],
  [1, 5],
  [0.1, 5],
  [0.1, 50],
  [0.02, 10],
]
/** A request costs milliseconds; those of the longer cases are dealt into more runs. */
const requestsServed = 8000

/** About two minutes on two cores, a tenth of it where quick. */
export async function runTrustBench({ isQuick }: { readonly isQuick: boolean }): Promise<BenchReport> {
  const served = isQuick ? requestsServed / 10 : requestsServed
  const rows: BenchRow[] = []
  for (const share of new Set(cases.map(([one]) => one))) {
    const caught = await metBy(share, served)
    for (const [, requests] of cases.filter(([one]) => one === share)) {
      const runs = Math.floor(served / requests)
      let out = 0
      for (let run = 0; run < runs; run++)
        out += caught.slice(run * requests, (run + 1) * requests).includes(true) ? 1 : 0
      const name = `cheats on ${share * 100} % of steps, out within ${requests}`
      const formula = catchChanceWithin(
        { policy, cheating: { share, pattern: 'scattered' }, shapes: [shape] },
        requests,
      )
      rows.push(benchRow(`${name}: of ${runs} runs`, 'share', [out / runs]))
      rows.push(benchRow(`${name}: formula`, 'share', [formula]))
    }
  }
  for (const ratio of [1, 4, 10])
    rows.push(
      benchRow(`extra compute by the formula, decode ${ratio} times a prompt position`, 'share', [
        extraCompute(policy, [shape], ratio),
      ]),
    )
  return { suite: 'trust', device: `${machineName()}, node ${process.version}`, rows }
}

/** By request: whether its check met a cheated row. */
async function metBy(share: number, requests: number): Promise<boolean[]> {
  const random = createSeededRandom(Math.round(1 / share))
  const manifest = fakeManifest()
  const { layers, vocab } = manifest.dimensions
  const cuts = [0, Math.floor(layers / 3), Math.floor((2 * layers) / 3), layers]
  const open = (seat: number) => openFakeEngine({ manifest, layers: { start: cuts[seat]!, end: cuts[seat + 1]! } })
  const cheat = garbage(open(1), { vocab, which: () => random.next() < share })
  const engines = [open(0), cheat, open(2)] as const
  const auditor = open(1)
  const prompt = Array.from({ length: shape.promptTokens }, (_, i) => (i * 71 + 13) % vocab)
  const met: boolean[] = []
  for (let request = 0; request < requests; request++) {
    const requestId = `request-${request}`
    const answer = await serveAnswer({
      ...{ engines, prompt, chunks, vocab, requestId },
      ...{ count: shape.answerTokens, params: greedy },
    })
    const [check] = planChecks({
      secret: random.bytes(32),
      attempt: requestId,
      receiptHeads: [random.bytes(32)],
      ...{ positions, keptPositions: 0, policies: [policy] },
    })
    if (check === undefined) {
      met.push(false)
      continue
    }
    const claimed = { kind: 'activations' as const, outputs: answer.outputs[1] }
    const { firstOver } = await recompute({
      ...{ engine: auditor, frames: answer.frames[1], claimed, tolerance, chunk: 64, requestId },
    })
    auditor.forget(requestId)
    met.push(firstOver !== null && firstOver < check.endPosition)
  }
  return met
}
