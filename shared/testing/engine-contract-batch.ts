/** What an engine promises of rows that come in one call: what each gives by itself, whichever come together. */
import { activationRows } from '../src/engine/index.ts'
import { greedy, type SamplingParams } from '../src/pipeline/index.ts'
import type { Activation, Engine, EngineRow, SampleRequest } from '../src/ports/index.ts'
import {
  boundary,
  check,
  type EngineContractCase,
  equal,
  near,
  prompt,
  refused,
  row,
  tokenOf,
} from './engine-contract-steps.ts'

/** Lengths of the prompts: one begins with its only token, some fill a small cache, one outgrows it on the way. */
const lengths = [1, 3, 14, 20, 7, 12]
/** Who comes together, call by call: all, a few whose caches do not lie side by side, and one alone. */
const calls = [[0, 1, 2, 3, 4, 5], [0, 2, 4], [1, 3, 5], [5, 0], [0, 1, 2, 3, 4, 5], [3], [4, 3, 2, 1, 0]]
const params: Partial<SamplingParams>[] = [{}, { logprobs: 2 }, { temperature: 0.9, seed: 3, topK: 20 }]

export const batchContract: readonly EngineContractCase[] = [
  {
    name: 'rows of several requests in one call give what each gives by itself, whoever comes together',
    async run({ manifest, open, chunkTolerance }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers - 1 })
      const tokensOf = (i: number) =>
        Array.from({ length: lengths[i]! + calls.length }, (_, at) => prompt[(i * 3 + at) % prompt.length]!)
      const whole: Activation[] = []
      for (const [i, length] of lengths.entries()) {
        const tokens = tokensOf(i)
        whole.push(
          await boundary(engine, {
            requestId: `alone-${i}`,
            tokens,
            chunk: Math.max(1, Math.min(length - 1, engine.facts.maxChunk)),
          }),
        )
        engine.forget(`alone-${i}`)
      }
      const positions = lengths.map(length => length - 1)
      for (const [i, at] of positions.entries())
        if (at > 0) await boundary(engine, { requestId: `r${i}`, tokens: tokensOf(i).slice(0, at), chunk: 8 })
      for (const call of calls) {
        const rows = call.map(i => row(`r${i}`, positions[i]!, [tokensOf(i)[positions[i]!]!], null))
        for (const some of shares(rows, engine)) {
          for (const [at, output] of (await engine.run(some)).entries()) {
            const i = Number(some[at]!.requestId.slice(1))
            if (output.kind !== 'activation') throw new Error(`expected an activation, got ${output.kind}`)
            equal(output.activation.tokens, 1, 'positions of an output')
            const expected = activationRows(whole[i]!, positions[i]!, positions[i]! + 1)
            near(output.activation, expected, chunkTolerance, `request ${i} at ${positions[i]} among ${call}`)
            positions[i]! += 1
          }
        }
      }
      check(engine.memory().requests === lengths.length, 'all are held')
      await engine.close()
    },
  },
  {
    name: 'rows of several requests in one call draw what each draws by itself, in the order of the rows',
    async run({ manifest, open }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers })
      const sampleFor = (i: number, drawn: readonly number[]): SampleRequest => ({
        params: { ...greedy, ...params[i % params.length] },
        generated: drawn,
        prompt: [],
      })
      const promptOf = (i: number) => Array.from({ length: lengths[i]! }, (_, at) => prompt[(i + at) % prompt.length]!)
      const alone: number[][] = []
      for (const i of lengths.keys()) {
        const drawn: number[] = []
        const known = () => [...promptOf(i), ...drawn]
        await prefill(engine, `alone-${i}`, promptOf(i))
        while (drawn.length < 4) {
          const position = known().length - 1
          const [output] = await engine.run([row(`alone-${i}`, position, known().slice(-1), sampleFor(i, drawn))])
          drawn.push(tokenOf(output!).token)
        }
        engine.forget(`alone-${i}`)
        alone.push(drawn)
      }
      const together: number[][] = lengths.map(() => [])
      for (const i of lengths.keys()) await prefill(engine, `r${i}`, promptOf(i))
      for (let step = 0; step < 4; step++) {
        // Another order each time, and a prefill chunk among them.
        const order = [...lengths.keys()].map(i => (i * 5 + step) % lengths.length)
        const rows: EngineRow[] = order.map(i => {
          const current = step === 0 ? promptOf(i).slice(-1) : together[i]!.slice(-1)
          return row(`r${i}`, lengths[i]! - 1 + step, current, sampleFor(i, together[i]!))
        })
        rows.splice(2, 0, row(`prefill-${step}`, 0, [9, 9, 8], null))
        const outputs = await engine.run(rows)
        equal(outputs[2], { kind: 'none' }, 'the prefill chunk')
        for (const [at, output] of outputs.entries())
          if (at !== 2) together[Number(rows[at]!.requestId.slice(1))]!.push(tokenOf(output).token)
      }
      equal(together, alone, 'tokens')
      await engine.close()
    },
  },
  {
    name: 'a call that is refused for one of its rows can be asked again for the others',
    async run({ manifest, open, chunkTolerance }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers - 1 })
      for (const requestId of ['a', 'b']) await boundary(engine, { requestId, tokens: prompt.slice(0, 5), chunk: 5 })
      const rowOf = (requestId: string, position = 5) => row(requestId, position, [prompt[5]!], null)
      await refused(engine.run([rowOf('a'), rowOf('b', 7)]), 'peer_frame_invalid')
      const reuse = { requestId: 'gone', positions: 5 }
      await refused(engine.run([rowOf('b'), { ...rowOf('c'), reuse }, rowOf('a')]), 'engine_prefix_missing')
      equal(engine.memory().requests, 2, 'requests that are left')
      const outputs = await engine.run([rowOf('b'), rowOf('a')])
      const whole = await boundary(engine, { requestId: 'whole', tokens: prompt.slice(0, 6), chunk: 5 })
      for (const output of outputs) {
        if (output.kind !== 'activation') throw new Error(`expected an activation, got ${output.kind}`)
        near(output.activation, activationRows(whole, 5, 6), chunkTolerance, 'after the refusals')
      }
      await engine.close()
    },
  },
]

/** All but the last token. */
async function prefill(engine: Engine, requestId: string, tokens: readonly number[]): Promise<void> {
  const { maxChunk } = engine.facts
  for (let at = 0; at < tokens.length - 1; at += maxChunk)
    await engine.run([row(requestId, at, tokens.slice(at, Math.min(at + maxChunk, tokens.length - 1)), null)])
}

/** `rows` in calls that the engine takes at once, so that a run of them all is what is measured. */
function shares(rows: readonly EngineRow[], { facts }: Engine): EngineRow[][] {
  const most = Math.max(1, facts.maxRows)
  const calls: EngineRow[][] = []
  for (let at = 0; at < rows.length; at += most) calls.push(rows.slice(at, at + most))
  return calls
}
