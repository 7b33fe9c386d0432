import { readFragment } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createFrameIntake } from './frame-intake.ts'
import { defaultSealedLimits } from './sealed-limits.ts'
import { createSegmentQueue } from './segment-queue.ts'

describe('the segment queue', () => {
  it('leaves no gap for frames that were given up before their first byte, however many', async () => {
    const queue = createSegmentQueue({ segmentBytes: 60_000, maxUnfinished: 128 })
    const intake = createFrameIntake(defaultSealedLimits)
    const ids: number[] = []
    let whole = 0
    for (let round = 0; round < 400; round += 1) {
      const abort = new AbortController()
      const given = queue.send(new Uint8Array(50_000), abort.signal, () => {})
      abort.abort(new Error('enough'))
      await expect(given).rejects.toThrow('enough')
      const sent = queue.send(new Uint8Array(50_000), undefined, () => {})
      const segments = queue.take(round)
      for (const { fragment } of segments) {
        ids.push(readFragment(fragment).frameId)
        if (intake.accept(fragment, round) !== null) whole += 1
      }
      queue.notePosted(segments)
      for (const segment of segments) queue.noteAcked(segment)
      await sent
    }
    expect(ids).toEqual(Array.from({ length: 400 }, (_, index) => index))
    expect(whole).toBe(400)
  })
})
