/** The demo model's stored answers, drawn together: several requests' rows in each call, at both seats of a ring. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { manifestSchema } from '@computepool/shared/model'
import { greedy } from '@computepool/shared/pipeline'
import type { Engine, EngineRow } from '@computepool/shared/ports'
import { expect, test } from 'vitest'
import { openNativeEngine } from './open-native-engine.ts'
import { packFolderParts } from './pack-folder-parts.ts'

const demo = fileURLToPath(new URL('../../../models/demo', import.meta.url))

interface Transcript {
  readonly promptTokens: readonly number[]
  readonly completionTokens: readonly number[]
}

/** One lap of `rows` through the ring: the tokens that the exit draws, null where it was not asked. */
async function lap(ring: readonly Engine[], rows: readonly EngineRow[]): Promise<(number | null)[]> {
  let inputs = rows.map(row => row.input)
  for (const engine of ring) {
    const isExit = engine === ring.at(-1)
    const outputs = await engine.run(
      rows.map((row, i) => ({ ...row, input: inputs[i]!, sample: isExit ? row.sample : null })),
    )
    if (isExit) return outputs.map(output => (output.kind === 'token' ? output.sampled.token : null))
    inputs = outputs.map(output => {
      if (output.kind !== 'activation') throw new Error(`expected an activation, got ${output.kind}`)
      return { activation: output.activation }
    })
  }
  return []
}

test('answers drawn together are the stored answers, while others begin and end beside them', async () => {
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(`${demo}/${name}`, 'utf8'))
  const manifest = manifestSchema.parse(await read('pack/manifest.json'))
  const transcripts = (await read('golden/transcripts.json')) as Transcript[]
  const ring: Engine[] = []
  for (const layers of [
    { start: 0, end: 3 },
    { start: 3, end: manifest.dimensions.layers },
  ]) {
    const slice = { manifest, layers, parts: packFolderParts(`${demo}/pack`), kvBudgetBytes: 2 ** 26, maxContext: 256 }
    ring.push(await openNativeEngine(slice, { threads: 1, smallestCapacity: 16 }))
  }
  expect(ring[0]!.facts.maxRows).toBe(8)
  const drawn: number[][] = transcripts.map(() => [])
  const isOver = (i: number) => drawn[i]!.length === transcripts[i]!.completionTokens.length
  let mostTogether = 0
  for (let turn = 0; !transcripts.every((_, i) => isOver(i)); turn++) {
    // A new request every third lap, its prompt in the same call as the others' single rows.
    const rows: EngineRow[] = []
    for (const [i, { promptTokens }] of transcripts.entries()) {
      if (3 * i > turn || isOver(i)) continue
      const tokens = drawn[i]!.length === 0 ? promptTokens : drawn[i]!.slice(-1)
      const position = drawn[i]!.length === 0 ? 0 : promptTokens.length + drawn[i]!.length - 1
      const sample = { params: greedy, generated: drawn[i]!, prompt: [] }
      rows.push({ requestId: String(i), position, input: { tokens }, sample })
    }
    mostTogether = Math.max(mostTogether, rows.filter(({ position }) => position > 0).length)
    for (const [at, token] of (await lap(ring, rows)).entries()) {
      const i = Number(rows[at]!.requestId)
      drawn[i]!.push(token!)
      if (isOver(i)) for (const engine of ring) engine.forget(String(i))
    }
  }
  expect(drawn).toEqual(transcripts.map(({ completionTokens }) => [...completionTokens]))
  expect(mostTogether).toBeGreaterThan(4)
  for (const engine of ring) await engine.close()
})
