import { expect, test } from 'vitest'
import { chooseEngine } from './choose-engine.ts'
import type { EngineProbe } from './probe-engines.ts'

const cpu: EngineProbe = {
  kind: 'wasm',
  device: 'CPU, 4 threads',
  isSoftware: false,
  activationDtype: 'f32',
  msPerLayer: 5,
  headMs: 8,
  estimatedMemoryBytes: 2 ** 31,
  limits: null,
}
const gpu: EngineProbe = { ...cpu, kind: 'webgpu', device: 'nvidia ampere', activationDtype: 'f16', msPerLayer: 0.5 }
const software: EngineProbe = {
  ...gpu,
  device: 'swiftshader (software)',
  isSoftware: true,
  activationDtype: 'f32',
  msPerLayer: 60,
}
const noGpu = { kind: 'webgpu', reason: 'this browser has no WebGPU' } as const

test.each([
  { probes: [gpu, cpu], kind: 'webgpu', dtype: 'f16', reason: 'WebGPU on nvidia ampere is 10 times faster than WASM' },
  {
    probes: [{ ...gpu, msPerLayer: 5.5 }, cpu],
    kind: 'webgpu',
    dtype: 'f16',
    reason: 'WebGPU leaves the processor free',
  },
  {
    probes: [software, cpu],
    kind: 'wasm',
    dtype: 'f32',
    reason: 'the WebGPU adapter is software, and WASM is 12 times faster',
  },
  {
    probes: [{ ...gpu, msPerLayer: 10 }, cpu],
    kind: 'wasm',
    dtype: 'f32',
    reason: 'WASM is 2.0 times faster than WebGPU here',
  },
])('$reason', ({ probes, kind, dtype, reason }) => {
  expect(chooseEngine({ probes, missing: [] })).toEqual({ probes, kind, activationDtype: dtype, reason })
})

test('without WebGPU the reason says so', () => {
  const choice = chooseEngine({ probes: [cpu], missing: [noGpu] })
  expect([choice.kind, choice.reason]).toEqual([
    'wasm',
    'WASM is the only engine here (WebGPU: this browser has no WebGPU)',
  ])
})

test('a forced engine is taken though it is slower, and refused where it is missing', () => {
  expect(chooseEngine({ probes: [software], missing: [] }, 'webgpu').reason).toBe('WebGPU was asked for')
  expect(() => chooseEngine({ probes: [], missing: [noGpu] }, 'webgpu')).toThrow(/WebGPU was asked for .*no WebGPU/)
})

test('no engine at all is a typed refusal', () => {
  const missing = [noGpu, { kind: 'wasm', reason: 'the file did not load' } as const]
  expect(() => chooseEngine({ probes: [], missing })).toThrow(expect.objectContaining({ code: 'engine_unavailable' }))
})
