/**
 * The tiny models' weights, read straight from safetensors by a few lines of its own, so that a fault of the packer's reader cannot hide
 * itself. It knows only the layout of the tiny models.
 */
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

export const tinyModels = fileURLToPath(new URL('../../models/tiny/', import.meta.url))

/** All tensors of a tiny model as f32, by their Hugging Face names. */
export async function tinyWeights(model: string): Promise<Map<string, Float32Array>> {
  const folder = `${tinyModels}${model}/`
  const tensors = new Map<string, Float32Array>()
  for (const file of (await readdir(folder)).filter(name => name.endsWith('.safetensors'))) {
    const bytes = await readFile(folder + file)
    const headerBytes = Number(bytes.readBigUInt64LE(0))
    const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<
      string,
      { dtype: string; data_offsets: [number, number] }
    >
    for (const [name, { dtype, data_offsets }] of Object.entries(header)) {
      if (name === '__metadata__') continue
      const data = bytes.subarray(8 + headerBytes + data_offsets[0], 8 + headerBytes + data_offsets[1])
      tensors.set(name, toFloats(data, dtype))
    }
  }
  return tensors
}

function toFloats(data: Buffer, dtype: string): Float32Array {
  if (dtype === 'F32') return Float32Array.from({ length: data.length / 4 }, (_, i) => data.readFloatLE(4 * i))
  return Float32Array.from({ length: data.length / 2 }, (_, i) => {
    const bits = data.readUInt16LE(2 * i)
    if (dtype === 'BF16') return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!
    const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  })
}

/** What a pack of the model must hold, by "part/tensor", in f32. */
export function expectedTensors(weights: ReadonlyMap<string, Float32Array>, layers: number): Map<string, Float32Array> {
  const join = (...names: string[]) => Float32Array.from(names.flatMap(name => [...weights.get(name)!]))
  const expected = new Map<string, Float32Array>()
  expected.set('embedding/embedding', join('model.embed_tokens.weight'))
  expected.set('head/norm.final', join('model.norm.weight'))
  expected.set('head/head', join(weights.has('lm_head.weight') ? 'lm_head.weight' : 'model.embed_tokens.weight'))
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}.`
    const add = (name: string, ...sources: string[]) => {
      if (weights.has(at + sources[0]))
        expected.set(`layer-${layer}/${name}`, join(...sources.map(source => at + source)))
    }
    const attention = (kind: string) => ['q', 'k', 'v'].map(key => `self_attn.${key}_proj.${kind}`)
    add('norm.attention', 'input_layernorm.weight')
    add('attention.qkv', ...attention('weight'))
    add('attention.qkv.bias', ...attention('bias'))
    add('attention.q_norm', 'self_attn.q_norm.weight')
    add('attention.k_norm', 'self_attn.k_norm.weight')
    add('attention.output', 'self_attn.o_proj.weight')
    add('norm.mlp', 'post_attention_layernorm.weight')
    add('mlp.gate_up', 'mlp.gate_proj.weight', 'mlp.up_proj.weight')
    add('mlp.down', 'mlp.down_proj.weight')
  }
  return expected
}
