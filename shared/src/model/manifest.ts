/**
 * The pack's manifest: one JSON file that tells a tab everything it needs to hold any slice of a model, and the digest of every
 * byte it will download. It knows nothing of how parts are fetched or run. The format is described in docs/protocol.md.
 */
import { z } from 'zod'

const positiveInt = z.int().positive()
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** A path inside the pack: no scheme, no leading slash, no climbing out. */
const packPath = z
  .string()
  .max(200)
  .regex(/^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]*$/)

export const fileRefSchema = z.strictObject({ path: packPath, sizeBytes: positiveInt, sha256 })
/** One file of a pack with its size and digest. */
export type FileRef = z.infer<typeof fileRefSchema>

/**
 * How a tensor's bytes read, little-endian, row-major.
 * `q4`: uint8 [n, k/32, 16], two values a byte, low nibble first, w = (q - 8) * scale (MatMulNBits, bits 4, block 32).
 * `q8`: uint8 [n, k/32, 32], w = (q - 128) * scale (MatMulNBits, bits 8, block 32).
 * A quantised tensor `x` is followed by `x.scale`, f16 [n, k/32].
 */
export const tensorDtypeSchema = z.enum(['f32', 'f16', 'q4', 'q8'])
export type TensorDtype = z.infer<typeof tensorDtypeSchema>

export const packTensorSchema = z.strictObject({
  name: z.string().max(80),
  dtype: tensorDtypeSchema,
  /** Logical shape, e.g. [outputs, inputs]; not the packed byte shape. */
  shape: z.array(positiveInt).min(1).max(2),
  /** From the start of the part; a multiple of 64. */
  offset: z.int().nonnegative(),
  sizeBytes: positiveInt,
})
export type PackTensor = z.infer<typeof packTensorSchema>

/**
 * A part is what is downloaded as one: the embedding, one layer, or the head (final norm and output projection).
 * Tensors of `layer-N`: `norm.attention` [hidden], `attention.qkv` [(heads + 2 kvHeads) * headDim, hidden] (rows: q, k, v),
 * `attention.qkv.bias` (qwen2), `attention.q_norm` and `attention.k_norm` [headDim] (qwen3), `attention.output` [hidden,
 * heads * headDim], `norm.mlp` [hidden], `mlp.gate_up` [2 * intermediate, hidden] (rows: gate, up), `mlp.down` [hidden, intermediate].
 * `embedding`: `embedding` [vocab, hidden]. `head`: `norm.final` [hidden], `head` [vocab, hidden]. Norms and biases are f32.
 * Rotary position uses the half-split ("neox") order of q and k rows.
 */
export const packPartSchema = fileRefSchema.extend({
  name: z.string().regex(/^(embedding|head|layer-\d{1,3})$/),
  tensors: z.array(packTensorSchema).min(1).max(32),
})
export type PackPart = z.infer<typeof packPartSchema>

const ropeScalingSchema = z.strictObject({
  type: z.literal('llama3'),
  factor: z.number().positive(),
  lowFrequencyFactor: z.number().positive(),
  highFrequencyFactor: z.number().positive(),
  originalContext: positiveInt,
})

/** Golden activations for the join-time self-test: boundary n is what enters layer n; the last is what leaves the last layer. */
export const selfTestSchema = z.strictObject({
  tokens: z.array(z.int().nonnegative()).min(1).max(4096),
  dtype: z.enum(['f32', 'f16']),
  /** One file [tokens, hidden] a boundary, `layers + 1` of them. */
  boundaries: z.array(fileRefSchema),
  /** The greedy token after each position. */
  argmax: z.array(z.int().nonnegative()),
  /** Who computed it, e.g. "transformers 5.0 f32" or "native f32". */
  source: z.string().max(200),
})
export type SelfTestGolden = z.infer<typeof selfTestSchema>

export const manifestSchema = z.strictObject({
  format: z.literal('computepool-pack'),
  version: z.literal(1),
  /** The id that the API shows, e.g. "computepool-demo" or "Qwen/Qwen3-0.6B". */
  model: z
    .string()
    .min(1)
    .max(120)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/),
  architecture: z.enum(['llama', 'qwen2', 'qwen3']),
  dimensions: z.strictObject({
    layers: positiveInt.max(512),
    hidden: positiveInt.max(65536),
    heads: positiveInt,
    kvHeads: positiveInt,
    headDim: positiveInt,
    intermediate: positiveInt,
    vocab: positiveInt,
    /** Tokens, prompt and answer together. */
    context: positiveInt,
  }),
  normEpsilon: z.number().positive(),
  attentionBias: z.boolean(),
  qkNorm: z.boolean(),
  rope: z.strictObject({ theta: z.number().positive(), scaling: ropeScalingSchema.nullable() }),
  /** True where the source shared embedding and head; the pack's head is its own copy either way. */
  tiedEmbeddings: z.boolean(),
  quantisation: z.enum(['q4', 'q8', 'f16', 'f32']),
  tokenizer: z.strictObject({
    tokenizer: fileRefSchema,
    config: fileRefSchema,
    /** Jinja source, already resolved from tokenizer_config.json or chat_template.jinja; null for a base model. */
    chatTemplate: z.string().max(200_000).nullable(),
    bosToken: z.string().nullable(),
    eosToken: z.string().nullable(),
    /** Token ids that end an answer. */
    stopTokens: z.array(z.int().nonnegative()).max(64),
  }),
  parts: z.array(packPartSchema).min(3).max(514),
  selfTest: selfTestSchema.nullable(),
  licence: z.string().max(200).nullable(),
  source: z.string().max(500),
})
/** A model pack. Obtain it through `parseManifest`, which checks what a schema cannot. */
export type Manifest = z.infer<typeof manifestSchema>
