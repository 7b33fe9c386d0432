import { noExpansion } from '@computepool/shared/engine'
import type { ComputePoolError } from '@computepool/shared/errors'
import { expect, test } from 'vitest'
import type { Ort, WebEngineKind } from './load-ort.ts'
import { createWebRuntime } from './web-runtime.ts'

/** What a session over `thrown` tells its caller, and what it tells as the end of the engine. */
async function codesOf(kind: WebEngineKind, thrown: unknown) {
  const fatal: ComputePoolError[] = []
  const ort = {
    InferenceSession: { create: async () => ({ run: () => Promise.reject(thrown), release: async () => undefined }) },
  } as unknown as Ort
  const onFatal = (error: ComputePoolError) => void fatal.push(error)
  const runtime = createWebRuntime({ ort, kind, float: 'f32', expansion: noExpansion, onFatal })
  const session = await runtime.openSession({ model: new Uint8Array(0), weights: [], deviceOutputs: [] })
  const told = await session.run({}).catch((error: ComputePoolError) => error.code)
  return { told, fatal: fatal.map(({ code }) => code) }
}

test.each([
  ['webgpu', new Error('Buffer mapping failed: [Device] is lost.'), 'engine_device_lost', ['engine_device_lost']],
  ['webgpu', new Error('mapAsync: The device is lost.'), 'engine_device_lost', ['engine_device_lost']],
  ['webgpu', 'failed to call OrtRun(). Device lost (destroyed)', 'engine_device_lost', ['engine_device_lost']],
  ['webgpu', new Error('Invalid dispatch group size'), 'engine_failed', []],
  ['wasm', new Error('device is lost'), 'engine_failed', []],
  ['wasm', new WebAssembly.RuntimeError('unreachable'), 'engine_worker_died', ['engine_worker_died']],
  ['wasm', 'std::bad_alloc', 'engine_out_of_memory', []],
] as const)(
  '%s: a step that ends in %s is told as such, and as the end of the engine where it is',
  async (kind, thrown, told, fatal) => {
    expect(await codesOf(kind, thrown)).toEqual({ told, fatal })
  },
)
