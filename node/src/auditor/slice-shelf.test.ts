import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { type FakeEngine, fakeManifest, openFakeEngine } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { createSliceShelf } from './slice-shelf.ts'

const manifest = fakeManifest()
/** Each of its parts has 64 bytes; two layers in between take two. */
const sliceBytes = 128 + 1000

function slice(start: number, changes: Partial<SliceRequest> = {}): SliceRequest {
  const parts = { open: async () => Promise.reject(new Error('no parts')) }
  return { manifest, layers: { start, end: start + 2 }, parts, kvBudgetBytes: 1000, maxContext: 64, ...changes }
}

function openShelf(memoryBudgetBytes: number) {
  const opened: { engine: FakeEngine; isClosed: boolean }[] = []
  const shelf = createSliceShelf({
    memoryBudgetBytes,
    async open(wanted) {
      const entry = { engine: openFakeEngine(wanted), isClosed: false }
      opened.push(entry)
      const close: Engine['close'] = async () => {
        entry.isClosed = true
      }
      return { ...entry.engine, close }
    },
  })
  return { shelf, opened }
}

it('lends what is held to whoever asks for the same, and keeps it for the next', async () => {
  const { shelf, opened } = openShelf(10 * sliceBytes)
  const [one, two] = await Promise.all([shelf.open(slice(1)), shelf.open(slice(1))])
  await one!.close()
  expect(opened).toHaveLength(1)
  expect((await two!.run([{ requestId: 'r', position: 0, input: { activation: row() }, sample: null }]))[0]!.kind).toBe(
    'activation',
  )
  await two!.close()
  await shelf.open(slice(1))
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([false])
  await shelf.open(slice(1, { maxContext: 128 }))
  expect(opened).toHaveLength(2)
})

it('gives up what nobody uses where room is wanted, the longest unused first, and nothing that is used', async () => {
  const { shelf, opened } = openShelf(2 * sliceBytes)
  const [one, two] = [await shelf.open(slice(1)), await shelf.open(slice(2))]
  await expect(shelf.open(slice(3))).rejects.toMatchObject({ code: 'engine_out_of_memory' })
  await one.close()
  await one.close()
  await two.close()
  await shelf.open(slice(1))
  await shelf.open(slice(3))
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([false, true, false])
  expect(shelf.size).toBe(2)
  await expect(shelf.open(slice(2))).rejects.toMatchObject({ code: 'engine_out_of_memory' })
  await shelf.close()
  expect(opened.every(({ isClosed }) => isClosed)).toBe(true)
})

it('has a slice proved once, and keeps none that failed', async () => {
  const { shelf, opened } = openShelf(10 * sliceBytes)
  let proofs = 0
  const prove = async (): Promise<void> => {
    proofs += 1
  }
  await shelf.proveOnce(await shelf.open(slice(1)), prove)
  await shelf.proveOnce(await shelf.open(slice(1)), prove)
  expect(proofs).toBe(1)
  const bad = await shelf.open(slice(2))
  await expect(shelf.proveOnce(bad, async () => Promise.reject(new Error('wrong')))).rejects.toThrow('wrong')
  expect(opened[1]!.isClosed).toBe(true)
  expect(shelf.size).toBe(1)
})

it('counts what a slice takes unpacked, and gives up others for it', async () => {
  const opened: { isClosed: boolean }[] = []
  const shelf = createSliceShelf({
    memoryBudgetBytes: 3 * sliceBytes,
    async open(wanted) {
      const engine = openFakeEngine(wanted)
      const entry = { isClosed: false }
      opened.push(entry)
      const memory = () => ({ ...engine.memory(), weightsBytes: wanted.layers.start === 2 ? 2 * sliceBytes : 0 })
      const close = async () => {
        entry.isClosed = true
      }
      return { ...engine, memory, close }
    },
  })
  await (await shelf.open(slice(1))).close()
  await shelf.open(slice(2))
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([true, false])
})

it('forgets a slice whose device is lost', async () => {
  const { shelf, opened } = openShelf(10 * sliceBytes)
  await shelf.open(slice(1))
  opened[0]!.engine.loseDevice()
  await opened[0]!.engine.lost
  await shelf.open(slice(1))
  expect(opened).toHaveLength(2)
})

function row() {
  const { hidden } = manifest.dimensions
  return { dtype: 'f32' as const, tokens: 1, hidden, data: new Uint8Array(hidden * 4) }
}
