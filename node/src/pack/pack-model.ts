/**
 * Makes a pack from a checkpoint: parts first, then tokenizer and self-test, the manifest last, so that a folder with a manifest is a whole
 * pack. It streams: memory is bounded by a few blocks of rows. It knows no engine; golden activations come through a hook.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Manifest,
  type PackPart,
  parseManifest,
  type Quantisation,
  quantisationObstacle,
  unsupportedModel,
} from '@computepool/shared/model'
import { type Checkpoint, checkCheckpoint } from './checkpoint.ts'
import { onDisk } from './disk-errors.ts'
import { openGguf } from './open-gguf.ts'
import { openHuggingFace } from './open-huggingface.ts'
import { type OpenedSource, openSource, type SourceAccess } from './open-source.ts'
import { fileMatches } from './pack-journal.ts'
import type { PackProgress } from './pack-progress.ts'
import { type Goldens, readGoldens, writeGoldens, writePackFile } from './self-test-files.ts'
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts'
import { writeParts } from './write-parts.ts'

export interface PackOptions extends SourceAccess {
  /** A local folder or .gguf, an http(s) URL of either, or `hf:owner/name[@revision][:file.gguf]`. */
  readonly source: string
  /** Made where it does not exist. */
  readonly outDir: string
  readonly quantisation: Quantisation
  /** The id that the API shows; default: the source's own name. */
  readonly model?: string | undefined
  readonly licence?: string | undefined
  /** What the manifest says of the weights' origin, if the source's own name says too little. */
  readonly origin?: string | undefined
  /** Where the tokenizer files are, if not with the weights: any folder source. */
  readonly tokenizer?: string | undefined
  /** Golden activations of the reference: see `readGoldens`. */
  readonly selfTestDir?: string | undefined
  /** How golden activations are stored; default f32: some models' activations are too large for f16. */
  readonly selfTestDtype?: 'f32' | 'f16' | undefined
  /** Called once all parts are written, where `selfTestDir` is not given; the manifest has `selfTest: null` then. */
  readonly computeGoldens?: ((manifest: Manifest, partsDir: string) => Promise<Goldens | null>) | undefined
  readonly onProgress?: ((progress: PackProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** Most bytes asked of the source at once. */
  readonly blockBytes?: number | undefined
  readonly nowMs?: (() => number) | undefined
}

export interface PackResult {
  readonly manifest: Manifest
  /** Parts that an earlier run had finished. */
  readonly reusedParts: readonly string[]
}

/**
 * Packs a model. A run that was stopped goes on where it was, and ends with the same bytes as one that was not.
 * Errors: `input_*` (source or options), `artifact_type_unsupported` (by name), `artifact_invalid`, `artifact_fetch_failed`,
 * `artifact_quota_exceeded` (disk full), the signal's reason where aborted.
 */
export async function packModel(options: PackOptions): Promise<PackResult> {
  const signal = options.signal ?? new AbortController().signal
  const opened = await openSource(options.source, options, signal)
  const ready = await finishedPack(options, opened)
  if (ready) return { manifest: ready, reusedParts: ready.parts.map(part => part.name) }
  const { folder, gguf } = opened
  const checkpoint =
    gguf === null
      ? await openHuggingFace(folder, signal)
      : await openGguf(folder, gguf, options.tokenizer === undefined, signal)
  try {
    checkCheckpoint(checkpoint)
    const obstacle = quantisationObstacle(checkpoint.shape, options.quantisation)
    if (obstacle) throw unsupportedModel(obstacle)
    const tokenizer = await findTokenizer(options, checkpoint, signal)
    const { parts, reusedParts, finish } = await writeParts(options, opened, checkpoint, signal)
    const manifest = await writeManifest(options, opened, checkpoint, tokenizer, parts)
    await finish()
    return { manifest, reusedParts }
  } finally {
    await checkpoint.close()
  }
}

async function findTokenizer(
  options: PackOptions,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<TokenizerFiles> {
  if (options.tokenizer !== undefined) {
    const { folder } = await openSource(options.tokenizer, options, signal)
    const files = await readTokenizerFiles(folder, null, checkpoint.shape.dimensions.vocab, signal)
    if (files) return files
  } else if (checkpoint.tokenizer) return checkpoint.tokenizer
  throw new ComputePoolError('input_not_found', `"${options.tokenizer ?? options.source}" has no tokenizer.json.`, {
    remedy: 'Give the folder of its tokenizer with --tokenizer.',
    context: { param: 'tokenizer' },
  })
}

/** A whole pack of the very same commit, options and bytes that is there already; only a pinned source can tell. */
async function finishedPack(options: PackOptions, { folder }: OpenedSource): Promise<Manifest | null> {
  if (!folder.isPinned || options.origin !== undefined) return null
  try {
    const manifest = parseManifest(JSON.parse(await readFile(join(options.outDir, 'manifest.json'), 'utf8')))
    const isSame =
      manifest.source === folder.label &&
      manifest.quantisation === options.quantisation &&
      manifest.model === modelId(options, folder.modelName)
    if (!isSame) return null
    for (const file of [
      ...manifest.parts,
      manifest.tokenizer.tokenizer,
      manifest.tokenizer.config,
      ...(manifest.selfTest?.boundaries ?? []),
    ]) {
      if (!(await fileMatches(join(options.outDir, file.path), file))) return null
    }
    return manifest
  } catch {
    // Absent or damaged: pack anew.
    return null
  }
}

function modelId(options: PackOptions, sourceName: string): string {
  return (
    (options.model ?? sourceName)
      .replace(/[^A-Za-z0-9._/-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 120) || 'model'
  )
}

async function writeManifest(
  options: PackOptions,
  opened: OpenedSource,
  checkpoint: Checkpoint,
  tokenizer: TokenizerFiles,
  parts: PackPart[],
): Promise<Manifest> {
  const { outDir, quantisation } = options
  const { tokenizerJson, configJson, chatTemplate, bosToken, eosToken, stopTokens } = tokenizer
  const draft: Manifest = {
    format: 'computepool-pack',
    version: 1,
    model: modelId(options, checkpoint.modelName),
    ...checkpoint.shape,
    quantisation,
    tokenizer: {
      tokenizer: await writePackFile(outDir, 'tokenizer.json', tokenizerJson),
      config: await writePackFile(outDir, 'tokenizer_config.json', configJson),
      chatTemplate,
      bosToken,
      eosToken,
      stopTokens: [...stopTokens],
    },
    parts,
    selfTest: null,
    licence: options.licence ?? checkpoint.licence,
    source: (options.origin ?? opened.folder.label).slice(0, 500),
  }
  const goldens = options.selfTestDir
    ? await readGoldens(options.selfTestDir, checkpoint.shape)
    : ((await options.computeGoldens?.(parseManifest(draft), outDir)) ?? null)
  const selfTest = goldens && (await writeGoldens(outDir, checkpoint.shape, goldens, options.selfTestDtype ?? 'f32'))
  const manifest = parseManifest({ ...draft, selfTest })
  const path = join(outDir, 'manifest.json')
  await onDisk(path, async () => {
    await writeFile(`${path}.partial`, `${JSON.stringify(manifest, null, 2)}\n`)
    await rename(`${path}.partial`, path)
  })
  return manifest
}
