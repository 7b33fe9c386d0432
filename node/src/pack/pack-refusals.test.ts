import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPack } from '../../testing/read-pack.ts'
import { tinyModels } from '../../testing/tiny-weights.ts'
import { packFolderParts } from '../engine/pack-folder-parts.ts'
import { asDiskError } from './disk-errors.ts'
import { packModel } from './pack-model.ts'

let root: string
let copies = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterAll(() => rm(root, { recursive: true }))

/** A copy of the tiny Qwen3 checkpoint, changed. */
async function changed(change: (folder: string) => Promise<unknown>, model = 'qwen3'): Promise<string> {
  const folder = join(root, `model-${copies++}`)
  await cp(tinyModels + model, folder, { recursive: true, filter: path => !path.endsWith('.gguf') })
  await change(folder)
  return folder
}

async function editJson(path: string, edit: (value: Record<string, unknown>) => unknown): Promise<void> {
  const value = JSON.parse(await readFile(path, 'utf8'))
  edit(value)
  await writeFile(path, JSON.stringify(value))
}

/** Rewrites the header of a safetensors file, weights as they are. */
async function editHeader(
  path: string,
  edit: (header: Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>) => void,
): Promise<void> {
  const bytes = await readFile(path)
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString())
  edit(header)
  const json = Buffer.from(JSON.stringify(header))
  const first = Buffer.alloc(8)
  first.writeBigUInt64LE(BigInt(json.length))
  await writeFile(path, Buffer.concat([first, json, bytes.subarray(8 + length)]))
}

/** The first numbers of a GGUF tensor's entry: its type's number replaced. */
async function retypeGguf(from: string, to: string, name: string, type: number): Promise<void> {
  const bytes = await readFile(from)
  const at =
    bytes.indexOf(Buffer.concat([Buffer.from([name.length, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(name)])) + 8 + name.length
  const rank = bytes.readUInt32LE(at)
  bytes.writeUInt32LE(type, at + 4 + 8 * rank)
  await writeFile(to, bytes)
}

const pack = (source: string, options: Partial<Parameters<typeof packModel>[0]> = {}) =>
  packModel({ source, outDir: join(root, `out-${copies++}`), quantisation: 'q8', ...options })

describe('packing refuses', () => {
  const config = (edit: (value: Record<string, unknown>) => unknown) => (folder: string) =>
    editJson(join(folder, 'config.json'), edit)
  const header = (edit: Parameters<typeof editHeader>[1]) => (folder: string) =>
    editHeader(join(folder, 'model.safetensors'), edit)
  const qProj = 'model.layers.1.self_attn.q_proj.weight'

  it.each<[string, string, RegExp, (folder: string) => Promise<unknown>]>([
    [
      'another architecture',
      'artifact_type_unsupported',
      /MistralForCausalLM/,
      config(c => Object.assign(c, { architectures: ['MistralForCausalLM'] })),
    ],
    [
      'a sliding window',
      'artifact_type_unsupported',
      /sliding window/,
      config(c => Object.assign(c, { use_sliding_window: true })),
    ],
    [
      'another rotary scaling',
      'artifact_type_unsupported',
      /yarn/,
      config(c => Object.assign(c, { rope_parameters: { rope_type: 'yarn', rope_theta: 1 } })),
    ],
    [
      'an inner size that blocks do not divide',
      'artifact_invalid',
      /mlp.gate_proj/,
      config(c => Object.assign(c, { intermediate_size: 100 })),
    ],
    [
      'a type that is not read',
      'artifact_type_unsupported',
      /"model.layers.1.self_attn.q_proj.weight" is of type I16/,
      header(h => Object.assign(h[qProj]!, { dtype: 'I16' })),
    ],
    ['a missing tensor', 'artifact_invalid', /q_proj.weight" is missing/, header(h => delete h[qProj])],
    [
      'a tensor of another shape',
      'artifact_invalid',
      /is \[64,128\] where the config makes it \[128,64\]/,
      header(h => h[qProj]!.shape.reverse()),
    ],
    [
      'a tensor that the mathematics does not have',
      'artifact_type_unsupported',
      /o_proj.bias/,
      header(h => {
        h['model.layers.0.self_attn.o_proj.bias'] = { dtype: 'F32', shape: [0], data_offsets: [0, 0] }
      }),
    ],
    [
      'Python pickles',
      'artifact_type_unsupported',
      /pytorch_model.bin.*pickle/,
      async folder => {
        await rm(join(folder, 'model.safetensors'))
        await writeFile(join(folder, 'pytorch_model.bin'), 'x')
      },
    ],
    ['a folder without weights', 'input_not_found', /neither/, folder => rm(join(folder, 'model.safetensors'))],
    ['a folder without config', 'input_not_found', /config.json/, folder => rm(join(folder, 'config.json'))],
    ['a folder without tokenizer', 'input_not_found', /tokenizer.json/, folder => rm(join(folder, 'tokenizer.json'))],
    [
      'a config that is no JSON',
      'artifact_invalid',
      /"config.json" is not JSON/,
      folder => writeFile(join(folder, 'config.json'), '{'),
    ],
    [
      'a file that is cut short',
      'artifact_invalid',
      /outside the file/,
      async folder => {
        const path = join(folder, 'model.safetensors')
        await writeFile(path, (await readFile(path)).subarray(0, 200_000))
      },
    ],
    [
      'weights that are no numbers',
      'artifact_invalid',
      /Tensor "model.embed_tokens.weight" holds NaN/,
      async folder => {
        const path = join(folder, 'model.safetensors')
        const bytes = await readFile(path)
        bytes.writeUInt16LE(0x7fc0, 8 + Number(bytes.readBigUInt64LE(0)))
        await writeFile(path, bytes)
      },
    ],
  ])('%s', async (_, code, message, change) => {
    await expect(pack(await changed(change))).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('a size that blocks do not divide, with the reason, and takes it unquantised', async () => {
    // 4 heads of 18 make 72 inputs of the output projection.
    const folder = await changed(async path => {
      await editJson(join(path, 'config.json'), value => Object.assign(value, { head_dim: 18 }))
      await editHeader(join(path, 'model.safetensors'), entries => {
        for (const [name, entry] of Object.entries(entries)) {
          const shrink = (rows: number, columns?: number) => {
            entry.shape = columns === undefined ? [rows] : [rows, columns]
            entry.data_offsets[1] = entry.data_offsets[0]! + 2 * rows * (columns ?? 1)
          }
          if (name.includes('q_proj')) shrink(72, 64)
          if (name.includes('k_proj') || name.includes('v_proj')) shrink(36, 64)
          if (name.includes('o_proj')) shrink(64, 72)
          if (name.includes('q_norm') || name.includes('k_norm')) shrink(18)
        }
      })
    })
    await expect(pack(folder)).rejects.toMatchObject({
      code: 'artifact_type_unsupported',
      message: expect.stringContaining('heads * headDim is 72'),
    })
    await pack(folder, { quantisation: 'f32' })
  })

  it('an index that names a file which is not there', async () => {
    const folder = await changed(path => rm(join(path, 'model-00002-of-00002.safetensors')), 'llama3')
    await expect(pack(folder, { tokenizer: `${tinyModels}llama` })).rejects.toMatchObject({
      code: 'artifact_invalid',
      message: expect.stringContaining('model-00002-of-00002.safetensors'),
    })
  })

  it('an index that points out of its folder', async () => {
    const folder = await changed(
      path =>
        editJson(join(path, 'model.safetensors.index.json'), value =>
          Object.assign(value.weight_map as object, { x: '../secret.safetensors' }),
        ),
      'llama3',
    )
    await expect(pack(folder)).rejects.toMatchObject({
      code: 'artifact_invalid',
      message: expect.stringContaining('weight_map.x'),
    })
  })

  it('GGUF types that are not read, by name', async () => {
    const path = join(root, 'k-quant.gguf')
    await retypeGguf(`${tinyModels}llama/model-q8_0.gguf`, path, 'blk.1.attn_v.weight', 12)
    await expect(pack(path)).rejects.toMatchObject({
      code: 'artifact_type_unsupported',
      message: expect.stringContaining('"blk.1.attn_v.weight" is of type Q4_K'),
    })
  })

  it('a source that is neither folder nor GGUF', async () => {
    await expect(pack(`${tinyModels}README.md`)).rejects.toMatchObject({ code: 'artifact_type_unsupported' })
    await expect(pack(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'input_not_found' })
  })

  it('goldens of another model', async () => {
    const directory = join(root, 'goldens-of-another')
    await mkdir(directory)
    await writeFile(
      join(directory, 'selftest.json'),
      JSON.stringify({ tokens: [1], hidden: 32, layers: 3, logitsArgmax: [1] }),
    )
    await expect(pack(`${tinyModels}qwen3`, { selfTestDir: directory })).rejects.toMatchObject({
      code: 'artifact_invalid',
      message: expect.stringContaining('3 layers of 32'),
    })
  })

  it('an output folder that is a file, and one on a full disk', async () => {
    const path = join(root, 'a-file')
    await writeFile(path, '')
    await expect(pack(`${tinyModels}qwen3`, { outDir: join(path, 'pack') })).rejects.toMatchObject({
      code: 'input_not_found',
    })
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    expect(asDiskError(full, 'parts/head.bin')).toMatchObject({
      code: 'artifact_quota_exceeded',
      message: expect.stringContaining('disk is full'),
    })
    const forbidden = Object.assign(new Error('EACCES'), { code: 'EACCES' })
    expect(asDiskError(forbidden, 'parts')).toMatchObject({
      code: 'input_invalid',
      remedy: expect.stringContaining('permissions'),
    })
  })
})

describe('a pack on disk', () => {
  it("takes the reference's golden activations along", async () => {
    const directory = join(root, 'goldens')
    await mkdir(join(directory, 'activations'), { recursive: true })
    const tokens = [1, 2, 3]
    await writeFile(
      join(directory, 'selftest.json'),
      JSON.stringify({ tokens, hidden: 64, layers: 3, logitsArgmax: [4, 5, 6], more: true }),
    )
    const values = Float32Array.from({ length: 3 * 64 }, (_, i) => i / 7)
    for (let n = 0; n <= 3; n++)
      await writeFile(
        join(directory, 'activations', `boundary-${n}.f32`),
        values.map(value => value + n),
      )
    const outDir = join(root, 'with-goldens')
    const { manifest } = await pack(`${tinyModels}qwen3`, { selfTestDir: directory, outDir })
    expect(manifest.selfTest).toMatchObject({ tokens, argmax: [4, 5, 6], dtype: 'f32' })
    await readPack(outDir)
    const last = await readFile(join(outDir, manifest.selfTest!.boundaries[3]!.path))
    expect(new Float32Array(new Uint8Array(last).buffer)).toEqual(values.map(value => value + 3))
  })

  it('asks the hook for goldens once all parts are there', async () => {
    const outDir = join(root, 'with-hook')
    const { manifest } = await pack(`${tinyModels}qwen3`, {
      outDir,
      computeGoldens: async (draft, partsDir) => {
        expect(partsDir).toBe(outDir)
        for (const part of draft.parts) await (await packFolderParts(partsDir).open(part)).close()
        const boundaries = [0, 1, 2, 3].map(() => new Float32Array(64))
        return { tokens: [9], boundaries, argmax: [8], source: 'a test' }
      },
    })
    expect(manifest.selfTest).toMatchObject({ tokens: [9], dtype: 'f32', source: 'a test' })
  })
})
