/** What an engine promises of an exit's rows: it gives them where it is asked to, and draws from them alone what it drew on the way. */
import { activationRows } from '../src/engine/index.ts'
import { greedy } from '../src/pipeline/index.ts'
import type { Activation, EngineOutput, SampleRequest } from '../src/ports/index.ts'
import { argmax } from '../src/sampler/index.ts'
import { check, type EngineContractCase, equal, near, prompt, refused, row } from './engine-contract-steps.ts'

const sampled: SampleRequest = {
  params: { ...greedy, temperature: 1.3, topP: 0.9, seed: 7 },
  generated: [],
  prompt: [],
}
const likeliest: SampleRequest = { params: greedy, generated: [], prompt: [] }

const rowsOf = (output: EngineOutput | undefined): Activation => {
  if (output === undefined || output.kind === 'activation' || output.rows === undefined)
    throw new Error(`expected rows beside ${output?.kind}`)
  return output.rows
}
const tokensOf = (output: EngineOutput | undefined): number[] => {
  if (output?.kind === 'token') return [output.sampled.token]
  return output?.kind === 'tokens' ? output.sampled.map(({ token }) => token) : []
}

export const exitRowsContract: readonly EngineContractCase[] = [
  {
    name: 'an exit gives the rows that it is asked to keep, and draws from them alone what it drew on the way',
    async run({ manifest, open, chunkTolerance }) {
      const engine = await open({ start: 1, end: manifest.dimensions.layers })
      const entry = await open({ start: 0, end: 1 })
      const [first] = await entry.run([row('r', 0, prompt.slice(0, 6), null)])
      if (first?.kind !== 'activation') throw new Error(`expected an activation, got ${first?.kind}`)
      const inputs = (start: number, end: number) => ({ activation: activationRows(first.activation, start, end) })
      const whole = rowsOf(
        (await engine.run([{ requestId: 'w', position: 0, input: inputs(0, 6), sample: null, keepRows: true }]))[0],
      )
      check(whole.tokens === 6 && whole.dtype === engine.facts.activationDtype, 'all rows of a prefill chunk')
      for (const sample of [likeliest, sampled]) {
        const asked = { requestId: 'r', position: 0, input: inputs(0, 6), sample }
        const [plain] = await engine.run([asked])
        check(plain?.kind === 'token' && plain.rows === undefined, 'no rows where nobody asks')
        const [kept] = await engine.run([{ ...asked, keepRows: true }])
        equal(tokensOf(kept), tokensOf(plain), 'drawn beside rows')
        near(rowsOf(kept), whole, chunkTolerance, 'rows beside a draw')
        const { requests, kvBytes } = engine.memory()
        const again = await engine.drawFrom({ rows: rowsOf(kept), position: 0, sample })
        equal(
          again.map(({ token }) => token),
          tokensOf(plain),
          'drawn from the rows',
        )
        const last = { rows: activationRows(rowsOf(kept), 5, 6), position: 5, sample }
        equal(
          (await engine.drawFrom(last)).map(({ token }) => token),
          tokensOf(plain),
          'drawn from the last row',
        )
        const logits = await engine.logitsOf({ rows: rowsOf(kept), position: 0 })
        equal(logits.length, manifest.dimensions.vocab, 'logits of the last row')
        if (sample === likeliest) equal([argmax(logits)], tokensOf(plain), 'the likeliest of them')
        equal([engine.memory().requests, engine.memory().kvBytes], [requests, kvBytes], 'caches after a draw')
      }
      await engine.close()
      await entry.close()
    },
  },
  {
    name: 'rows that guesses came with are all kept, and rows of several requests are each its own',
    async run({ manifest, open, chunkTolerance }) {
      const engine = await open({ start: 0, end: manifest.dimensions.layers })
      const [plain] = await engine.run([{ ...row('r', 0, prompt.slice(0, 5), sampled), keepRows: true }])
      const draft = [...tokensOf(plain), 17, 3]
      const guessed = { ...row('d', 0, [...prompt.slice(0, 5), ...draft], { ...sampled, draft }), keepRows: true }
      const [drawn] = await engine.run([guessed])
      const rows = rowsOf(drawn)
      equal(rows.tokens, 8, 'rows of a draft')
      near(activationRows(rows, 0, 5), rowsOf(plain), chunkTolerance, 'rows before the draft')
      const again = await engine.drawFrom({ rows, position: 0, sample: { ...sampled, draft } })
      equal(
        again.map(({ token }) => token),
        tokensOf(drawn),
        'drawn from the rows of a draft',
      )
      for (const requestId of ['a', 'b']) await engine.run([row(requestId, 0, prompt.slice(0, 4), null)])
      const next = (requestId: string, token: number) => row(requestId, 4, [token], sampled)
      const together = await engine.run([
        { ...next('a', prompt[4]!), keepRows: true },
        { ...next('b', 9), keepRows: true },
      ])
      near(rowsOf(together[0]), activationRows(rowsOf(plain), 4, 5), chunkTolerance, 'a row that shared its step')
      for (const [i, output] of together.entries()) {
        const alone = await engine.drawFrom({ rows: rowsOf(output), position: 4, sample: sampled })
        equal(
          alone.map(({ token }) => token),
          tokensOf(together[i]),
          'drawn from it',
        )
      }
      await engine.close()
    },
  },
  {
    name: 'rows that no head takes are refused',
    async run({ manifest, open }) {
      const { layers, hidden } = manifest.dimensions
      const [exit, middle] = [await open({ start: 1, end: layers }), await open({ start: 0, end: 1 })]
      const rows: Activation = { dtype: 'f32', tokens: 2, hidden, data: new Uint8Array(2 * hidden * 4) }
      const asked = { rows, position: 0, sample: likeliest }
      await refused(middle.drawFrom(asked), 'peer_frame_invalid')
      await refused(exit.drawFrom({ ...asked, rows: { ...rows, tokens: 3 } }), 'peer_frame_invalid')
      await refused(middle.logitsOf(asked), 'peer_frame_invalid')
      await refused(exit.logitsOf({ ...asked, rows: { ...rows, tokens: 3 } }), 'peer_frame_invalid')
      await refused(exit.drawFrom({ ...asked, sample: { ...likeliest, draft: [1, 2] } }), 'peer_frame_invalid')
      await exit.drawFrom(asked)
      await exit.close()
      await middle.close()
    },
  },
]
