import { describe, expect, it } from 'vitest'
import type { Manifest } from './manifest.ts'
import { type ModelShape, partNames, partTensors, placeTensors } from './pack-layout.ts'
import { parseManifest } from './parse-manifest.ts'
import { kvBytesPerToken, partsFor, sliceBytes } from './slice-bytes.ts'

const shape: ModelShape = {
  architecture: 'qwen3',
  dimensions: { layers: 3, hidden: 64, heads: 4, kvHeads: 2, headDim: 32, intermediate: 96, vocab: 288, context: 256 },
  normEpsilon: 1e-6,
  attentionBias: false,
  qkNorm: true,
  rope: { theta: 1e6, scaling: null },
  tiedEmbeddings: true,
}
const sha256 = 'ab'.repeat(32)
const file = (path: string, sizeBytes: number) => ({ path, sizeBytes, sha256 })

function validManifest(): Manifest {
  const parts = partNames(3).map(name => {
    const { tensors, sizeBytes } = placeTensors(partTensors(shape, 'q8', name))
    return {
      name,
      ...file(`parts/${name}.bin`, sizeBytes),
      tensors: tensors.map(tensor => ({ ...tensor, shape: [...tensor.shape] })),
    }
  })
  return {
    format: 'computepool-pack',
    version: 1,
    model: 'tiny/qwen3',
    ...structuredClone(shape),
    quantisation: 'q8',
    tokenizer: {
      tokenizer: file('tokenizer.json', 10),
      config: file('tokenizer_config.json', 10),
      chatTemplate: null,
      bosToken: null,
      eosToken: null,
      stopTokens: [286],
    },
    parts,
    selfTest: {
      tokens: [1, 2, 3],
      dtype: 'f32',
      boundaries: [0, 1, 2, 3].map(n => file(`selftest/boundary-${n}.bin`, 3 * 64 * 4)),
      argmax: [4, 5, 6],
      source: 'transformers f32',
    },
    licence: null,
    source: 'tiny',
  }
}

/** The error that a manifest with one change gives. */
function refusal(change: (manifest: Manifest) => void): unknown {
  const manifest = validManifest()
  change(manifest)
  try {
    parseManifest(JSON.parse(JSON.stringify(manifest)))
  } catch (error) {
    return error
  }
  return null
}

describe('parseManifest', () => {
  it('accepts what a packer writes', () => {
    expect(parseManifest(JSON.parse(JSON.stringify(validManifest())))).toEqual(validManifest())
  })

  const layer = (manifest: Manifest) => manifest.parts[2]!
  it.each<[string, string, (manifest: Manifest) => void]>([
    ['another format', 'format', m => Object.assign(m, { format: 'other' })],
    ['an unknown field', 'manifest', m => Object.assign(m, { extra: 1 })],
    ['a path that climbs out', 'parts[0].path', m => Object.assign(m.parts[0]!, { path: 'parts/../../secret' })],
    ['an absolute path', 'parts[0].path', m => Object.assign(m.parts[0]!, { path: '/etc/passwd' })],
    ['a short digest', 'parts[0].sha256', m => Object.assign(m.parts[0]!, { sha256: 'ab' })],
    ['heads that do not divide', 'dimensions.kvHeads', m => Object.assign(m.dimensions, { kvHeads: 3 })],
    ['an odd head', 'dimensions.headDim', m => Object.assign(m.dimensions, { headDim: 33 })],
    ['a bias that the architecture has not', 'attentionBias', m => Object.assign(m, { attentionBias: true })],
    ['a size that blocks do not divide', 'quantisation', m => Object.assign(m.dimensions, { intermediate: 100 })],
    ['a part twice', 'parts[2].name', m => Object.assign(layer(m), { name: 'layer-0' })],
    ['one file for two parts', 'parts[2].path', m => Object.assign(layer(m), { path: m.parts[1]!.path })],
    ['a missing part', 'parts', m => m.parts.splice(2, 1)],
    [
      'a layer too many',
      'parts[5].name',
      m => m.parts.push({ ...layer(m), name: 'layer-3', path: 'parts/layer-3.bin' }),
    ],
    ['a missing tensor', 'parts[2].tensors', m => layer(m).tensors.pop()],
    ['tensors in another order', 'parts[2].tensors[0].name', m => layer(m).tensors.reverse()],
    ['a shape that contradicts the dimensions', 'parts[2].tensors[1].shape', m => layer(m).tensors[1]!.shape.reverse()],
    [
      'a matrix of another type',
      'parts[2].tensors[1].dtype',
      m => Object.assign(layer(m).tensors[1]!, { dtype: 'f16' }),
    ],
    [
      'a size that contradicts the shape',
      'parts[2].tensors[1].sizeBytes',
      m => Object.assign(layer(m).tensors[1]!, { sizeBytes: 64 }),
    ],
    ['an offset off the grid', 'parts[2].tensors[1].offset', m => Object.assign(layer(m).tensors[1]!, { offset: 257 })],
    ['tensors that overlap', 'parts[2].tensors[2].offset', m => Object.assign(layer(m).tensors[2]!, { offset: 0 })],
    [
      'a tensor past the end',
      'parts[2].tensors[11].offset',
      m => Object.assign(layer(m), { sizeBytes: layer(m).sizeBytes - 1 }),
    ],
    [
      'a stop token outside the vocabulary',
      'tokenizer.stopTokens[0]',
      m => Object.assign(m.tokenizer, { stopTokens: [288] }),
    ],
    [
      'a self-test token outside the vocabulary',
      'selfTest.tokens[1]',
      m => Object.assign(m.selfTest!, { tokens: [1, 300, 2] }),
    ],
    ['a missing boundary', 'selfTest.boundaries', m => m.selfTest!.boundaries.pop()],
    [
      'a boundary of another size',
      'selfTest.boundaries[3].sizeBytes',
      m => Object.assign(m.selfTest!.boundaries[3]!, { sizeBytes: 64 }),
    ],
    ['too few best tokens', 'selfTest.argmax', m => m.selfTest!.argmax.pop()],
  ])('refuses %s, naming the field', (_, param, change) => {
    expect(refusal(change)).toMatchObject({ code: 'artifact_invalid', context: { param } })
  })

  it.each([null, 7, 'manifest', [], {}])('refuses %j', data => {
    expect(() => parseManifest(data)).toThrowError(expect.objectContaining({ code: 'artifact_invalid' }))
  })
})

describe('slices', () => {
  const manifest = validManifest()
  const names = (start: number, end: number) => partsFor(manifest, { start, end }).map(part => part.name)

  it('bring the embedding with layer 0 and the head with the last layer', () => {
    expect(names(0, 1)).toEqual(['embedding', 'layer-0'])
    expect(names(1, 2)).toEqual(['layer-1'])
    expect(names(2, 3)).toEqual(['layer-2', 'head'])
    expect(names(0, 3)).toEqual(partNames(3))
    expect(() => partsFor(manifest, { start: 1, end: 4 })).toThrow(/no slice of 3 layers/)
  })

  it('cost together what the whole model costs', () => {
    const whole = sliceBytes(manifest, { start: 0, end: 3 })
    expect(sliceBytes(manifest, { start: 0, end: 2 }) + sliceBytes(manifest, { start: 2, end: 3 })).toBe(whole)
    // Keys and values, 2 heads of 32, 4 bytes.
    expect(kvBytesPerToken(manifest, 4)).toBe(2 * 2 * 32 * 4)
  })
})
