/** Opens a Hugging Face folder: config.json, and safetensors in one file or in shards with an index. It reads headers only. */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  parseSafetensorsHeader,
  safetensorsHeaderBytes,
  shapeFromConfig,
  unsupportedModel,
} from '@computepool/shared/model'
import { z } from 'zod'
import { type ByteSource, readJson, type SourceFolder } from './byte-source.ts'
import type { Checkpoint, StoredTensor } from './checkpoint.ts'
import { readTokenizerFiles } from './tokenizer-files.ts'

const MAX_CONFIG_BYTES = 4 * 1024 * 1024
const MAX_INDEX_BYTES = 32 * 1024 * 1024
const MAX_SHARDS = 1000
const INDEX = 'model.safetensors.index.json'
const SINGLE = 'model.safetensors'

const indexSchema = z.looseObject({
  weight_map: z.record(z.string().max(300), z.string().regex(/^(?!.*\.\.)[\w][\w./-]{0,200}\.safetensors$/)),
})

/** Errors: `input_not_found`, `artifact_invalid`, `artifact_type_unsupported`, `artifact_fetch_failed`. */
export async function openHuggingFace(folder: SourceFolder, signal: AbortSignal): Promise<Checkpoint> {
  const config = await readJson(folder, 'config.json', MAX_CONFIG_BYTES, signal)
  if (config === null)
    throw new ComputePoolError('input_not_found', `"${folder.label}" has no config.json.`, {
      remedy: 'Give a folder, URL or hub id of a Hugging Face checkpoint, or a .gguf file.',
      context: { param: 'source' },
    })
  const shape = shapeFromConfig(config)
  const { files, placed } = await openShards(folder, signal)
  const close = async () => {
    for (const file of files) await file.close()
  }
  try {
    const tensors = new Map<string, StoredTensor>()
    for (const file of files) {
      const claimed = placed(file.name)
      for (const [name, stored] of await readHeader(file, signal)) {
        if (claimed && !claimed.has(name)) continue
        tensors.set(name, stored)
      }
    }
    const tokenizer = await readTokenizerFiles(folder, config, shape.dimensions.vocab, signal)
    return {
      naming: 'huggingface',
      shape,
      tensors,
      tokenizer,
      modelName: folder.modelName,
      licence: folder.licence,
      close,
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

interface Shards {
  readonly files: ByteSource[]
  /** The tensors that the index places in a file; null where there is no index. */
  readonly placed: (file: string) => ReadonlySet<string> | null
}

async function openShards(folder: SourceFolder, signal: AbortSignal): Promise<Shards> {
  const index = await readJson(folder, INDEX, MAX_INDEX_BYTES, signal)
  if (index === null) return { files: [await openSingle(folder, signal)], placed: () => null }
  const parsed = indexSchema.safeParse(index)
  if (!parsed.success)
    throw new ComputePoolError(
      'artifact_invalid',
      `"${INDEX}" is malformed at "${parsed.error.issues[0]!.path.join('.').slice(0, 200)}".`,
    )
  const byFile = new Map<string, Set<string>>()
  for (const [tensor, file] of Object.entries(parsed.data.weight_map)) {
    const tensors = byFile.get(file) ?? new Set()
    byFile.set(file, tensors.add(tensor))
  }
  if (byFile.size > MAX_SHARDS)
    throw new ComputePoolError(
      'artifact_invalid',
      `"${INDEX}" names ${byFile.size} files; at most ${MAX_SHARDS} are read.`,
    )
  const files: ByteSource[] = []
  for (const name of [...byFile.keys()].sort()) {
    const file = await folder.open(name, signal)
    if (file) files.push(file)
    else {
      for (const opened of files) await opened.close()
      throw new ComputePoolError('artifact_invalid', `"${INDEX}" names "${name}", which is not there.`, {
        remedy: 'Fetch the checkpoint again.',
        context: { param: name },
      })
    }
  }
  return { files, placed: name => byFile.get(name) ?? null }
}

async function openSingle(folder: SourceFolder, signal: AbortSignal): Promise<ByteSource> {
  const others = folder.files?.filter(file => file.endsWith('.safetensors') && !file.includes('/')) ?? []
  const name = others.length === 1 ? others[0]! : SINGLE
  const file = await folder.open(name, signal)
  if (file) return file
  const pickled = await findPickled(folder, signal)
  if (pickled) throw unsupportedModel(`"${pickled}" is a Python pickle, which can run code when it is read`)
  throw new ComputePoolError('input_not_found', `"${folder.label}" has neither ${SINGLE} nor ${INDEX}.`, {
    context: { param: 'source' },
  })
}

async function findPickled(folder: SourceFolder, signal: AbortSignal): Promise<string | null> {
  if (folder.files) return folder.files.find(file => /\.(bin|pt|pth|ckpt|pkl|pickle)$/.test(file)) ?? null
  for (const name of ['pytorch_model.bin', 'pytorch_model.bin.index.json']) {
    const file = await folder.open(name, signal)
    await file?.close()
    if (file) return name
  }
  return null
}

async function readHeader(file: ByteSource, signal: AbortSignal): Promise<Map<string, StoredTensor>> {
  const length = safetensorsHeaderBytes(
    await file.read(0, Math.min(8, file.sizeBytes), signal),
    file.name,
    file.sizeBytes,
  )
  const entries = parseSafetensorsHeader(await file.read(8, length, signal), file.name, file.sizeBytes)
  return new Map(
    [...entries].map(([name, entry]) => [
      name,
      { type: entry.dtype, shape: entry.shape, file, offset: entry.offset, sizeBytes: entry.sizeBytes },
    ]),
  )
}
