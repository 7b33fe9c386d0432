import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { ComputePoolError } from '../errors/index.ts'
import { createReassembler, fragmentFrame } from './index.ts'

const random = createSeededRandom(11)
const fragments = (frame: Uint8Array, frameId: number, maxBytes = 116): Uint8Array[] =>
  fragmentFrame(frame, { frameId, maxBytes })
const first = (list: readonly Uint8Array[]): Uint8Array => list[0] as Uint8Array
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return error instanceof ComputePoolError ? error.code : String(error)
  }
  return 'no error'
}

describe('a reassembler', () => {
  it('gives back what was cut, for any size', () => {
    const reassembler = createReassembler()
    for (const [frameId, size] of [1, 99, 100, 101, 199, 200, 201, 5000, 70_001].entries()) {
      const frame = random.bytes(size)
      const results = fragments(frame, frameId).map(fragment => reassembler.accept(fragment, 0))
      expect(results.slice(0, -1).every(result => result === null)).toBe(true)
      const whole = results.at(-1)
      expect(whole?.length).toBe(size)
      expect(whole?.every((byte, index) => byte === frame[index])).toBe(true)
    }
    expect(reassembler.pendingBytes).toBe(0)
  })

  it('takes fragments of many frames shuffled and doubled, and gives each frame once', () => {
    const frames = Array.from({ length: 40 }, (_, index) => random.bytes(1 + ((index * 337) % 3000)))
    const pile = frames.flatMap((frame, frameId) => [...fragments(frame, frameId), ...fragments(frame, frameId)])
    for (let index = pile.length - 1; index > 0; index -= 1) {
      const other = random.int(index + 1)
      ;[pile[index], pile[other]] = [pile[other] as Uint8Array, pile[index] as Uint8Array]
    }
    const reassembler = createReassembler()
    const got = pile.map(fragment => reassembler.accept(fragment, 0)).filter(frame => frame !== null)
    const text = (list: readonly Uint8Array[]): string[] => list.map(frame => frame.join()).sort()
    expect(text(got)).toEqual(text(frames))
    expect(reassembler.pendingFrames).toBe(0)
  })

  it('drops a duplicate that comes thousands of frames late', () => {
    const reassembler = createReassembler()
    const copies = Array.from({ length: 8000 }, (_, frameId) => first(fragments(random.bytes(20), frameId)))
    for (const fragment of copies) expect(reassembler.accept(fragment, 0)).not.toBeNull()
    expect(copies.filter(fragment => reassembler.accept(fragment, 0) !== null)).toEqual([])
  })

  it('does not copy a frame of one fragment', () => {
    const fragment = first(fragments(random.bytes(50), 1))
    expect(createReassembler().accept(fragment, 0)?.buffer).toBe(fragment.buffer)
  })

  it('forgets a frame at its deadline, says so by name, and ignores what comes of it later', () => {
    const reassembler = createReassembler({ deadlineMs: 100 })
    const [one, two] = fragments(random.bytes(150), 9) as [Uint8Array, Uint8Array]
    reassembler.accept(one, 1000)
    expect(reassembler.nextDeadlineMs).toBe(1100)
    expect(reassembler.expire(1099)).toEqual([])
    const [error] = reassembler.expire(1100)
    expect(error?.code).toBe('peer_timed_out')
    expect(error?.message).toBe('Frame 9 had 1 of 2 fragments after 100 ms')
    expect(reassembler.accept(two, 1101)).toBeNull()
    expect(reassembler.pendingFrames).toBe(0)
    expect(reassembler.nextDeadlineMs).toBeNull()
  })

  it('bounds one frame, the bytes of all, and their number', () => {
    const reassembler = createReassembler({ maxFrameBytes: 1000, maxPendingBytes: 1500, maxPendingFrames: 3 })
    const begin = (frameId: number, size: number) => () =>
      reassembler.accept(first(fragments(random.bytes(size), frameId)), 0)
    expect(codeOf(begin(1, 1001))).toBe('peer_frame_too_large')
    begin(2, 1000)()
    expect(codeOf(begin(3, 501))).toBe('peer_frame_too_large')
    begin(4, 200)()
    begin(5, 200)()
    expect(codeOf(begin(6, 101))).toBe('peer_frame_too_large')
    expect(reassembler.pendingBytes).toBe(1400)
  })

  it('refuses a frame that changes its size or its cut on the way', () => {
    const reassembler = createReassembler()
    reassembler.accept(first(fragments(random.bytes(300), 1)), 0)
    expect(codeOf(() => reassembler.accept(fragments(random.bytes(301), 1)[1] as Uint8Array, 0))).toBe(
      'peer_frame_invalid',
    )
    const otherCut = fragments(random.bytes(300), 1, 110)[1] as Uint8Array
    expect(codeOf(() => reassembler.accept(otherCut, 0))).toBe('peer_frame_invalid')
  })

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a bare header', first(fragments(random.bytes(10), 1)).subarray(0, 16)],
    ['another version', Uint8Array.of(2, ...first(fragments(random.bytes(10), 1)).subarray(1))],
    ['flags nobody defined', Uint8Array.of(1, 1, ...first(fragments(random.bytes(10), 1)).subarray(2))],
    ['a byte too many', Uint8Array.of(...first(fragments(random.bytes(10), 1)), 0)],
    ['a byte too few', first(fragments(random.bytes(10), 1)).subarray(0, 20)],
  ])('refuses %s', (_, fragment) => {
    expect(codeOf(() => createReassembler().accept(fragment, 0))).toBe('peer_frame_invalid')
  })
})

describe('fragmentFrame', () => {
  it('keeps every fragment within the limit and in a buffer of its own', () => {
    const list = fragmentFrame(random.bytes(20_000), { frameId: 1 })
    expect(list.map(fragment => fragment.length)).toEqual([4600, 4600, 4600, 4600, 1680])
    expect(list.every(fragment => fragment.buffer.byteLength === fragment.length)).toBe(true)
  })

  it('refuses a frame of more fragments than a receiver would take', () => {
    expect(codeOf(() => fragmentFrame(new Uint8Array(70_000), { frameId: 1, maxBytes: 17 }))).toBe(
      'peer_frame_too_large',
    )
  })
})
