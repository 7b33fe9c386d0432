import { expect, it } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import vectors from '../../vectors/frames.json' with { type: 'json' }
import { ComputePoolError } from '../errors/index.ts'
import {
  createReassembler,
  decodeControl,
  decodeFrame,
  decodeTokens,
  encodeFrame,
  type Frame,
  fragmentFrame,
  parseLinkMessage,
} from './index.ts'

declare const process: { readonly env: Record<string, string | undefined> }

/** Run a failure again with WIRE_FUZZ_SEED=<the printed seed>. */
const seed = Number(process.env.WIRE_FUZZ_SEED ?? 20_261_121)
const random = createSeededRandom(seed)
const pick = <T>(list: readonly T[]): T => list[random.int(list.length)] as T
const golden = vectors.frames.map(({ hex }) =>
  Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16)),
)
const oddValues = [
  null,
  -1,
  0,
  0.5,
  Number.MAX_VALUE,
  2 ** 53,
  '',
  'x'.repeat(70),
  [],
  {},
  [[]],
  true,
  'hidden',
  'f16',
  [1, 1],
  [2 ** 20, 2 ** 20, 2 ** 20],
]
const refusals = new Set(['peer_frame_invalid', 'peer_frame_too_large', 'peer_message_invalid'])

function joined(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** Bytes changed blindly: flips, cuts, insertions, doubled spans. */
function mutateBytes(source: Uint8Array): Uint8Array {
  let bytes = source.slice()
  for (let round = random.int(4); round >= 0; round -= 1) {
    const at = random.int(bytes.length + 1)
    const choice = random.int(5)
    if (choice === 0 && bytes.length > 0) bytes[at % bytes.length] = random.int(256)
    else if (choice === 1) bytes = bytes.slice(0, at)
    else if (choice === 2) bytes = joined(bytes.subarray(0, at), random.bytes(random.int(9)), bytes.subarray(at))
    else if (choice === 3) bytes = joined(bytes, bytes.subarray(at))
    else if (bytes.length >= 16)
      new DataView(bytes.buffer).setUint32(
        4 * random.int(4),
        pick([0, 1, 255, 65_536, 2 ** 31, 2 ** 32 - 1, random.int(2 ** 32)]),
        true,
      )
  }
  return bytes
}

/** A frame whose JSON is sound but whose fields are not: it gets past the parser, to the schema and the size rules. */
function mutateHeader(source: Uint8Array): Uint8Array {
  const { header, payload } = decodeFrame(source)
  const fields: Record<string, unknown> = { ...header }
  const names = [...Object.keys(fields), '__proto__', 'constructor', 'surprise']
  for (let round = random.int(3); round >= 0; round -= 1) {
    const name = pick(names)
    if (random.int(4) === 0) delete fields[name]
    else
      Object.defineProperty(fields, name, {
        value: pick(oddValues),
        enumerable: true,
        configurable: true,
        writable: true,
      })
  }
  const json = new TextEncoder().encode(JSON.stringify(fields))
  const bytes = new Uint8Array(4 + json.length + payload.length)
  new DataView(bytes.buffer).setUint32(0, json.length, true)
  bytes.set(json, 4)
  bytes.set(payload, 4 + json.length)
  return bytes
}

function refusalOf(run: () => void): string {
  try {
    run()
    return 'accepted'
  } catch (error) {
    if (error instanceof ComputePoolError && refusals.has(error.code)) return error.code
    throw new Error(`seed ${seed}: an error without a name got out`, { cause: error })
  }
}

function readWhole(bytes: Uint8Array): Frame {
  const frame = decodeFrame(bytes)
  if (frame.header.kind === 'control') decodeControl(frame)
  if (frame.header.kind === 'token') decodeTokens(frame)
  return frame
}

it(`takes 60,000 mutated frames, or refuses them by name (seed ${seed})`, () => {
  const outcomes: Record<string, number> = {}
  for (let count = 0; count < 60_000; count += 1) {
    const bytes = random.int(2) ? mutateBytes(pick(golden)) : mutateHeader(pick(golden))
    const outcome = refusalOf(() => {
      const frame = readWhole(bytes)
      // Whatever is accepted means one thing only: writing it again and reading that gives the same frame.
      const again = decodeFrame(encodeFrame(frame))
      if (JSON.stringify(again.header) !== JSON.stringify(frame.header)) throw new Error('the header changed')
      if (again.payload.some((byte, index) => byte !== frame.payload[index])) throw new Error('the payload changed')
    })
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  // Both ways were walked: a fuzz test that only ever sees one of them tests little.
  expect(outcomes.accepted).toBeGreaterThan(500)
  expect(outcomes.peer_frame_invalid).toBeGreaterThan(10_000)
  expect(outcomes.peer_frame_too_large).toBeGreaterThan(100)
})

it(`takes 40,000 mutated fragments within its caps, or refuses them by name (seed ${seed})`, () => {
  const reassembler = createReassembler({
    maxFrameBytes: 1 << 20,
    maxPendingBytes: 4 << 20,
    maxPendingFrames: 64,
    deadlineMs: 500,
  })
  const outcomes: Record<string, number> = {}
  let frames = 0
  for (let count = 0; count < 40_000; count += 1) {
    const fragments = fragmentFrame(pick(golden), { frameId: random.int(16_000), maxBytes: pick([40, 64, 4600]) })
    const fragment = pick(fragments)
    const outcome = refusalOf(() => {
      const frame = reassembler.accept(random.int(3) ? mutateBytes(fragment) : fragment, count)
      if (frame) frames += 1
    })
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    reassembler.expire(count)
    if (reassembler.pendingBytes > 4 << 20 || reassembler.pendingFrames > 64)
      throw new Error(`seed ${seed}: over its caps`)
  }
  expect(reassembler.expire(1e9).length).toBeGreaterThan(0)
  expect(reassembler.pendingBytes).toBe(0)
  expect(frames).toBeGreaterThan(100)
  expect(outcomes.peer_frame_invalid).toBeGreaterThan(5000)
})

it('takes 2,000 mutated link messages, or refuses them by name', () => {
  const hello = new TextEncoder().encode(
    JSON.stringify({ type: 'hello', version: 1, peer: `0x${'a'.repeat(40)}.00000000`, epoch: 1 }),
  )
  const decoder = new TextDecoder()
  for (let count = 0; count < 2000; count += 1) {
    refusalOf(() => void parseLinkMessage(decoder.decode(mutateBytes(hello))))
  }
})
