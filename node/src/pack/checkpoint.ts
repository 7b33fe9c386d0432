/** A checkpoint opened for reading: what the model is, and where each stored tensor lies. It knows nothing of packs' files. */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type CheckpointNaming,
  headName,
  isSpareTensor,
  type ModelShape,
  partNames,
  partTensors,
  type SourcePiece,
  type SourceType,
  sourceBytes,
  sourcePieces,
  unsupportedModel,
} from '@computepool/shared/model'
import type { ByteSource } from './byte-source.ts'
import type { TokenizerFiles } from './tokenizer-files.ts'

export interface StoredTensor {
  /** As the checkpoint names it; only `SourceType`s can be packed. */
  readonly type: string
  readonly shape: readonly number[]
  readonly file: ByteSource
  readonly offset: number
  readonly sizeBytes: number
}

export interface Checkpoint {
  readonly naming: CheckpointNaming
  readonly shape: ModelShape
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Null where the checkpoint brings no tokenizer. */
  readonly tokenizer: TokenizerFiles | null
  readonly modelName: string
  readonly licence: string | null
  close(): Promise<void>
}

/** A piece of a pack's tensor with the place it is read from. */
export interface LocatedPiece extends SourcePiece {
  readonly stored: StoredTensor
  readonly type: SourceType
}

const sourceTypes: readonly string[] = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1'] satisfies SourceType[]

/**
 * The stored tensors behind a pack's tensor, in row order.
 * Errors: `artifact_invalid` (missing, wrong shape or size), `artifact_type_unsupported` (a type that is not read, by name).
 */
export function locatePieces(checkpoint: Checkpoint, part: string, tensor: string): LocatedPiece[] {
  return sourcePieces(checkpoint.shape, checkpoint.naming, part, tensor).map(piece => {
    const stored = checkpoint.tensors.get(piece.name)
    if (!stored) throw invalid(piece.name, 'is missing')
    if (stored.shape.join() !== piece.shape.join())
      throw invalid(piece.name, `is [${stored.shape}] where the config makes it [${piece.shape}]`)
    if (!sourceTypes.includes(stored.type)) throw unsupportedModel(`tensor "${piece.name}" is of type ${stored.type}`)
    const type = stored.type as SourceType
    // Blocks may not run over a row's end: row by row is how the packer reads.
    const rowBytes = sourceBytes(type, piece.shape[1] ?? 1)
    if (rowBytes === null || rowBytes * piece.shape[0]! !== stored.sizeBytes)
      throw invalid(piece.name, `has ${stored.sizeBytes} bytes, which its shape [${piece.shape}] does not fill`)
    return { ...piece, stored, type }
  })
}

/**
 * Looks at every tensor before the first byte of weights is read: all that a pack needs are there, and none is left over that the
 * mathematics would need (an output bias, say). Errors: as `locatePieces`.
 */
export function checkCheckpoint(checkpoint: Checkpoint): void {
  const used = new Set<string>()
  for (const part of partNames(checkpoint.shape.dimensions.layers)) {
    for (const spec of partTensors(checkpoint.shape, 'f32', part)) {
      for (const piece of locatePieces(checkpoint, part, spec.name)) used.add(piece.name)
    }
  }
  // A tied checkpoint may still store its head, as a copy of the embedding.
  if (checkpoint.shape.tiedEmbeddings) used.add(headName(checkpoint.naming))
  for (const name of checkpoint.tensors.keys()) {
    if (!used.has(name) && !isSpareTensor(name))
      throw unsupportedModel(`it has a tensor that no ${checkpoint.shape.architecture} has: "${name}"`)
  }
}

function invalid(tensor: string, what: string): ComputePoolError {
  return new ComputePoolError('artifact_invalid', `The checkpoint's tensor "${tensor}" ${what}.`, {
    remedy: 'Fetch the checkpoint again; if it is complete, it is of a kind that is not built.',
    context: { tensor },
  })
}
