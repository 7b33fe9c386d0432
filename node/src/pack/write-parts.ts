/**
 * Writes all parts of a pack, one after another, keeping a journal of what is whole, so that a stopped run can go on. It knows no tokenizer and no
 * manifest but an older one, which it removes.
 */
import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type PackPart, partNames, partTensors, type Quantisation } from '@computepool/shared/model'
import { type Checkpoint, locatePieces } from './checkpoint.ts'
import { onDisk } from './disk-errors.ts'
import type { OpenedSource } from './open-source.ts'
import { openJournal } from './pack-journal.ts'
import type { PackOptions } from './pack-model.ts'
import { type ProgressMeter, progressMeter } from './pack-progress.ts'
import { DEFAULT_BLOCK_BYTES, writePart } from './write-part.ts'

/** Changes when the same source and options would give other bytes: an older journal is then worth nothing. */
const LAYOUT_VERSION = 1

export interface WrittenParts {
  readonly parts: PackPart[]
  readonly reusedParts: string[]
  /** To be called once the manifest is there: the journal goes. */
  finish(): Promise<void>
}

/** Writes all parts that no earlier run has finished. Errors: as `writePart`, and disk errors. */
export async function writeParts(
  options: PackOptions,
  opened: OpenedSource,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<WrittenParts> {
  const { outDir, quantisation } = options
  await onDisk(outDir, () => mkdir(outDir, { recursive: true }))
  // A reader must never take an older manifest for that of the parts that are being replaced.
  await onDisk(outDir, () => rm(join(outDir, 'manifest.json'), { force: true }))
  const journal = await openJournal(outDir, fingerprint(opened, checkpoint, quantisation))
  const names = partNames(checkpoint.shape.dimensions.layers)
  const sizes = new Map(names.map(name => [name, partCost(checkpoint, name)]))
  const meter = meterFor(options, [...sizes.values()])
  const parts: PackPart[] = []
  for (const name of names) {
    meter.enterPart(name)
    const finished = journal.finished.get(name)
    if (finished) {
      meter.skip(sizes.get(name)!)
      parts.push(finished)
      continue
    }
    const packPath = `parts/${name}.bin`
    const part = await writePart({
      checkpoint,
      quantisation,
      name,
      packPath,
      filePath: join(outDir, packPath),
      blockBytes: options.blockBytes ?? DEFAULT_BLOCK_BYTES,
      signal,
      onBytes: meter.addBytes,
      onTensor: () => meter.addTensors(1),
    })
    await journal.add(part)
    parts.push(part)
  }
  return { parts, reusedParts: [...journal.finished.keys()], finish: journal.remove }
}

/** What must be the same for an earlier run's parts to count. */
function fingerprint(opened: OpenedSource, checkpoint: Checkpoint, quantisation: Quantisation): string {
  const files = new Map([...checkpoint.tensors.values()].map(({ file }) => [file.name, file.identity]))
  const facts = [LAYOUT_VERSION, opened.folder.label, opened.gguf, [...files], checkpoint.shape, quantisation]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}

interface PartCost {
  readonly bytes: number
  readonly tensors: number
}

function partCost(checkpoint: Checkpoint, part: string): PartCost {
  const specs = partTensors(checkpoint.shape, 'f32', part)
  const pieces = specs.flatMap(spec => locatePieces(checkpoint, part, spec.name))
  return { bytes: pieces.reduce((sum, piece) => sum + piece.stored.sizeBytes, 0), tensors: specs.length }
}

function meterFor(options: PackOptions, parts: readonly PartCost[]): ProgressMeter {
  const total = { bytes: 0, tensors: 0 }
  for (const part of parts) {
    total.bytes += part.bytes
    total.tensors += part.tensors
  }
  return progressMeter(total, options.nowMs ?? (() => performance.now()), options.onProgress ?? (() => {}))
}
