/**
 * Evidence as bytes and back: the magic "CPEVID01", the header's length (u32, little-endian), the header as JSON padded with spaces to a
 * multiple of 8, then what was received and what was sent, payload behind payload. Whether it proves anything is `check-evidence`'s business.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { ComputePoolError } from '../errors/index.ts'
import {
  type EvidenceCase,
  type EvidenceFrames,
  type EvidenceHeader,
  evidenceHeaderSchema,
  evidenceVersion,
} from './evidence-header.ts'

export interface EvidenceBundle {
  readonly header: EvidenceHeader
  /** Payloads of the held frames, behind each other, attempt behind attempt; none where the side has no frames. */
  readonly incoming: Uint8Array
  readonly outgoing: Uint8Array
}

export const maxEvidenceHeaderBytes = 16 << 20
/** Each of the two: what a seat keeps of recent attempts. */
export const maxEvidenceSectionBytes = 64 << 20

const magic = new TextEncoder().encode('CPEVID01')
const headerOffset = magic.length + 4
const alignment = 8

/** `bundle` as bytes, with its sections' sizes and digests filled in. Errors: `input_invalid`, `input_too_large`. */
export function encodeEvidence(bundle: {
  readonly header: Omit<EvidenceHeader, 'sections'>
  readonly incoming: Uint8Array
  readonly outgoing: Uint8Array
}): Uint8Array {
  const { incoming, outgoing } = bundle
  for (const { length } of [incoming, outgoing]) refuseLarge(length, maxEvidenceSectionBytes)
  const section = (bytes: Uint8Array) => ({ sizeBytes: bytes.length, sha256: bytesToHex(sha256(bytes)) })
  const sections = { incoming: section(incoming), outgoing: section(outgoing) }
  const header = checkHeader({ ...bundle.header, sections })
  const json = new TextEncoder().encode(JSON.stringify(header))
  const start = Math.ceil((headerOffset + json.length) / alignment) * alignment
  refuseLarge(start - headerOffset, maxEvidenceHeaderBytes)
  const bytes = new Uint8Array(start + incoming.length + outgoing.length).fill(0x20, 0, start)
  bytes.set(magic)
  new DataView(bytes.buffer).setUint32(magic.length, start - headerOffset, true)
  bytes.set(json, headerOffset)
  bytes.set(incoming, start)
  bytes.set(outgoing, start + incoming.length)
  return bytes
}

/**
 * The bundle in `bytes`; its sections are views. Errors: `input_invalid` for anything that is none, a digest that does not fit among it; `input_too_large`;
 * `input_version_unsupported` for one of another version, which may be sound: nobody is told a lie by it.
 */
export function decodeEvidence(bytes: Uint8Array): EvidenceBundle {
  if (bytes.length < headerOffset || magic.some((byte, i) => bytes[i] !== byte))
    throw invalid('It does not begin with CPEVID01.')
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(magic.length, true)
  refuseLarge(length, maxEvidenceHeaderBytes)
  const start = headerOffset + length
  if (start > bytes.length) throw invalid(`Its header is to end at byte ${start}, and it has ${bytes.length}.`)
  const header = checkHeader(parseJson(bytes.subarray(headerOffset, start)))
  const { incoming, outgoing } = header.sections
  if (start + incoming.sizeBytes + outgoing.sizeBytes !== bytes.length)
    throw invalid(
      `It has ${bytes.length} bytes, and its header tells of ${start + incoming.sizeBytes + outgoing.sizeBytes}.`,
    )
  const middle = start + incoming.sizeBytes
  const bundle = { header, incoming: bytes.subarray(start, middle), outgoing: bytes.subarray(middle) }
  for (const side of ['incoming', 'outgoing'] as const)
    if (bytesToHex(sha256(bundle[side])) !== header.sections[side].sha256)
      throw invalid(`The digest of what was ${side === 'incoming' ? 'received' : 'sent'} does not fit.`)
  return bundle
}

/** Bytes that the held frames of one side take. */
export function heldBytes(side: EvidenceCase['attempts'][number]['incoming'] | EvidenceCase['outgoing']): number {
  if (side.kind !== 'frames') return 0
  return heldLinks(side).reduce((sum, { rows }) => sum + rows * rowBytes(side), 0)
}

/** The frames whose payloads are there, in their order. */
export function heldLinks({ links, held, apart }: EvidenceFrames): EvidenceFrames['links'] {
  return apart === undefined
    ? links.slice(0, held)
    : [...links.slice(0, held), ...links.slice(apart.from, apart.from + apart.count)]
}

/** What is wrong with which frames are said to be held; null where nothing is. */
export function faultOfHeld({ links, held, apart }: EvidenceFrames): string | null {
  const isSound = held <= links.length && (apart === undefined || apart.from >= held)
  if (isSound && (apart?.from ?? 0) + (apart?.count ?? 0) <= links.length) return null
  return `It holds ${held} frames and ${apart?.count ?? 0} from ${apart?.from ?? 0} on, of ${links.length}.`
}

export function rowBytes({ dtype, hidden }: Pick<EvidenceFrames, 'dtype' | 'hidden'>): number {
  return hidden * (dtype === 'f32' ? 4 : 2)
}

/** What a schema cannot: sizes that follow from each other. */
function checkHeader(data: unknown): EvidenceHeader {
  refuseOtherVersion(data)
  const parsed = evidenceHeaderSchema.safeParse(data)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw invalid(`Its header is unsound at ${issue?.path.join('.').slice(0, 200)}: ${issue?.message.slice(0, 200)}.`)
  }
  const header = parsed.data
  for (const side of ['incoming', 'outgoing'] as const) {
    const said = side === 'incoming' ? header.attempts.map(attempt => attempt.incoming) : [header.outgoing]
    const { sizeBytes } = header.sections[side]
    refuseLarge(sizeBytes, maxEvidenceSectionBytes)
    for (const frames of said) {
      const fault = frames.kind === 'frames' ? faultOfHeld(frames) : null
      if (fault !== null) throw invalid(fault)
    }
    const held = said.reduce((sum, frames) => sum + heldBytes(frames), 0)
    if (held !== sizeBytes) throw invalid(`Its ${side} frames take ${held} bytes, and it brings ${sizeBytes}.`)
  }
  return header
}

/** Before the schema: a field that another version lacks or has would be named instead, as if the bundle were unsound. */
function refuseOtherVersion(data: unknown): void {
  const { format, version } = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>
  if (format !== 'computepool-evidence' || !Number.isSafeInteger(version) || version === evidenceVersion) return
  throw new ComputePoolError(
    'input_version_unsupported',
    `This is a bundle of evidence of version ${version}; this program replays version ${evidenceVersion}.`,
    {
      remedy:
        Number(version) < evidenceVersion
          ? 'Replay it with the release of ComputePool that wrote it, which its header names.'
          : 'Replay it with a newer release of ComputePool.',
      context: { version: Number(version) },
    },
  )
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
    `A part of ${sizeBytes} bytes was found in a bundle of evidence; the limit is ${limitBytes}.`,
    { remedy: 'Check an earlier end.', context: { sizeBytes, limitBytes } },
  )
}

function invalid(what: string): ComputePoolError {
  return new ComputePoolError('input_invalid', `This is no sound bundle of evidence. ${what}`, {
    remedy: 'Fetch it again from the address in the accusation; where it stays so, the accusation proves nothing.',
  })
}
