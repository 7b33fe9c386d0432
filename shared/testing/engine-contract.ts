/**
 * What every engine promises, as cases over a small model. The same list runs in vitest over the fake and the native engine, and in
 * a real browser over WebGPU and WASM; it knows only the port, and no test runner.
 */
import { activationRows, activationValues } from '../src/engine/index.ts'
import { ComputePoolError } from '../src/errors/index.ts'
import type { LayerRange, Manifest } from '../src/model/index.ts'
import { greedy, type SampledToken, type SamplingParams } from '../src/pipeline/index.ts'
import type { Activation, Engine, EngineOutput, SampleRequest } from '../src/ports/index.ts'
import { relativeError } from '../src/selftest/index.ts'

export interface OpenForContract {
  readonly kvBudgetBytes?: number
}

export interface EngineContractHarness {
  readonly manifest: Manifest
  /** A fresh engine over the model's weights; the suite closes it. */
  open(layers: LayerRange, options?: OpenForContract): Promise<Engine>
  /** Largest relative L2 error of a row between two ways to cut the same input into chunks: kernels sum in other orders. */
  readonly chunkTolerance: number
}

export interface EngineContractCase {
  readonly name: string
  run(harness: EngineContractHarness): Promise<void>
}

const prompt = [5, 9, 200, 31, 7, 118, 77, 41, 250, 3, 66, 12, 190, 28, 99, 134, 17, 83, 222, 60]
const greedySample: SampleRequest = { params: { ...greedy, logprobs: 3 }, generated: [], prompt: [] }

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
      equal(
        drawn,
        alone.map(one => one.drawn),
        'in turn',
      )
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
  {
    name: 'drafts that came true in whole, in part or not at all give what single steps give',
    async run({ manifest, open }) {
      const { layers } = manifest.dimensions
      const whole = await open({ start: 0, end: layers })
      const split = [await open({ start: 0, end: 1 }), await open({ start: 1, end: layers })]
      for (const [name, params] of draftedParams) {
        const expected = await singleSteps(whole, params)
        for (const run of draftedRuns)
          for (const route of name === 'greedy' ? [[whole], split] : [[whole]]) {
            const what = `${name}, drafts of ${run.lengths}, wrong at ${run.wrongAt}, ${route.length} slices`
            equal(await draftedSteps(route, { params, expected, ...run }), expected.slice(0, draftedCount), what)
          }
      }
      for (const engine of [whole, ...split]) await engine.close()
    },
  },
  {
    name: 'a draft with nothing before it, of no token, or of other tokens than the row’s is refused',
    async run({ manifest, open }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers })
      for (const draft of [[], [5, 9, 200], [31, 7]])
        await refused(engine.run([row('r', 0, [5, 9, 200], { ...greedySample, draft })]), 'peer_frame_invalid')
      await engine.close()
    },
  },
]

const draftedParams: readonly [string, Partial<SamplingParams>][] = [
  ['greedy', {}],
  ['greedy, adjusted from the second token on', { repetitionPenalty: 0.3 }],
  ['sampled', { temperature: 1.1, topP: 0.95, seed: 9 }],
  ['penalised', { repetitionPenalty: 1.4, presencePenalty: 0.6, frequencyPenalty: 0.3 }],
  ['sampled and penalised', { temperature: 0.9, topK: 40, seed: 4, presencePenalty: 1, repetitionPenalty: 1.2 }],
]

/** Tokens of each run, the inputs before them, and the longest draft: with it a row still fits the smallest engine. */
const draftedCount = 9
const draftedPrompt = prompt.slice(0, 4)
const longestDraft = 12

/** Lengths of the drafts, in turn, and the guess of each that is wrong. */
const draftedRuns = [
  { lengths: [4, 3], wrongAt: null },
  { lengths: [2, 2, 2], wrongAt: 0 },
  { lengths: [1, 6], wrongAt: 3 },
  { lengths: [longestDraft], wrongAt: 1 },
] as const

function sampleOf(params: Partial<SamplingParams>, generated: readonly number[]): SampleRequest {
  const isPenalised = (params.repetitionPenalty ?? 1) > 1
  return { params: { ...greedy, ...params }, generated, prompt: isPenalised ? draftedPrompt : [] }
}

/** Tokens after the prompt, a step each: so many that the longest draft has something to guess. */
async function singleSteps(engine: Engine, params: Partial<SamplingParams>): Promise<number[]> {
  const drawn: number[] = []
  let input = draftedPrompt
  for (let position = 0; drawn.length < draftedCount + longestDraft; input = [drawn.at(-1)!]) {
    const [output] = await engine.run([row('single', position, input, sampleOf(params, drawn))])
    position += input.length
    drawn.push(tokenOf(output!).token)
  }
  engine.forget('single')
  return drawn
}

interface DraftedRun {
  readonly params: Partial<SamplingParams>
  /** What single steps draw, and a little more. */
  readonly expected: readonly number[]
  readonly lengths: readonly number[]
  readonly wrongAt: number | null
}

/** The tokens by laps with drafts; throws where a lap draws more or fewer than its draft deserves. */
async function draftedSteps(route: readonly Engine[], run: DraftedRun): Promise<number[]> {
  const { params, expected, lengths, wrongAt } = run
  const drawn: number[] = []
  let current = draftedPrompt
  let position = 0
  for (let lap = 0; drawn.length < draftedCount; lap++) {
    const draft = expected.slice(drawn.length, drawn.length + lengths[lap % lengths.length]!)
    if (wrongAt !== null && wrongAt < draft.length) draft[wrongAt] = (draft[wrongAt]! + 1) % 250
    const sample = { ...sampleOf(params, drawn), draft }
    let input: { tokens: readonly number[] } | { activation: Activation } = { tokens: [...current, ...draft] }
    for (const engine of route) {
      const isExit = engine === route.at(-1)
      const [output] = await engine.run([{ requestId: 'd', position, input, sample: isExit ? sample : null }])
      if (output!.kind === 'activation') input = { activation: output!.activation }
      else if (output!.kind === 'tokens') {
        const deserved = wrongAt === null || wrongAt >= draft.length ? draft.length + 1 : wrongAt + 1
        equal(output!.sampled.length, deserved, 'tokens of a lap')
        drawn.push(...output!.sampled.map(({ token }) => token))
      } else throw new Error(`expected tokens, got ${output!.kind}`)
    }
    position = draftedPrompt.length + drawn.length - 1
    current = drawn.slice(-1)
  }
  for (const engine of route) engine.forget('d')
  return drawn.slice(0, draftedCount)
}

function row(requestId: string, position: number, tokens: readonly number[], sample: SampleRequest | null) {
  return { requestId, position, input: { tokens }, sample }
}

function tokenOf(output: EngineOutput): SampledToken {
  if (output.kind !== 'token') throw new Error(`expected a token, got ${output.kind}`)
  return output.sampled
}

/** Three greedy tokens through engines cut at `cuts`, opened and closed. */
async function generateOver(open: EngineContractHarness['open'], cuts: readonly number[]): Promise<SampledToken[]> {
  const route: Engine[] = []
  for (let i = 1; i < cuts.length; i++) route.push(await open({ start: cuts[i - 1]!, end: cuts[i]! }))
  const drawn = await generate(route, { tokens: prompt.slice(0, 7), count: 3 })
  for (const engine of route) await engine.close()
  return drawn
}

interface Generation {
  readonly tokens: readonly number[]
  readonly count: number
  readonly requestId?: string
}

/** Greedy tokens through a route of engines. */
async function generate(route: readonly Engine[], { tokens, count, requestId }: Generation): Promise<SampledToken[]> {
  const drawn: SampledToken[] = []
  let position = 0
  let next = [...tokens]
  while (drawn.length < count) {
    let input: { tokens: readonly number[] } | { activation: Activation } = { tokens: next }
    for (const [seat, engine] of route.entries()) {
      const sample = seat === route.length - 1 ? greedySample : null
      const [output] = await engine.run([{ requestId: requestId ?? 'r', position, input, sample }])
      if (output!.kind === 'activation') input = { activation: output!.activation }
      else drawn.push(tokenOf(output!))
    }
    position += next.length
    next = [drawn.at(-1)!.token]
  }
  return drawn
}

interface BoundaryRun {
  readonly requestId: string
  readonly tokens: readonly number[]
  readonly chunk: number
  readonly from?: number
}

/** What leaves an entry slice for `tokens`, fed in chunks. */
async function boundary(engine: Engine, { requestId, tokens, chunk, from = 0 }: BoundaryRun): Promise<Activation> {
  const pieces: Activation[] = []
  for (let at = 0; at < tokens.length; at += chunk) {
    const [output] = await engine.run([row(requestId, from + at, tokens.slice(at, at + chunk), null)])
    if (output!.kind !== 'activation') throw new Error(`expected an activation, got ${output!.kind}`)
    pieces.push(output!.activation)
  }
  const data = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.data.length, 0))
  let offset = 0
  for (const piece of pieces) {
    data.set(piece.data, offset)
    offset += piece.data.length
  }
  return { ...pieces[0]!, tokens: tokens.length, data }
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`failed: ${what}`)
}

function equal(actual: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${what}: got ${left}, expected ${right}`)
}

function near(actual: Activation, expected: Activation, tolerance: number, what: string): void {
  const { hidden } = expected
  const error = relativeError({ actual: activationValues(actual), expected: activationValues(expected), hidden })
  if (!(error.worst <= tolerance))
    throw new Error(`${what}: row ${error.row} is off by ${error.worst}, more than ${tolerance}`)
}

async function refused(run: Promise<unknown>, code: string): Promise<void> {
  const outcome = await run.then(
    () => 'no refusal',
    error => (error instanceof ComputePoolError ? error.code : String(error)),
  )
  equal(outcome, code, 'the refusal')
}
