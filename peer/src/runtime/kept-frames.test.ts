import { decodeHandover } from '@computepool/shared/audit'
import { createSeededRandom } from '@computepool/shared/testing'
import type { FrameHeader } from '@computepool/shared/wire'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { expect, it } from 'vitest'
import { createKeptFrames, type HandOverAsk, type KeptFrames } from './kept-frames.ts'

const random = createSeededRandom(3)
const hidden = 256
const rowBytes = hidden * 4

function keep(limitBytes?: number): KeptFrames {
  return createKeptFrames({
    digest: sha256,
    breathe: async () => {},
    ...(limitBytes === undefined ? {} : { limitBytes }),
  })
}
function header(requestId: string, seq: number, position: number, rows: number): FrameHeader {
  const place = { request_id: requestId, seq, position, epoch: 1 }
  return { ...place, kind: 'hidden', dtype: 'f32', shape: [rows, hidden], ...(seq === 0 ? { nonce: '00' } : {}) }
}
/** Frames of `rows` rows each. */
function serve(kept: KeptFrames, requestId: string, rows: readonly number[]): Uint8Array[] {
  let position = 0
  return rows.map((count, seq) => {
    const payload = random.bytes(count * rowBytes)
    kept.received(requestId, header(requestId, seq, position, count), payload)
    position += count
    return payload
  })
}
async function handed(kept: KeptFrames, ask: HandOverAsk) {
  const found = await kept.handOver(ask)
  if ('refusal' in found) return found.refusal
  const bytes = [...found.chunks].flatMap(({ chunk }) => [...chunk])
  expect(bytes).toHaveLength(found.sizeBytes)
  return decodeHandover(Uint8Array.from(bytes))
}

it('hands over all links, and payloads as far as they are asked for', async () => {
  const kept = keep()
  const payloads = serve(kept, 'a', [4, 1, 1, 1])
  kept.drew('a', 4, [11])
  kept.drew('a', 5, [12, 13])
  const found = await handed(kept, { attempts: ['a'], endPosition: 6 })
  if (typeof found === 'string') throw new Error(found)
  const [attempt] = found.attempts
  expect(attempt!.frames).toMatchObject({ dtype: 'f32', hidden, held: 3 })
  expect(attempt!.frames!.links.map(({ sha256: hex }) => hex)).toEqual(payloads.map(each => bytesToHex(sha256(each))))
  expect(attempt!.draws).toBeNull()
  expect([...found.payloads]).toEqual(payloads.slice(0, 3).flatMap(each => [...each]))
})

it('hands over an exit’s own rows where those are asked for: those of its draws as well, and none in between', async () => {
  const kept = keep()
  serve(kept, 'a', [4, 1, 1, 1, 1, 1, 1])
  const payloads = [4, 1, 1, 1, 1, 1, 1].map((rows, seq) => {
    const payload = random.bytes(rows * rowBytes)
    kept.computed('a', header('a', seq, seq === 0 ? 0 : 3 + seq, rows), payload)
    kept.drew('a', 4 + seq, [11 + seq])
    return payload
  })
  // The tokens at 8 and 9 came of the rows at 7 and 8, which are frames 4 and 5.
  const found = await handed(kept, { attempts: ['a'], endPosition: 5, draws: { from: 8, until: 10 } })
  if (typeof found === 'string') throw new Error(found)
  const [attempt] = found.attempts
  expect(attempt!.frames).toMatchObject({ held: 2, apart: { from: 4, count: 2 } })
  expect(attempt!.frames!.links.map(({ sha256: hex }) => hex)).toEqual(payloads.map(each => bytesToHex(sha256(each))))
  expect(attempt!.draws).toEqual({ firstPosition: 4, tokens: [11, 12, 13, 14, 15, 16, 17] })
  expect([...found.payloads]).toEqual([0, 1, 4, 5].flatMap(at => [...payloads[at]!]))
  // An entry that asks late has the desk plan before the first token, or behind the last: other draws can be made again then.
  for (const from of [2, 20]) {
    const other = await handed(kept, { attempts: ['a'], endPosition: 1, draws: { from, until: from + 2 } })
    if (typeof other === 'string') throw new Error(other)
    expect(other.attempts[0]!.frames).toMatchObject({ held: 1, apart: { from: 1, count: 6 } })
  }
})

it('gives up the eldest attempts where room is short, and none of them in part', async () => {
  const kept = keep(20 * rowBytes)
  serve(kept, 'first', [4, 1])
  serve(kept, 'second', [4, 1])
  serve(kept, 'third', [4, 1])
  expect(kept.keptBytes).toBeLessThanOrEqual(20 * rowBytes)
  expect(await handed(kept, { attempts: ['first'], endPosition: 9 })).toMatch(/attempt first is not kept/)
  expect(await handed(kept, { attempts: ['third'], endPosition: 9 })).toMatchObject({
    attempts: [{ requestId: 'third' }],
  })
  kept.received('first', header('first', 2, 5, 1), random.bytes(rowBytes))
  expect(await handed(kept, { attempts: ['first'], endPosition: 9 })).toMatch(/not kept/)
  serve(kept, 'huge', new Array<number>(40).fill(1))
  expect(await handed(kept, { attempts: ['huge'], endPosition: 9 })).toMatch(/not kept/)
  expect(kept.keptBytes).toBe(0)
})

it('does not keep a large buffer for a small view of it, nor copies what is most of its own', async () => {
  const kept = keep()
  const large = random.bytes(1 << 20)
  const small = large.subarray(8, 8 + rowBytes)
  kept.received('a', header('a', 0, 0, 1), small)
  const own = random.bytes(64 + 4 * rowBytes).subarray(64)
  kept.received('b', header('b', 0, 0, 4), own)
  const before = [[...small], [...own]]
  small.fill(0)
  own.fill(0)
  const [a, b] = [
    await handed(kept, { attempts: ['a'], endPosition: 1 }),
    await handed(kept, { attempts: ['b'], endPosition: 1 }),
  ]
  if (typeof a === 'string' || typeof b === 'string') throw new Error('refused')
  expect([...a.payloads]).toEqual(before[0])
  expect([...b.payloads]).not.toEqual(before[1])
})

it('keeps nothing more of a request that is over, and says so once', async () => {
  const kept = keep()
  const payloads = serve(kept, 'a', [4, 1])
  expect([kept.over('a'), kept.over('a')]).toEqual([true, false])
  serve(kept, 'a', [4, 1])
  kept.computed('a', header('a', 0, 0, 4), random.bytes(4 * rowBytes))
  kept.drew('a', 4, [11])
  const found = await handed(kept, { attempts: ['a'], endPosition: 9 })
  if (typeof found === 'string') throw new Error(found)
  const [attempt] = found.attempts
  expect(attempt!.frames!.links.map(({ sha256: hex }) => hex)).toEqual(payloads.map(each => bytesToHex(sha256(each))))
  expect(attempt!.draws).toBeNull()
})
