/**
 * Writes one part of a pack: reads its tensors in blocks of rows, converts them, and puts each block at its place. Memory is bounded by a few
 * blocks, whatever the model's size. The file appears under its name only when it is whole.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  encodeWeights,
  type PackPart,
  type PlacedTensor,
  partTensors,
  placeTensors,
  type Quantisation,
  sourceBytes,
  splitRotaryRows,
  tensorBytes,
} from '@computepool/shared/model'
import { type Checkpoint, type LocatedPiece, locatePieces } from './checkpoint.ts'
import { onDisk } from './disk-errors.ts'

/** Most bytes asked of a source at once; a block of rotary rows is whole heads and may exceed it where one head does. */
export const DEFAULT_BLOCK_BYTES = 8 * 1024 * 1024
const READS_IN_FLIGHT = 2
const HASH_BYTES = 1024 * 1024

interface Block {
  readonly tensor: PlacedTensor
  readonly scale: PlacedTensor | null
  readonly piece: LocatedPiece
  /** Rows of the piece. */
  readonly start: number
  readonly rows: number
  /** Row of the pack's tensor at which the block begins. */
  readonly targetRow: number
}

export interface PartJob {
  readonly checkpoint: Checkpoint
  readonly quantisation: Quantisation
  /** e.g. "layer-3". */
  readonly name: string
  /** Where the part goes, on this disk, and in the pack. */
  readonly filePath: string
  readonly packPath: string
  readonly blockBytes: number
  readonly signal: AbortSignal
  onBytes(sourceBytes: number): void
  onTensor(name: string): void
}

/** Writes the part and returns its row of the manifest. Errors: of the source, of the disk, of the values; the signal's reason. */
export async function writePart(job: PartJob): Promise<PackPart> {
  const { tensors, sizeBytes } = placeTensors(partTensors(job.checkpoint.shape, job.quantisation, job.name))
  const partial = `${job.filePath}.partial`
  await onDisk(partial, () => mkdir(dirname(job.filePath), { recursive: true }))
  const handle = await onDisk(partial, () => open(partial, 'w+'))
  let sha256: string
  try {
    const put = (bytes: Uint8Array, at: number) => onDisk(partial, () => writeAll(handle, bytes, at))
    let current = ''
    for await (const { block, bytes } of readAhead(planBlocks(job, tensors), job.signal)) {
      if (current !== '' && current !== block.tensor.name) job.onTensor(current)
      current = block.tensor.name
      await writeBlock(block, bytes, job.checkpoint.shape.dimensions.headDim, put)
      job.onBytes(bytes.length)
    }
    job.onTensor(current)
    sha256 = await onDisk(partial, async () => {
      await handle.sync()
      return digest(handle, sizeBytes)
    })
  } finally {
    await handle.close()
  }
  await onDisk(job.filePath, () => rename(partial, job.filePath))
  const rows = tensors.map(({ name, dtype, shape, offset, sizeBytes: size }) => ({
    name,
    dtype,
    shape: [...shape],
    offset,
    sizeBytes: size,
  }))
  return { name: job.name, path: job.packPath, sizeBytes, sha256, tensors: rows }
}

function planBlocks(job: PartJob, tensors: readonly PlacedTensor[]): Block[] {
  const blocks: Block[] = []
  for (const tensor of tensors) {
    const pieces = locatePieces(job.checkpoint, job.name, tensor.name)
    const scale = tensors.find(other => other.name === `${tensor.name}.scale`) ?? null
    let targetRow = 0
    for (const piece of pieces) {
      const total = piece.shape[0]!
      const rowBytes = sourceBytes(piece.type, piece.shape[1] ?? 1)!
      const step = piece.interleavedHeads === null ? 1 : total / piece.interleavedHeads
      const perBlock = Math.max(step, Math.floor(job.blockBytes / rowBytes / step) * step)
      for (let start = 0; start < total; start += perBlock) {
        const rows = Math.min(perBlock, total - start)
        blocks.push({ tensor, scale, piece, start, rows, targetRow: targetRow + start })
      }
      targetRow += total
    }
  }
  return blocks
}

/** Yields blocks in order while the next one is on its way. */
async function* readAhead(
  blocks: readonly Block[],
  signal: AbortSignal,
): AsyncGenerator<{ block: Block; bytes: Uint8Array }> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const pending: { block: Block; read: Promise<Uint8Array> }[] = []
  let next = 0
  try {
    while (next < blocks.length || pending.length > 0) {
      while (next < blocks.length && pending.length < READS_IN_FLIGHT) {
        const block = blocks[next++]!
        const rowBytes = sourceBytes(block.piece.type, block.piece.shape[1] ?? 1)!
        const { stored } = block.piece
        const read = stored.file.read(stored.offset + block.start * rowBytes, block.rows * rowBytes, either)
        // Awaited in its turn below; a failure before that must not count as unhandled.
        read.catch(() => {})
        pending.push({ block, read })
      }
      const { block, read } = pending.shift()!
      const bytes = await read
      signal.throwIfAborted()
      yield { block, bytes }
    }
  } finally {
    stop.abort()
    await Promise.allSettled(pending.map(item => item.read))
  }
}

async function writeBlock(
  block: Block,
  bytes: Uint8Array,
  headDim: number,
  put: (bytes: Uint8Array, at: number) => Promise<void>,
): Promise<void> {
  const { tensor, scale, piece } = block
  const ordered = piece.interleavedHeads === null ? bytes : splitRotaryRows(bytes, block.rows, headDim)
  const packed = encodeWeights(piece.type, ordered, tensor.dtype, piece.name)
  await put(packed.data, tensor.offset + rowOffset(tensor, block.targetRow))
  if (scale && packed.scale) await put(packed.scale, scale.offset + rowOffset(scale, block.targetRow))
}

function rowOffset(tensor: PlacedTensor, row: number): number {
  return row * tensorBytes(tensor.dtype, [tensor.shape[1] ?? 1])
}

type Handle = Awaited<ReturnType<typeof open>>

async function writeAll(handle: Handle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}

/** SHA-256 of the first `sizeBytes`, read back from the file: a digest of what the disk holds, not of what was meant. */
async function digest(handle: Handle, sizeBytes: number): Promise<string> {
  const hash = createHash('sha256')
  const buffer = new Uint8Array(Math.min(HASH_BYTES, Math.max(1, sizeBytes)))
  for (let at = 0; at < sizeBytes; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, sizeBytes - at), at)
    if (bytesRead === 0) break
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash.digest('hex')
}
