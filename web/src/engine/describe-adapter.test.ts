import { expect, test } from 'vitest'
import { describeAdapter } from './describe-adapter.ts'

interface Adapter {
  readonly vendor?: string
  readonly architecture?: string
  readonly description?: string
  readonly isFallbackAdapter?: boolean
  readonly subgroupMinSize?: number
  readonly features?: readonly string[]
}

function describe({ features = [], ...info }: Adapter) {
  const whole = { vendor: '', architecture: '', device: '', description: '', ...info }
  const limits = { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 29 }
  const { device, isSoftware, float, maxChunk } = describeAdapter({
    info: whole,
    limits,
    features: new Set(features),
  } as unknown as GPUAdapter)
  return { device, isSoftware, float, maxChunk }
}

test.each([
  {
    name: 'a real GPU with f16',
    adapter: { vendor: 'nvidia', architecture: 'ampere', subgroupMinSize: 32, features: ['shader-f16'] },
    expected: { device: 'nvidia ampere', isSoftware: false, float: 'f16', maxChunk: 256 },
  },
  {
    name: 'SwiftShader, whose wide chunks are silently wrong',
    adapter: { vendor: 'google', architecture: 'swiftshader', subgroupMinSize: 4 },
    expected: { device: 'google swiftshader (software)', isSoftware: true, float: 'f32', maxChunk: 16 },
  },
  {
    name: 'a fallback adapter of any name',
    adapter: { vendor: 'acme', isFallbackAdapter: true, subgroupMinSize: 32 },
    expected: { device: 'acme (software)', isSoftware: true, float: 'f32', maxChunk: 16 },
  },
  {
    name: 'a GPU with narrow subgroups',
    adapter: { vendor: 'intel', architecture: 'gen-12', subgroupMinSize: 8 },
    expected: { device: 'intel gen-12', isSoftware: false, float: 'f32', maxChunk: 16 },
  },
  {
    name: 'an adapter that tells nothing',
    adapter: {},
    expected: { device: 'unnamed adapter', isSoftware: false, float: 'f32', maxChunk: 16 },
  },
])('$name', ({ adapter, expected }) => {
  expect(describe(adapter)).toEqual(expected)
})
