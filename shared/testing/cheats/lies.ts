/** Those who lie about others: an auditor whose word is not what it computed, an accuser whose evidence is made up. */
import type { RecomputeReport } from '../../src/audit/index.ts'
import { activationFromValues, activationValues } from '../../src/engine/index.ts'
import type { Activation } from '../../src/ports/index.ts'
import { createSeededRandom } from '../seeded-random.ts'

/** How an auditor lies: says the opposite, blames everybody, or lets everybody off. */
export type AuditorLie = 'opposite' | 'blames' | 'clears'

/** A report as `lie` has it. */
export function lyingAuditor(honest: RecomputeReport, lie: AuditorLie, seed = 1): RecomputeReport {
  const random = createSeededRandom(seed)
  const says = { opposite: !honest.isHonest, blames: false, clears: true }[lie]
  if (says === honest.isHonest) return honest
  const { positions, overwritten, compared, draws } = honest
  const clean = { worst: 0, worstPosition: 0, mean: 0, over: 0, firstOver: null }
  const wrong = { worst: 1 + random.next(), worstPosition: 0, mean: random.next(), over: positions, firstOver: 0 }
  return { isHonest: says, positions, overwritten, compared, draws, ...(says ? clean : wrong) }
}

/** Outputs that the accused never sent: one row of the honest ones, changed so that it is over any tolerance. */
export function lyingAccuser(outputs: readonly Activation[], seed = 1): Activation[] {
  const random = createSeededRandom(seed)
  const chosen = random.int(outputs.length)
  return outputs.map((output, i) => {
    if (i !== chosen) return output
    const values = activationValues(output).slice()
    const from = random.int(output.tokens) * output.hidden
    for (let at = from; at < from + output.hidden; at++) values[at] = -2 * values[at]!
    return activationFromValues(values, output.hidden, output.dtype)
  })
}
