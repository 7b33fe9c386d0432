/** What an engine promises of caches that are kept when their request is over. */
import type { Engine, EngineRow } from '../src/ports/index.ts'
import {
  boundary,
  check,
  type EngineContractCase,
  equal,
  greedySample,
  near,
  prompt,
  refused,
  row,
  tokenOf,
} from './engine-contract-steps.ts'

export const keptCacheContract: readonly EngineContractCase[] = [
  {
    name: 'a request that begins with a kept cache draws what it draws without, to the cut and in a second turn',
    async run({ manifest, open }) {
      const { layers } = manifest.dimensions
      const route = [await open({ start: 0, end: 1 }), await open({ start: 1, end: layers })]
      const first = prompt.slice(0, 12)
      for (const positions of [1, 9, 12]) {
        const named = (name: string) => `${name}-${positions}`
        await turn(route, { requestId: named('first'), tokens: first })
        for (const engine of route) engine.keep(named('first'))
        const tokens = [...first.slice(0, positions), ...prompt.slice(14, 18)]
        const expected = await turn(route, { requestId: named('fresh'), tokens, chunks: [positions] })
        const reuse = { requestId: named('first'), positions }
        const reused = await turn(route, { requestId: named('again'), tokens, reuse })
        equal(reused, expected, `cut at ${positions}`)
        for (const engine of route) engine.keep(named('again'))
        const longer = [...tokens, ...reused, 44, 17]
        const chunks = [positions, tokens.length, ...stepsOf(tokens, reused)]
        const fresh = await turn(route, { requestId: named('fresh-2'), tokens: longer, chunks })
        const reuseAgain = { requestId: named('again'), positions: tokens.length + reused.length - 1 }
        const third = await turn(route, { requestId: named('third'), tokens: longer, reuse: reuseAgain })
        equal(third, fresh, `the turn after, cut at ${positions}`)
      }
      for (const engine of route) await engine.close()
    },
  },
  {
    name: 'a kept cache counts as such, moves once, and is gone where it was moved, forgotten, shorter or still in use',
    async run({ manifest, open, chunkTolerance }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers - 1 })
      const begins = (requestId: string, from: string, positions: number): EngineRow => ({
        ...row(requestId, positions, [7], null),
        reuse: { requestId: from, positions },
      })
      const whole = await boundary(engine, { requestId: 'other', tokens: prompt.slice(0, 6), chunk: 6 })
      await boundary(engine, { requestId: 'a', tokens: prompt.slice(0, 6), chunk: 6 })
      await refused(engine.run([begins('b', 'a', 3)]), 'engine_prefix_missing')
      const { kvBytes } = engine.memory()
      engine.keep('a')
      engine.keep('never-seen')
      equal(
        [engine.memory().kvBytes, engine.memory().keptBytes, engine.memory().requests],
        [kvBytes, kvBytes / 2, 1],
        'kept',
      )
      await refused(engine.run([row('a', 6, [7], null)]), 'peer_frame_invalid')
      await refused(engine.run([begins('b', 'a', 7)]), 'engine_prefix_missing')
      await refused(engine.run([{ ...begins('b', 'a', 4), position: 3 }]), 'peer_frame_invalid')
      await refused(engine.run([{ ...begins('b', 'a', 0), position: 0 }]), 'peer_frame_invalid')
      await engine.run([begins('b', 'a', 5)])
      equal([engine.memory().keptBytes, engine.memory().requests], [0, 2], 'moved')
      await refused(engine.run([begins('c', 'a', 5)]), 'engine_prefix_missing')
      // Sent again after a failure elsewhere: the request has its cache already.
      await engine.run([begins('b', 'a', 5)])
      engine.keep('b')
      engine.forget('b')
      await refused(engine.run([begins('c', 'b', 5)]), 'engine_prefix_missing')
      equal([engine.memory().requests, engine.memory().keptBytes], [1, 0], 'after forget')
      const again = await boundary(engine, { requestId: 'other', tokens: prompt.slice(3, 6), chunk: 3, from: 3 })
      near(
        again,
        { ...whole, tokens: 3, data: whole.data.slice(whole.data.length / 2) },
        chunkTolerance,
        'the request beside',
      )
      await engine.close()
    },
  },
  {
    name: 'a kept cache gives way, the one kept longest first, before a request is refused',
    async run({ manifest, open }) {
      const layers = { start: 0, end: manifest.dimensions.layers }
      const probe = await open(layers)
      await probe.run([row('r', 0, prompt.slice(0, 4), null)])
      const each = probe.memory().kvBytes
      await probe.close()
      const engine = await open(layers, { kvBudgetBytes: 4 * each })
      const fill = (requestId: string) => engine.run([row(requestId, 0, prompt.slice(0, 4), null)])
      const reuse = (requestId: string, from: string) =>
        engine.run([{ ...row(requestId, 3, [7], greedySample), reuse: { requestId: from, positions: 3 } }])
      for (const requestId of ['a', 'b', 'c', 'd']) await fill(requestId)
      for (const requestId of ['b', 'a', 'c']) engine.keep(requestId)
      // Half of the budget: the eldest gave way when the third came.
      equal([engine.memory().keptBytes, engine.memory().kvBytes], [2 * each, 3 * each], 'half of the budget')
      await fill('e')
      equal(engine.memory().keptBytes, 2 * each, 'while there is room')
      await fill('f')
      await refused(reuse('g', 'a'), 'engine_prefix_missing')
      check(tokenOf((await reuse('g', 'c'))[0]!).token >= 0, 'the younger one is there')
      await refused(fill('h'), 'engine_out_of_memory')
      equal([engine.memory().requests, engine.memory().keptBytes], [4, 0], 'full of requests that live')
      await engine.close()
    },
  },
]

interface Turn {
  readonly requestId: string
  readonly tokens: readonly number[]
  readonly reuse?: { readonly requestId: string; readonly positions: number }
  /** Where the prefill is cut: kernels sum in other orders in other chunks. */
  readonly chunks?: readonly number[]
}

const drawnTokens = 3

/** Where a turn's own steps cut what stands behind its prompt. */
function stepsOf(tokens: readonly number[], drawn: readonly number[]): number[] {
  return drawn.slice(1).map((_, i) => tokens.length + 1 + i)
}

/** The greedy tokens after `tokens`, whose reused part is not fed. */
async function turn(route: readonly Engine[], { requestId, tokens, reuse, chunks = [] }: Turn): Promise<number[]> {
  const drawn: number[] = []
  const cuts = [...chunks.filter(cut => cut < tokens.length), tokens.length]
  let position = reuse?.positions ?? 0
  let first = true
  while (drawn.length < drawnTokens) {
    const end = cuts.find(cut => cut > position) ?? tokens.length + drawn.length
    let input: EngineRow['input'] = { tokens: [...tokens, ...drawn].slice(position, end) }
    for (const engine of route) {
      const isDraw = engine === route.at(-1) && end >= tokens.length
      const begin = first && reuse !== undefined ? { reuse } : {}
      const [output] = await engine.run([
        { requestId, position, input, sample: isDraw ? greedySample : null, ...begin },
      ])
      if (output!.kind === 'activation') input = { activation: output!.activation }
      else if (output!.kind === 'token') drawn.push(output!.sampled.token)
    }
    first = false
    position = end
  }
  return drawn
}
