/**
 * What every engine promises, as cases over a small model. The same list runs in vitest over the fake and the native engine, and in
 * a real browser over WebGPU and WASM; it knows only the port, and no test runner.
 */
import { activationRows } from '../src/engine/index.ts'
import { greedy, type SampledToken, type SamplingParams } from '../src/pipeline/index.ts'
import type { Activation } from '../src/ports/index.ts'
import { batchContract } from './engine-contract-batch.ts'
import { draftContract } from './engine-contract-drafts.ts'
import { keptCacheContract } from './engine-contract-kept.ts'
import { exitRowsContract } from './engine-contract-rows.ts'
import {
  boundary,
  check,
  type EngineContractCase,
  equal,
  generate,
  generateOver,
  greedySample,
  near,
  prompt,
  refused,
  row,
  tokenOf,
} from './engine-contract-steps.ts'

export type { EngineContractCase, EngineContractHarness } from './engine-contract-steps.ts'

/** Promises of the Engine port; each case opens and closes its own engines. */
export const engineContract: readonly EngineContractCase[] = [
  {
    name: 'a model cut anywhere gives what the whole gives, to the last bit',
    async run({ manifest, open }) {
      const { layers } = manifest.dimensions
      const whole = await generateOver(open, [0, layers])
      for (let cut = 1; cut < layers; cut++) equal(await generateOver(open, [0, cut, layers]), whole, `cut at ${cut}`)
    },
  },
  {
    name: 'chunks of 1, 5 and 16 give what one chunk gives',
    async run({ manifest, open, chunkTolerance }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers - 1 })
      const tokens = prompt.slice(0, Math.min(16, engine.facts.maxChunk))
      const whole = await boundary(engine, { requestId: 'whole', tokens, chunk: tokens.length })
      for (const chunk of [1, 5]) {
        const pieces = await boundary(engine, { requestId: `by-${chunk}`, tokens, chunk })
        near(pieces, whole, chunkTolerance, `chunks of ${chunk}`)
      }
      const longer = await boundary(engine, { requestId: 'long', tokens: prompt, chunk: 16 })
      near(activationRows(longer, 0, tokens.length), whole, chunkTolerance, 'chunks of 16')
      await engine.close()
    },
  },
  {
    name: 'a step at an earlier position cuts the cache back to it',
    async run({ manifest, open, chunkTolerance }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers - 1 })
      await boundary(engine, { requestId: 'r', tokens: prompt.slice(0, 12), chunk: 12 })
      const other = prompt.slice(12, 18)
      const rewound = await boundary(engine, { requestId: 'r', tokens: other, chunk: 2, from: 4 })
      const fresh = await boundary(engine, { requestId: 'f', tokens: [...prompt.slice(0, 4), ...other], chunk: 10 })
      near(rewound, activationRows(fresh, 4, 10), chunkTolerance, 'after a rewind from 12 to 4')
      await refused(engine.run([row('r', 12, [7], null)]), 'peer_frame_invalid')
      await engine.close()
    },
  },
  {
    name: 'a cache that outgrows its room keeps what it holds',
    async run({ manifest, open, chunkTolerance }) {
      const engine = await open({ start: 0, end: 1 })
      const { maxChunk } = engine.facts
      const tokens = Array.from({ length: 72 }, (_, i) => (i * 37 + 11) % manifest.dimensions.vocab)
      const grown = await boundary(engine, { requestId: 'grown', tokens, chunk: Math.min(16, maxChunk) })
      // Rewound to the middle, the same inputs meet the grown cache.
      const again = await boundary(engine, { requestId: 'grown', tokens: tokens.slice(40), chunk: 5, from: 40 })
      near(again, activationRows(grown, 40, 72), chunkTolerance, 'rows 40 to 72')
      await engine.close()
    },
  },
  {
    name: 'two requests, step by step in turn, give what each gives alone',
    async run({ manifest, open }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers })
      const alone = [prompt.slice(0, 6), prompt.slice(6, 11)].map(tokens => ({ tokens, drawn: [] as SampledToken[] }))
      for (const [i, one] of alone.entries())
        one.drawn = await generate([engine], { tokens: one.tokens, count: 3, requestId: `alone-${i}` })
      const inputs = alone.map(({ tokens }) => [...tokens])
      const positions = [0, 0]
      const drawn: SampledToken[][] = [[], []]
      for (let step = 0; step < 3; step++) {
        const rows = inputs.map((tokens, i) => row(`turn-${i}`, positions[i]!, tokens, greedySample))
        for (const [i, output] of (await engine.run(rows)).entries()) {
          positions[i]! += inputs[i]!.length
          const sampled = tokenOf(output)
          drawn[i]!.push(sampled)
          inputs[i] = [sampled.token]
        }
      }
      const tokens = (runs: readonly SampledToken[][]) => runs.map(run => run.map(({ token }) => token))
      // The last bits of a log-probability may differ where rows share a run.
      equal(tokens(drawn), tokens(alone.map(one => one.drawn)), 'in turn')
      await engine.close()
    },
  },
  {
    name: 'forget frees the cache, and the request starts anew',
    async run({ manifest, open }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers })
      await engine.run([row('r', 0, prompt.slice(0, 4), null)])
      check(engine.memory().kvBytes > 0 && engine.memory().requests === 1, 'a cache is held')
      engine.forget('r')
      engine.forget('never-seen')
      equal([engine.memory().kvBytes, engine.memory().requests], [0, 0], 'after forget')
      await refused(engine.run([row('r', 4, [7], null)]), 'peer_frame_invalid')
      await engine.run([row('r', 0, [7], null)])
      await engine.close()
    },
  },
  {
    name: 'a request beyond the budget is refused, and the others go on',
    async run({ manifest, open }) {
      const layers = { start: 0, end: manifest.dimensions.layers }
      const probe = await open(layers)
      const expected = await generate([probe], { tokens: prompt.slice(0, 4), count: 2 })
      const kvBudgetBytes = probe.memory().kvBytes
      await probe.close()
      const engine = await open(layers, { kvBudgetBytes })
      const [first] = await engine.run([row('r', 0, prompt.slice(0, 4), greedySample)])
      await refused(engine.run([row('s', 0, prompt.slice(0, 4), null)]), 'engine_out_of_memory')
      equal(engine.memory().requests, 1, 'requests after the refusal')
      const [second] = await engine.run([row('r', 4, [tokenOf(first!).token], greedySample)])
      equal([tokenOf(first!), tokenOf(second!)], expected, 'the request that was there')
      await engine.close()
    },
  },
  {
    name: 'what a slice cannot run is refused, and the next step runs',
    async run({ manifest, open }) {
      const { layers, hidden, vocab } = manifest.dimensions
      const engine = await open({ start: 0, end: layers - 1 })
      const { maxChunk } = engine.facts
      const activation: Activation = { dtype: 'f32', tokens: 1, hidden, data: new Uint8Array(hidden * 4) }
      await refused(engine.run([row('r', 1, [5], null)]), 'peer_frame_invalid')
      await refused(engine.run([row('r', 0, [], null)]), 'peer_frame_invalid')
      await refused(engine.run([row('r', 0, [vocab], null)]), 'peer_frame_invalid')
      await refused(engine.run([row('r', 0, [5], greedySample)]), 'peer_frame_invalid')
      await refused(engine.run([row('r', 0, new Array(maxChunk + 1).fill(1), null)]), 'peer_frame_invalid')
      await refused(engine.run([{ ...row('r', 0, [], null), input: { activation } }]), 'peer_frame_invalid')
      const running = engine.run([row('r', 0, [5], null)])
      equal((await running)[0]!.kind, 'activation', 'the step after the refusals')
      await engine.close()
      await refused(engine.run([row('r', 1, [5], null)]), 'engine_unavailable')
    },
  },
  {
    name: 'an exit answers a prefill chunk with nothing, and a draw depends on seed and position alone',
    async run({ manifest, open }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers })
      const draw = async (requestId: string, params: Partial<SamplingParams>) => {
        const sample = { params: { ...greedy, ...params }, generated: [5, 5, 9], prompt: [31] }
        const [none] = await engine.run([row(requestId, 0, prompt.slice(0, 3), null)])
        equal(none, { kind: 'none' }, 'a prefill chunk')
        const [output] = await engine.run([row(requestId, 3, prompt.slice(3, 5), sample)])
        engine.forget(requestId)
        return tokenOf(output!)
      }
      const params = {
        temperature: 1.3,
        topP: 0.9,
        seed: 42,
        presencePenalty: 0.5,
        repetitionPenalty: 1.2,
        logprobs: 5,
      }
      equal(await draw('b', params), await draw('a', params), 'the same seed')
      const biased = await draw('c', { logitBias: [[123, 100]] })
      equal(biased.token, 123, 'a bias of 100')
      const plain = await draw('d', { logprobs: 2 })
      check(plain.logprob !== null && plain.topLogprobs[0]![0] === plain.token, 'greedy draws the likeliest')
      equal((await draw('e', {})).token, plain.token, 'greedy with and without logprobs')
      await engine.close()
    },
  },
  ...draftContract,
  ...keptCacheContract,
  ...batchContract,
  ...exitRowsContract,
]
