/**
 * Writes a pack of random weights in any shape: what benches and tests run where no checkpoint is at hand. The same seed gives the same
 * bytes. Weights have a deviation of 1/sqrt(inputs), so that activations keep their size through the layers. It says nothing sensible.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  encodeWeights,
  type Manifest,
  type ModelShape,
  type PackPart,
  type PlacedTensor,
  parseManifest,
  partNames,
  partTensors,
  placeTensors,
  type Quantisation,
  quantisationObstacle,
  unsupportedModel,
} from '@computepool/shared/model'
import { byteTokenizer } from './byte-tokenizer.ts'
import { onDisk } from './disk-errors.ts'
import { writePackFile } from './self-test-files.ts'

export interface RandomPackOptions {
  readonly outDir: string
  readonly architecture: Manifest['architecture']
  readonly dimensions: Manifest['dimensions']
  readonly quantisation: Quantisation
  readonly seed: number
  /** The id that the API shows. */
  readonly model: string
  /** Default: theta 10,000, no scaling. */
  readonly rope?: Manifest['rope'] | undefined
  readonly normEpsilon?: number | undefined
  readonly tiedEmbeddings?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** SmolLM2-135M's shape; its real context is 8192. */
export const smolLm2Dimensions = {
  layers: 30,
  hidden: 576,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  intermediate: 1536,
  vocab: 49_152,
  context: 2048,
} as const satisfies Manifest['dimensions']

/** Rows are made in blocks of about this many weights: a pack of any size needs a few megabytes of memory. */
const BLOCK_WEIGHTS = 1024 * 1024

/** Writes the pack; its tokenizer is one token a byte. Errors: `artifact_type_unsupported` (odd sizes), disk errors. */
export async function writeRandomPack(options: RandomPackOptions): Promise<Manifest> {
  const { outDir, architecture, dimensions, quantisation } = options
  const shape: ModelShape = {
    architecture,
    dimensions,
    normEpsilon: options.normEpsilon ?? 1e-5,
    attentionBias: architecture === 'qwen2',
    qkNorm: architecture === 'qwen3',
    rope: options.rope ?? { theta: 10_000, scaling: null },
    tiedEmbeddings: options.tiedEmbeddings ?? false,
  }
  const obstacle = quantisationObstacle(shape, quantisation)
  if (obstacle) throw unsupportedModel(obstacle)
  await onDisk(outDir, () => mkdir(join(outDir, 'parts'), { recursive: true }))
  const parts: PackPart[] = []
  for (const name of partNames(dimensions.layers)) parts.push(await writeRandomPart(options, shape, name))
  const tokenizer = byteTokenizer(dimensions.vocab)
  const manifest = parseManifest({
    format: 'computepool-pack',
    version: 1,
    model: options.model,
    ...shape,
    quantisation,
    tokenizer: {
      tokenizer: await writePackFile(outDir, 'tokenizer.json', tokenizer.tokenizerJson),
      config: await writePackFile(outDir, 'tokenizer_config.json', tokenizer.configJson),
      chatTemplate: tokenizer.chatTemplate,
      bosToken: tokenizer.bosToken,
      eosToken: tokenizer.eosToken,
      stopTokens: tokenizer.stopTokens,
    },
    parts,
    selfTest: null,
    licence: 'CC0-1.0',
    source: `random weights, seed ${options.seed}`,
  })
  await onDisk(outDir, () => writeFile(join(outDir, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`))
  return manifest
}

async function writeRandomPart(options: RandomPackOptions, shape: ModelShape, name: string): Promise<PackPart> {
  const { tensors, sizeBytes } = placeTensors(partTensors(shape, options.quantisation, name))
  const path = `parts/${name}.bin`
  const filePath = join(options.outDir, path)
  const hash = createHash('sha256')
  await onDisk(filePath, async () => {
    const handle = await open(`${filePath}.partial`, 'w')
    try {
      let end = 0
      for (let i = 0; i < tensors.length; i++) {
        const tensor = tensors[i]!
        if (tensor.name.endsWith('.scale')) continue
        // A tensor's values follow from its own name, whatever else the pack holds.
        const random = gaussian(seedOf(`${options.seed}/${name}/${tensor.name}`))
        const scales: Uint8Array[] = []
        const append = async (bytes: Uint8Array) => {
          hash.update(bytes)
          await handle.writeFile(bytes)
          end += bytes.length
        }
        const alignTo = (placed: PlacedTensor) => append(new Uint8Array(placed.offset - end))
        await alignTo(tensor)
        for (const weights of blocks(tensor, random)) {
          options.signal?.throwIfAborted()
          const packed = encodeWeights('F32', new Uint8Array(weights.buffer), tensor.dtype, tensor.name)
          await append(packed.data)
          if (packed.scale) scales.push(packed.scale)
        }
        if (scales.length > 0) await alignTo(tensors[i + 1]!)
        for (const scale of scales) await append(scale)
      }
    } finally {
      await handle.close()
    }
    await rename(`${filePath}.partial`, filePath)
  })
  const rows = tensors.map(tensor => ({ ...tensor, shape: [...tensor.shape] }))
  return { name, path, sizeBytes, sha256: hash.digest('hex'), tensors: rows }
}

function* blocks(tensor: PlacedTensor, random: () => number): Generator<Float32Array> {
  const rows = tensor.shape[0]!
  const columns = tensor.shape[1] ?? 1
  const isNorm = tensor.name.includes('norm')
  // Embeddings feed the residual stream directly: unit size, like what the layers add to it.
  const deviation =
    isNorm || tensor.name.endsWith('.bias') ? 0.1 : tensor.name === 'embedding' ? 1 : 1 / Math.sqrt(columns)
  const perBlock = Math.max(1, Math.floor(BLOCK_WEIGHTS / columns))
  for (let start = 0; start < rows; start += perBlock) {
    const weights = new Float32Array(Math.min(perBlock, rows - start) * columns)
    for (let i = 0; i < weights.length; i++) weights[i] = (isNorm ? 1 : 0) + deviation * random()
    yield weights
  }
}

/** 32-bit FNV-1a. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Nearly normal numbers, variance 1: the sum of four uniform 16-bit numbers is close enough, and needs no logarithm a weight. */
function gaussian(seed: number): () => number {
  let state = seed || 1
  const next = () => {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  // A sum of four uniforms on [0, 65535] has this deviation: 65536 * sqrt(4 / 12).
  const deviation = 65536 * Math.sqrt(4 / 12)
  return () => {
    const a = next()
    const b = next()
    return ((a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16) - 2 * 65535) / deviation
  }
}
