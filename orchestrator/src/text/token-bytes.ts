/**
 * The bytes that each token stands for. Text is assembled from bytes, because one character may span tokens and OpenAI's
 * log-probabilities report bytes. Reads the decoder of tokenizer.json; knows no model and no request.
 */
import { byteAlphabet } from '@computepool/shared/model'
import { z } from 'zod'

const decoderSchema = z.looseObject({
  type: z.string(),
  decoders: z.array(z.looseObject({ type: z.string() })).optional(),
})

/** How the vocabulary writes bytes: GPT-2's printable alphabet, SentencePiece's "▁" and "<0x0A>", or plainly. */
export type ByteStyle = 'byte-level' | 'sentencepiece' | 'plain'

/** The style that a tokenizer.json declares. */
export function byteStyleOf(decoder: unknown): ByteStyle {
  const parsed = decoderSchema.safeParse(decoder)
  if (!parsed.success) return 'plain'
  const types = [parsed.data.type, ...(parsed.data.decoders ?? []).map(entry => entry.type)]
  if (types.includes('ByteLevel')) return 'byte-level'
  return types.includes('ByteFallback') || types.includes('Metaspace') ? 'sentencepiece' : 'plain'
}

const byteOfChar: ReadonlyMap<string, number> = new Map(byteAlphabet().map((char, byte) => [char, byte]))

const encoder = new TextEncoder()

/** Bytes of the vocabulary entry `piece`. */
export function pieceBytes(piece: string, style: ByteStyle): Uint8Array {
  if (style === 'byte-level') {
    const bytes: number[] = []
    for (const char of piece) {
      const byte = byteOfChar.get(char)
      // Not of the alphabet: the piece was added as text.
      if (byte === undefined) return encoder.encode(piece)
      bytes.push(byte)
    }
    return Uint8Array.from(bytes)
  }
  if (style === 'sentencepiece') {
    const fallback = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)
    if (fallback !== null) return Uint8Array.of(Number.parseInt(fallback[1]!, 16))
    return encoder.encode(piece.replaceAll('\u2581', ' '))
  }
  return encoder.encode(piece)
}
