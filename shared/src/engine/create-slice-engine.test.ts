import { expect, test } from 'vitest'
import { openFakeEngine } from '../../testing/fake-engine.ts'
import { fakeManifest } from '../../testing/fake-manifest.ts'
import { ComputePoolError } from '../errors/index.ts'
import { greedy } from '../pipeline/index.ts'
import type { EngineRow } from '../ports/index.ts'
import { activationFromValues } from './convert-activation.ts'
import { createSliceEngine } from './create-slice-engine.ts'
import type { SliceBackend } from './slice-backend.ts'

const manifest = fakeManifest()
const slice = { manifest, layers: { start: 0, end: 3 }, kvBudgetBytes: 1000, maxContext: 64 }
const parts = { open: () => Promise.reject(new Error('no parts here')) }
const row = (requestId: string, position: number, tokens: readonly number[]): EngineRow => ({
  requestId,
  position,
  input: { tokens },
  sample: null,
})

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

/** A backend that counts its caches and steps as told. */
function countingBackend(forward: (position: number) => Promise<void> = async () => undefined) {
  const released: number[] = []
  const { promise: lost, resolve: lose } = deferred<ComputePoolError>()
  let caches = 0
  const activation = { dtype: 'f32', tokens: 1, hidden: 8, data: new Uint8Array(32) } as const
  const backend: SliceBackend<number> = {
    facts: { kind: 'native', device: 'counting', isSoftware: true, activationDtype: 'f32', maxChunk: 8, maxRows: 1 },
    weightsBytes: 5,
    capacityFor: positions => Math.ceil(positions / 4) * 4,
    cacheBytes: capacity => capacity * 10,
    allocate: async () => {
      caches += 1
      return caches
    },
    resize: async cache => cache + 100,
    release: cache => void released.push(cache),
    embed: async () => activation,
    forward: async ({ position }) => {
      await forward(position)
      return {
        read: async () => activation,
        score: () => Promise.reject(new Error('no exit')),
        readLogits: () => Promise.reject(new Error('no exit')),
        argmaxFrom: () => Promise.reject(new Error('no exit')),
        discard: () => undefined,
      }
    },
    boundaryOf: () => {
      throw new Error('no exit')
    },
    lost,
    close: async () => undefined,
  }
  return { engine: createSliceEngine({ ...slice, parts }, backend), released, lose }
}

test('a step that fails is told as such, leaves the other caches, and the queue goes on', async () => {
  let fails = false
  const { engine } = countingBackend(async () => {
    if (fails) throw new Error('the kernel said no')
  })
  await engine.run([row('a', 0, [1])])
  fails = true
  const failed = engine.run([row('b', 0, [1])])
  await expect(failed).rejects.toMatchObject({ code: 'engine_failed', message: 'the kernel said no' })
  fails = false
  await engine.run([row('a', 1, [1])])
  expect(engine.memory()).toEqual({ weightsBytes: 5, kvBytes: 80, kvBudgetBytes: 1000, requests: 2, keptBytes: 0 })
})

test('a rewound step that fails leaves only what lies before it', async () => {
  let fails = false
  const { engine } = countingBackend(async () => {
    if (fails) throw new Error('half of the cache was written')
  })
  await engine.run([row('a', 0, [1, 2, 3])])
  fails = true
  await engine.run([row('a', 1, [9])]).catch(() => undefined)
  fails = false
  await expect(engine.run([row('a', 3, [4])])).rejects.toMatchObject({ code: 'peer_frame_invalid' })
  await engine.run([row('a', 1, [9])])
})

test('steps run one after another, in the order asked', async () => {
  const order: string[] = []
  const { engine } = countingBackend(async position => {
    order.push(`in ${position}`)
    await Promise.resolve()
    order.push(`out ${position}`)
  })
  await Promise.all([engine.run([row('a', 0, [1])]), engine.run([row('a', 1, [1])])])
  expect(order).toEqual(['in 0', 'out 0', 'in 1', 'out 1'])
})

test('a request forgotten while its step runs is released when the step is over, and not before', async () => {
  let inStep: () => void = () => undefined
  let letGo: () => void = () => undefined
  const entered = new Promise<void>(resolve => {
    inStep = resolve
  })
  const gate = new Promise<void>(resolve => {
    letGo = resolve
  })
  const { engine, released } = countingBackend(async () => {
    inStep()
    await gate
  })
  const running = engine.run([row('a', 0, [1])])
  await entered
  engine.forget('a')
  expect([engine.memory().requests, released]).toEqual([0, []])
  letGo()
  await running
  expect(released).toEqual([1])
})

test('a cache grows in the backend’s buckets, up to the budget, and a request beyond it is forgotten', async () => {
  const { engine, released } = countingBackend()
  await engine.run([row('a', 0, [1, 2, 3])])
  expect(engine.memory().kvBytes).toBe(40)
  await engine.run([row('a', 3, [1, 2])])
  expect(engine.memory().kvBytes).toBe(80)
  for (let position = 5; position < 61; position += 8) await engine.run([row('a', position, new Array(8).fill(1))])
  expect(engine.memory().kvBytes).toBe(640)
  for (let position = 0; position < 32; position += 8) await engine.run([row('b', position, new Array(8).fill(1))])
  expect(engine.memory().kvBytes).toBe(960)
  await expect(engine.run([row('b', 32, new Array(8).fill(1))])).rejects.toMatchObject({ code: 'engine_out_of_memory' })
  expect(engine.memory()).toMatchObject({ kvBytes: 640, requests: 1 })
  expect(released).toHaveLength(1)
})

test('beyond the context the refusal is the caller’s to mend', async () => {
  const { engine } = countingBackend()
  for (let position = 0; position < 64; position += 8) await engine.run([row('a', position, new Array(8).fill(1))])
  await expect(engine.run([row('a', 64, [1])])).rejects.toMatchObject({ code: 'input_context_too_long' })
})

test('a lost device is told once and refuses every later step', async () => {
  const engine = openFakeEngine({ manifest, layers: { start: 0, end: 6 } })
  const sample = { params: greedy, generated: [], prompt: [] }
  await engine.run([{ ...row('a', 0, [1]), sample }])
  engine.loseDevice()
  expect((await engine.lost).code).toBe('engine_device_lost')
  await expect(engine.run([row('a', 1, [1])])).rejects.toMatchObject({ code: 'engine_device_lost' })
})

test('a request that ends before its row begins leaves no cache behind', async () => {
  const { engine, released } = countingBackend()
  const running = engine.run([row('a', 0, [1]), row('b', 0, [1]), row('c', 0, [1])])
  engine.forget('b')
  engine.keep('c')
  await running
  expect(engine.memory()).toMatchObject({ requests: 1, kvBytes: 40, keptBytes: 0 })
  expect(released).toEqual([2, 3])
})

test('a cache that is kept while its step runs can be reused, and gives way only when the step is over', async () => {
  const gate = deferred<void>()
  const entered = deferred<void>()
  const { engine, released } = countingBackend(async position => {
    if (position !== 4) return
    entered.resolve()
    await gate.promise
  })
  await engine.run([row('a', 0, [1, 2, 3, 4])])
  const running = engine.run([row('a', 4, [5])])
  await entered.promise
  engine.keep('a')
  engine.forget('a')
  expect([engine.memory().kvBytes, released]).toEqual([0, []])
  gate.resolve()
  await running
  expect(released).toEqual([101])
})

test('a device that is lost ends the step that it never answers, those that wait, and those that come', async () => {
  const { engine, lose } = countingBackend(() => new Promise(() => undefined))
  const calls = [engine.run([row('a', 0, [1])]), engine.run([row('b', 0, [1])])]
  lose(new ComputePoolError('engine_device_lost', 'gone'))
  const codes = await Promise.all([...calls, engine.lost.then(() => engine.run([row('c', 0, [1])]))].map(codeOf))
  expect(codes).toEqual(['engine_device_lost', 'engine_device_lost', 'engine_device_lost'])
  await engine.close()
})

const codeOf = (run: Promise<unknown>) =>
  run.then(
    () => 'it ran',
    error => (error as ComputePoolError).code,
  )

test('an exit that keeps its rows gives no token of what is no number, however it draws', async () => {
  const { layers, hidden } = manifest.dimensions
  const engine = openFakeEngine({ manifest, layers: { start: 4, end: layers } })
  const values = (wild: readonly number[]) =>
    Float32Array.from({ length: 2 * hidden }, (_, i) => (wild.includes(Math.floor(i / hidden)) ? Number.NaN : i + 1))
  const asked = (requestId: string, wild: readonly number[], params = greedy): EngineRow => ({
    ...{ requestId, position: 0, sample: { params, generated: [], prompt: [] }, keepRows: true },
    input: { activation: activationFromValues(values(wild), hidden, 'f32') },
  })
  for (const params of [greedy, { ...greedy, temperature: 1 }])
    await expect(engine.run([asked('wild', [1], params)])).rejects.toMatchObject({ code: 'engine_failed' })
  const [prefilled] = await engine.run([{ ...asked('chunk', [0, 1]), sample: null }])
  expect(prefilled).toMatchObject({ kind: 'none', rows: { tokens: 2 } })
  const [drawn] = await engine.run([asked('sound', [])])
  expect(drawn).toMatchObject({ kind: 'token', rows: { tokens: 2 } })
})
