/** What an engine promises of drafts: the tokens that single steps would draw, in fewer laps. */
import { greedy, type SamplingParams } from '../src/pipeline/index.ts'
import type { Activation, Engine, SampleRequest } from '../src/ports/index.ts'
import { type EngineContractCase, equal, greedySample, prompt, refused, row, tokenOf } from './engine-contract-steps.ts'

export const draftContract: readonly EngineContractCase[] = [
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
