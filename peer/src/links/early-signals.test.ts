import type { LinkSignal, PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createEarlySignals } from './early-signals.ts'

const peer = (letter: string): PeerId => `0x${letter.repeat(40)}.00000001`
const offer = (epoch: number, link = 0): LinkSignal => ({
  type: 'description',
  epoch,
  link,
  toLink: null,
  sdpType: 'offer',
  sdp: `offer of ${link}`,
})
const anyone = (): boolean => true
const noOne = (): boolean => false

describe('signals that came early', () => {
  it('wait for their assignment, whether it is numbered later or earlier than others', () => {
    const early = createEarlySignals()
    early.add(peer('a'), offer(10))
    early.add(peer('a'), offer(14))
    early.noteAssigned(noOne)
    expect(early.take(12, anyone)).toEqual([])
    expect(early.take(14, anyone)).toEqual([{ from: peer('a'), signal: offer(14) }])
    expect(early.take(10, noOne)).toEqual([])
    expect(early.take(10, anyone)).toEqual([{ from: peer('a'), signal: offer(10) }])
    expect(early.take(10, anyone)).toEqual([])
  })

  it('are those of the latest connection', () => {
    const early = createEarlySignals()
    for (const link of [3, 4]) early.add(peer('a'), offer(1, link))
    expect(early.take(1, anyone).map(({ signal }) => signal.link)).toEqual([4])
  })

  it('of one who floods leave room for those of others, and for its own last', () => {
    const early = createEarlySignals()
    early.add(peer('b'), offer(1))
    for (let count = 0; count < 5000; count += 1) early.add(peer('a'), offer(0xffff_ffff))
    early.add(peer('a'), offer(1))
    expect(early.take(1, anyone).map(({ from }) => from)).toEqual([peer('b'), peer('a')])
    expect(early.take(0xffff_ffff, anyone)).toHaveLength(127)
  })

  it('of many who flood leave room for those of one who does not', () => {
    const early = createEarlySignals()
    early.add(peer('b'), offer(1))
    for (let count = 0; count < 4000; count += 1)
      early.add(`0x${'c'.repeat(40)}.${String(count % 32).padStart(8, '0')}`, offer(0xffff_ffff))
    expect(early.take(0xffff_ffff, anyone)).toHaveLength(2047)
    expect(early.take(1, anyone)).toHaveLength(1)
  })

  it('are forgotten where two assignments do not name who sent them', () => {
    const early = createEarlySignals()
    for (const letter of ['a', 'b']) early.add(peer(letter), offer(9))
    early.noteAssigned(noOne)
    early.noteAssigned(from => from === peer('b'))
    expect(early.take(9, anyone).map(({ from }) => from)).toEqual([peer('b')])
  })
})
