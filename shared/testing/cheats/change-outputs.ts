/** Cheats that need no other weights: garbage, the input handed on, another request's answer, a cache of an earlier epoch. */
import { activationFromValues, activationRows, activationValues, joinActivations } from '../../src/engine/index.ts'
import type { Activation, Engine } from '../../src/ports/index.ts'
import { createSeededRandom } from '../seeded-random.ts'
import { type WhichSteps, withOutputs, withRun } from './wrap-engine.ts'

export interface GarbageOptions {
  readonly seed?: number
  readonly vocab: number
  readonly which?: WhichSteps
}

/** Random numbers of the honest rows' size, so that no norm gives them away; random tokens at the exit. */
export function garbage(engine: Engine, { seed = 1, vocab, which }: GarbageOptions): Engine {
  const random = createSeededRandom(seed)
  const change = {
    activation(honest: Activation): Activation {
      const values = activationValues(honest)
      const size = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)
      const noise = values.map(() => (random.next() * 2 - 1) * size * Math.sqrt(3))
      return activationFromValues(noise, honest.hidden, honest.dtype)
    },
    token: () => random.int(vocab),
  }
  return withOutputs(engine, change, which)
}

/** What came in goes out; the exit says its last token once more. Errors: a RangeError at an entry, which gets no activations. */
export function identity(engine: Engine, which?: WhichSteps): Engine {
  if (engine.layers.start === 0) throw new RangeError('an entry has no activations to hand on')
  const change = {
    activation: (honest: Activation, row: Parameters<Engine['run']>[0][number]) =>
      'activation' in row.input ? row.input.activation : honest,
    token: (_: number, row: Parameters<Engine['run']>[0][number]) => row.sample?.generated.at(-1) ?? 0,
  }
  return withOutputs(engine, change, which)
}

/** Computes its first request, and answers all others with that one's rows, from the start again where they run out. */
export function replayed(engine: Engine): Engine {
  let source: string | null = null
  const recorded: Activation[] = []
  const tokens: number[] = []
  let length = 0
  const repeated = (position: number, count: number): Activation => {
    const whole = joinActivations(recorded)
    const pieces = Array.from({ length: count }, (_, at) => {
      const from = (position + at) % length
      return activationRows(whole, from, from + 1)
    })
    return joinActivations(pieces)
  }
  return withRun(engine, async rows => {
    const outputs = await engine.run(rows)
    return outputs.map((output, i) => {
      const row = rows[i]!
      source ??= row.requestId
      const own = output.kind === 'activation' ? output.activation : output.rows
      if (row.requestId === source) {
        if (own !== undefined) {
          recorded.push(own)
          length += own.tokens
        }
        if (output.kind === 'token') tokens.push(output.sampled.token)
        return output
      }
      const again = own === undefined ? undefined : repeated(row.position, own.tokens)
      if (output.kind === 'activation') return { kind: 'activation', activation: again! }
      const shown = again === undefined ? {} : { rows: again }
      if (output.kind !== 'token') return { ...output, ...shown }
      const token = tokens[row.position % tokens.length] ?? 0
      return { kind: 'token', sampled: { ...output.sampled, token }, ...shown }
    })
  })
}

/** Never begins anew: every request stands behind what an earlier epoch left in the cache, as a seat does that missed the ring's change. */
export function staleEpoch(engine: Engine): Engine {
  let stale: string | null = null
  let length = 0
  return {
    ...withRun(engine, rows =>
      engine.run(
        rows.map(row => {
          stale ??= row.requestId
          if (row.requestId === stale) {
            const brought = 'tokens' in row.input ? row.input.tokens.length : row.input.activation.tokens
            length = row.position + brought
            return row
          }
          return { ...row, requestId: stale, position: length + row.position }
        }),
      ),
    ),
    forget: () => undefined,
    keep: () => undefined,
  }
}

/** Two neighbours who agreed on a mask: the first sends its rows with signs turned over, the second turns them back. The answer is right. */
export function collude(first: Engine, second: Engine, seed = 1): [Engine, Engine] {
  const masked = (activation: Activation): Activation => {
    const values = activationValues(activation)
    const { hidden } = activation
    const signs = Array.from({ length: hidden }, (_, i) => ((seed * (i + 1) * 2654435761) & 64 ? -1 : 1))
    return activationFromValues(
      values.map((value, i) => value * signs[i % hidden]!),
      hidden,
      activation.dtype,
    )
  }
  return [
    withOutputs(first, { activation: masked, token: token => token }),
    withRun(second, rows =>
      second.run(
        rows.map(row =>
          'activation' in row.input ? { ...row, input: { activation: masked(row.input.activation) } } : row,
        ),
      ),
    ),
  ]
}
