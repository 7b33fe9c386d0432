/** Opens a GGUF file: its header tells shape, tensors and tokenizer. It reads no weights but the few rotary factors. */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  decodeWeights,
  type GgufHeader,
  type GgufTensor,
  ggufText,
  parseGgufHeader,
  type SourceType,
  shapeFromGguf,
  sourceBytes,
  tokenizerFromGguf,
} from '@computepool/shared/model'
import type { ByteSource, SourceFolder } from './byte-source.ts'
import type { Checkpoint, StoredTensor } from './checkpoint.ts'
import type { TokenizerFiles } from './tokenizer-files.ts'

const FIRST_READ = 1024 * 1024
const MAX_ROPE_FACTORS = 4096
const sourceTypes: readonly string[] = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1'] satisfies SourceType[]

/**
 * `wantsTokenizer` false: the caller brings its own, and the file's need not be one that can be rebuilt.
 * Errors: `input_not_found`, `artifact_invalid`, `artifact_type_unsupported`, `artifact_fetch_failed`.
 */
export async function openGguf(
  folder: SourceFolder,
  name: string,
  wantsTokenizer: boolean,
  signal: AbortSignal,
): Promise<Checkpoint> {
  const file = await folder.open(name, signal)
  if (!file)
    throw new ComputePoolError('input_not_found', `"${folder.label}" has no file "${name}".`, {
      context: { param: 'source' },
    })
  try {
    const header = await readHeader(file, signal)
    const tensors = new Map<string, StoredTensor>()
    for (const [key, tensor] of header.tensors)
      tensors.set(key, { ...tensor, file, sizeBytes: storedBytes(file, key, tensor) })
    const shape = shapeFromGguf(header, await readRopeFactors(tensors.get('rope_freqs.weight'), signal))
    const tokenizer = wantsTokenizer ? rebuildTokenizer(header, shape.dimensions.vocab) : null
    return {
      naming: 'gguf',
      shape,
      tensors,
      tokenizer,
      modelName: folder.modelName,
      licence: folder.licence ?? ggufText(header.metadata, 'general.license')?.slice(0, 200) ?? null,
      close: () => file.close(),
    }
  } catch (thrown) {
    await file.close()
    throw thrown
  }
}

async function readHeader(file: ByteSource, signal: AbortSignal): Promise<GgufHeader> {
  let wanted = FIRST_READ
  for (;;) {
    const length = Math.min(wanted, file.sizeBytes)
    const parsed = parseGgufHeader(await file.read(0, length, signal), file.name, file.sizeBytes)
    if (!('needsBytes' in parsed)) return parsed
    // Doubling: each attempt parses from the start, and a header of 16 MB takes four of them.
    wanted = Math.max(2 * length, parsed.needsBytes)
  }
}

/** Bytes of a tensor; 0 for types that are not read, which are refused by name where they are used. */
function storedBytes(file: ByteSource, name: string, tensor: GgufTensor): number {
  if (!sourceTypes.includes(tensor.type)) return 0
  const count = tensor.shape.reduce((product, size) => product * size, 1)
  const bytes = sourceBytes(tensor.type as SourceType, count)
  if (bytes !== null && tensor.offset + bytes <= file.sizeBytes) return bytes
  throw new ComputePoolError(
    'artifact_invalid',
    `"${file.name}": tensor "${name.slice(0, 100)}" lies outside the file.`,
    {
      remedy: 'Fetch the checkpoint again.',
      context: { tensor: name.slice(0, 100) },
    },
  )
}

async function readRopeFactors(tensor: StoredTensor | undefined, signal: AbortSignal): Promise<Float32Array | null> {
  if (!tensor) return null
  if (tensor.type !== 'F32' || tensor.sizeBytes > MAX_ROPE_FACTORS * 4)
    throw new ComputePoolError(
      'artifact_invalid',
      `"${tensor.file.name}": "rope_freqs.weight" is no list of f32 factors.`,
    )
  return decodeWeights('F32', await tensor.file.read(tensor.offset, tensor.sizeBytes, signal))
}

function rebuildTokenizer(header: GgufHeader, vocab: number): TokenizerFiles | null {
  const rebuilt = tokenizerFromGguf(header.metadata, vocab)
  if (!rebuilt) return null
  const encode = (value: object) => new TextEncoder().encode(`${JSON.stringify(value)}\n`)
  const { chatTemplate, bosToken, eosToken, stopTokens } = rebuilt
  return {
    tokenizerJson: encode(rebuilt.tokenizer),
    configJson: encode(rebuilt.config),
    chatTemplate,
    bosToken,
    eosToken,
    stopTokens,
  }
}
