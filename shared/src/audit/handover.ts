/**
 * What a seat hands over for a check, as bytes and back: the magic "CPHAND01", the header's length (u32, little-endian), the header as JSON padded
 * with spaces to a multiple of 8, then the payloads of the held frames, attempt behind attempt. It knows no links; receipts say what of it is true.
 */
import { z } from 'zod'
import { ComputePoolError } from '../errors/index.ts'
import { faultOfHeld, heldBytes } from './evidence-bundle.ts'
import { evidenceFramesSchema } from './evidence-header.ts'

/** A whole blob: what a peer keeps of recent attempts. */
export const maxHandoverBytes = 64 << 20
const maxHeaderBytes = 16 << 20

const handoverSchema = z.strictObject({
  format: z.literal('computepool-handover'),
  version: z.literal(1),
  attempts: z
    .array(
      z.strictObject({
        requestId: z.string().min(1).max(64),
        /** What it received, or the exit's own rows where those were asked for; null at an entry, which was sent a text. */
        frames: evidenceFramesSchema.nullable(),
        /** With an exit's own rows: what it drew of them. */
        draws: z
          .strictObject({
            firstPosition: z.int().positive().max(1_048_576),
            tokens: z.array(z.int().nonnegative().max(0xffff_ffff)).max(131_072),
          })
          .nullable(),
      }),
    )
    .min(1)
    .max(16),
})
export type HandoverHeader = Omit<z.infer<typeof handoverSchema>, 'format' | 'version'>
export type HandedAttempt = HandoverHeader['attempts'][number]

export interface Handover {
  readonly attempts: readonly HandedAttempt[]
  /** Of all attempts' held frames. */
  readonly payloads: Uint8Array
}

const magic = new TextEncoder().encode('CPHAND01')
const headerOffset = magic.length + 4
const alignment = 8

/** What stands before the payloads. Errors: `input_too_large` where the whole would be. */
export function encodeHandoverHeader({ attempts }: HandoverHeader): Uint8Array {
  const header = { format: 'computepool-handover', version: 1, attempts }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const start = Math.ceil((headerOffset + json.length) / alignment) * alignment
  refuseLarge(start, maxHeaderBytes)
  refuseLarge(start + attempts.reduce((sum, { frames }) => sum + sizeOf(frames), 0), maxHandoverBytes)
  const bytes = new Uint8Array(start).fill(0x20)
  bytes.set(magic)
  new DataView(bytes.buffer).setUint32(magic.length, start - headerOffset, true)
  bytes.set(json, headerOffset)
  return bytes
}

/** The payloads are a view. Errors: `input_invalid` for anything that is none, `input_too_large`. */
export function decodeHandover(bytes: Uint8Array): Handover {
  refuseLarge(bytes.length, maxHandoverBytes)
  if (bytes.length < headerOffset || magic.some((byte, i) => bytes[i] !== byte))
    throw invalid('It does not begin with CPHAND01.')
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(magic.length, true)
  refuseLarge(length, maxHeaderBytes)
  const start = headerOffset + length
  if (start > bytes.length) throw invalid(`Its header is to end at byte ${start}, and it has ${bytes.length}.`)
  const parsed = handoverSchema.safeParse(parseJson(bytes.subarray(headerOffset, start)))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw invalid(`Its header is unsound at ${issue?.path.join('.').slice(0, 200)}: ${issue?.message.slice(0, 200)}.`)
  }
  const { attempts } = parsed.data
  for (const { frames } of attempts) {
    const fault = frames === null ? null : faultOfHeld(frames)
    if (fault !== null) throw invalid(fault)
  }
  const held = attempts.reduce((sum, { frames }) => sum + sizeOf(frames), 0)
  if (start + held !== bytes.length)
    throw invalid(`Its frames take ${held} bytes, and it brings ${bytes.length - start}.`)
  return { attempts, payloads: bytes.subarray(start) }
}

/** The pieces, behind each other, cut into views or copies of `size` bytes and a rest; at least one. */
export function* cutHandover(
  pieces: readonly Uint8Array[],
  size: number,
): Generator<{ chunk: Uint8Array; isLast: boolean }> {
  let left = pieces.reduce((sum, piece) => sum + piece.length, 0)
  let index = 0
  let offset = 0
  do {
    const chunk = new Uint8Array(Math.min(size, left))
    for (let filled = 0; filled < chunk.length; ) {
      const piece = pieces[index]!
      const taken = piece.subarray(offset, offset + chunk.length - filled)
      chunk.set(taken, filled)
      filled += taken.length
      offset += taken.length
      if (offset < piece.length) continue
      index += 1
      offset = 0
    }
    left -= chunk.length
    yield { chunk, isLast: left === 0 }
  } while (left > 0)
}

function sizeOf(frames: HandedAttempt['frames']): number {
  return frames === null ? 0 : heldBytes(frames)
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw invalid('Its header is no JSON.')
  }
}

function refuseLarge(sizeBytes: number, limitBytes: number): void {
  if (sizeBytes <= limitBytes) return
  throw new ComputePoolError(
    'input_too_large',
    `${sizeBytes} bytes were to be handed over for a check; the limit is ${limitBytes}.`,
    { remedy: 'Check an earlier end.', context: { sizeBytes, limitBytes } },
  )
}

function invalid(what: string): ComputePoolError {
  return new ComputePoolError('input_invalid', `What was handed over is unsound. ${what}`, {
    remedy: 'Whoever signed for its work hands over what it signed for.',
  })
}
