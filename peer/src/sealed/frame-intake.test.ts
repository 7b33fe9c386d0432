import { numberedFrame } from '@computepool/shared/testing'
import { fragmentAt } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createFrameIntake } from './frame-intake.ts'
import { defaultSealedLimits } from './sealed-limits.ts'

const whole = (frameId: number): Uint8Array => fragmentAt(numberedFrame(frameId, 20), 0, { frameId })

describe('the frame intake', () => {
  it('takes no frame twice, however much later its segment comes again', () => {
    const intake = createFrameIntake(defaultSealedLimits)
    for (let frameId = 0; frameId < 3000; frameId += 1) {
      expect(intake.accept(whole(frameId), 0)).toEqual(numberedFrame(frameId, 20))
    }
    for (const frameId of [0, 1000, 2999]) expect(intake.accept(whole(frameId), 0)).toBeNull()
    expect(intake.accept(whole(3000), 0)).not.toBeNull()
  })

  it('refuses a peer that leaves out frame after frame', () => {
    const intake = createFrameIntake(defaultSealedLimits)
    expect(() => {
      for (let frameId = 0; frameId < 1000; frameId += 2) intake.accept(whole(frameId), 0)
    }).toThrow(expect.objectContaining({ code: 'peer_frame_invalid' }))
  })

  it('gives up a frame whose rest stays away, and its memory', () => {
    const intake = createFrameIntake(defaultSealedLimits)
    expect(intake.accept(fragmentAt(numberedFrame(1, 9000), 0, { frameId: 0 }), 100)).toBeNull()
    expect(intake.pendingBytes).toBe(9000)
    expect(intake.expire(100 + defaultSealedLimits.reassemblyDeadlineMs - 1)).toBeNull()
    expect(intake.expire(100 + defaultSealedLimits.reassemblyDeadlineMs)?.code).toBe('peer_timed_out')
    expect(intake.pendingBytes).toBe(0)
  })
})
