/**
 * Headers as the frames of a lap have them, known by hand: the schema's rules for the fields that they use, and none of its machinery, which
 * costs a lap ten times as much (docs/decisions/token-loop.md). It refuses nothing: what it does not know is the schema's to judge.
 */
import { type FrameHeader, frameDtypes, frameKinds, headerBounds, maxDraftTokens } from './frame-header.ts'

const { idLength, axes, size, count, seat, hops, ms } = headerBounds

type Json = { readonly [name: string]: unknown }

/** True only of what `frameHeaderSchema` takes, and leaves as it is. `json` is what JSON.parse gave. */
export function isUsualHeader(json: unknown): json is FrameHeader {
  if (!isObject(json)) return false
  const { request_id: id, kind, dtype, shape, seq, position, epoch, sample, draft, trace } = json
  // What is expected and there, of all that is there: an unknown name makes the sums differ.
  let known = 7
  if (typeof id !== 'string' || id.length < 1 || id.length > idLength) return false
  if (!(frameKinds as readonly unknown[]).includes(kind) || !(frameDtypes as readonly unknown[]).includes(dtype))
    return false
  if (!isListOfInts(shape, 0, axes, size)) return false
  if (!isInt(seq, 0, count) || !isInt(position, 0, size) || !isInt(epoch, 0, count)) return false
  if (sample !== undefined) {
    if (typeof sample !== 'boolean') return false
    known += 1
  }
  if (draft !== undefined) {
    if (!isListOfInts(draft, 1, maxDraftTokens, Number.MAX_SAFE_INTEGER)) return false
    known += 1
  }
  if (trace !== undefined) {
    if (!Array.isArray(trace) || trace.length > hops) return false
    for (const hop of trace) if (!isHop(hop)) return false
    known += 1
  }
  return Object.keys(json).length === known
}

function isHop(hop: unknown): boolean {
  if (!isObject(hop)) return false
  const { seat: at, computeMs, queueMs, tokens } = hop
  if (!isInt(at, 0, seat) || !isMs(computeMs) || !isMs(queueMs)) return false
  if (tokens !== undefined && !isInt(tokens, 1, size)) return false
  return Object.keys(hop).length === (tokens === undefined ? 3 : 4)
}

function isObject(json: unknown): json is Json {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function isListOfInts(list: unknown, least: number, most: number, largest: number): boolean {
  if (!Array.isArray(list) || list.length < least || list.length > most) return false
  for (const value of list) if (!isInt(value, 0, largest)) return false
  return true
}

function isInt(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}

function isMs(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= ms
}
