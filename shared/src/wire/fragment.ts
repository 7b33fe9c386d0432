/**
 * Frames cut into fragments that fit a data channel's first window. A fragment says by itself where it belongs, so that any order
 * will do. It knows no channels; the receiving half is reassembler.ts.
 */
import { ComputePoolError } from '../errors/index.ts'

// The fragment header, little-endian; each offset follows from the one before.
export const fragmentVersionOffset = 0 // u8
export const fragmentFlagsOffset = fragmentVersionOffset + 1 // u8, 0
export const fragmentChunkBytesOffset = fragmentFlagsOffset + 1 // u16: frame bytes in every fragment but the last
export const fragmentFrameIdOffset = fragmentChunkBytesOffset + 2 // u32: counts frames of one direction of a link, wraps
export const fragmentFrameBytesOffset = fragmentFrameIdOffset + 4 // u32: size of the whole frame
export const fragmentPositionOffset = fragmentFrameBytesOffset + 4 // u32: where this fragment's bytes begin in the frame
/** 16: a payload behind it stays aligned for any element type. */
export const fragmentHeaderBytes = fragmentPositionOffset + 4

export const fragmentVersion = 1
/** Four dcSCTP packets of 1,160 bytes: what Chromium sends in one burst (RFC 4960 Max.Burst), with 40 bytes to spare. */
export const defaultFragmentBytes = 4600
/** Largest `maxBytes`: the chunk size is a u16. */
export const maxFragmentBytes = 0xffff
export const maxFragmentsPerFrame = 65_536

export interface FragmentOptions {
  /** Counts up by one a frame, modulo 2^32, for each direction of a link. */
  readonly frameId: number
  /** Size of a fragment with its header; 4,600 unless told. */
  readonly maxBytes?: number
}

/** How many fragments `frameBytes` take. Errors: `peer_frame_too_large`. */
export function countFragments(frameBytes: number, maxBytes: number = defaultFragmentBytes): number {
  if (!Number.isInteger(maxBytes) || maxBytes <= fragmentHeaderBytes || maxBytes > maxFragmentBytes) {
    throw new ComputePoolError(
      'bug_unreachable_state',
      `Fragments of ${maxBytes} bytes: want ${fragmentHeaderBytes + 1} to ${maxFragmentBytes}`,
    )
  }
  const chunkBytes = maxBytes - fragmentHeaderBytes
  const count = Math.ceil(frameBytes / chunkBytes)
  if (frameBytes === 0) throw invalidFragment('an empty frame cannot be cut')
  if (count > maxFragmentsPerFrame || frameBytes > 0xffff_ffff) {
    throw new ComputePoolError(
      'peer_frame_too_large',
      `A frame of ${frameBytes} bytes takes ${count} fragments of ${maxBytes}, the limit is ${maxFragmentsPerFrame}`,
      {
        remedy: 'Send smaller chunks.',
        context: { sizeBytes: frameBytes, limitBytes: maxFragmentsPerFrame * chunkBytes },
      },
    )
  }
  return count
}

/** Fragment `index` of `frame`, in a buffer of its own (so that it can be transferred). */
export function fragmentAt(
  frame: Uint8Array,
  index: number,
  { frameId, maxBytes = defaultFragmentBytes }: FragmentOptions,
): Uint8Array<ArrayBuffer> {
  const chunkBytes = maxBytes - fragmentHeaderBytes
  const position = index * chunkBytes
  const chunk = frame.subarray(position, position + chunkBytes)
  const fragment = new Uint8Array(fragmentHeaderBytes + chunk.length)
  const view = new DataView(fragment.buffer)
  view.setUint8(fragmentVersionOffset, fragmentVersion)
  view.setUint16(fragmentChunkBytesOffset, chunkBytes, true)
  view.setUint32(fragmentFrameIdOffset, frameId >>> 0, true)
  view.setUint32(fragmentFrameBytesOffset, frame.length, true)
  view.setUint32(fragmentPositionOffset, position, true)
  fragment.set(chunk, fragmentHeaderBytes)
  return fragment
}

/** All fragments of `frame`. Errors: `peer_frame_too_large`. */
export function fragmentFrame(frame: Uint8Array, options: FragmentOptions): Uint8Array<ArrayBuffer>[] {
  const count = countFragments(frame.length, options.maxBytes)
  return Array.from({ length: count }, (_, index) => fragmentAt(frame, index, options))
}

export interface Fragment {
  readonly frameId: number
  readonly frameBytes: number
  readonly chunkBytes: number
  readonly index: number
  readonly count: number
  readonly position: number
  /** A view of the fragment. */
  readonly chunk: Uint8Array
}

/** Reads a fragment and checks all that one fragment can tell about itself. Errors: `peer_frame_invalid`. */
export function readFragment(bytes: Uint8Array): Fragment {
  if (bytes.length <= fragmentHeaderBytes) {
    throw invalidFragment(`it has ${bytes.length} bytes, its header alone takes ${fragmentHeaderBytes}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint8(fragmentVersionOffset)
  if (version !== fragmentVersion)
    throw invalidFragment(`its version is ${version}, this peer reads ${fragmentVersion}`)
  if (view.getUint8(fragmentFlagsOffset) !== 0) throw invalidFragment('its flags are not 0')
  const chunkBytes = view.getUint16(fragmentChunkBytesOffset, true)
  const frameBytes = view.getUint32(fragmentFrameBytesOffset, true)
  const position = view.getUint32(fragmentPositionOffset, true)
  if (chunkBytes === 0 || frameBytes === 0) throw invalidFragment('its chunk or frame size is 0')
  const count = Math.ceil(frameBytes / chunkBytes)
  if (count > maxFragmentsPerFrame)
    throw invalidFragment(`its frame has ${count} fragments, the limit is ${maxFragmentsPerFrame}`)
  const index = position / chunkBytes
  if (!Number.isInteger(index) || index >= count) {
    throw invalidFragment(`position ${position} is not the start of a ${chunkBytes}-byte chunk of ${frameBytes} bytes`)
  }
  const chunk = bytes.subarray(fragmentHeaderBytes)
  const expectedBytes = Math.min(chunkBytes, frameBytes - position)
  if (chunk.length !== expectedBytes)
    throw invalidFragment(`it carries ${chunk.length} bytes of the frame, ${expectedBytes} belong there`)
  return { frameId: view.getUint32(fragmentFrameIdOffset, true), frameBytes, chunkBytes, index, count, position, chunk }
}

export const invalidFragment = (what: string): ComputePoolError =>
  new ComputePoolError('peer_frame_invalid', `A fragment is invalid: ${what}`, {
    remedy: 'Close the link and route the request over another peer.',
  })
