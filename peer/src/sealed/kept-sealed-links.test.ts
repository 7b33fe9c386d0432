import { readPacketHeader } from '@computepool/shared/datagram'
import { createSeededRandom, numberedFrame } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { gather, makeSealedPair, openSealedPair, type SealedPair } from '../../testing/sealed-pair.ts'

const areOpen = (pair: SealedPair): boolean[] => [...pair.a.links(), ...pair.b.links()].map(link => link.isOpen)

describe('a new assignment', () => {
  it('keeps a link that is open at both ends, with the frame that is half sent', async () => {
    const pair = await openSealedPair({ delayMs: 20 })
    const arrived = gather(pair)
    const posted: (string | undefined)[] = []
    pair.net.onPosted((_, __, datagram) => {
      posted.push(readPacketHeader(datagram)?.type)
      return true
    })
    const sending = pair.a.send(pair.peerB, numberedFrame(7, 900_000))
    await pair.clock.advance(30)
    pair.setBoth(2)
    // At once: nobody waits for a handshake.
    expect(areOpen(pair)).toEqual([true, true])
    await pair.reach(sending)
    await pair.reach(pair.b.send(pair.peerA, numberedFrame(8, 100)))
    await pair.clock.advance(2000)
    expect(arrived).toEqual({ a: [8], b: [7] })
    expect(pair.closings()).toEqual([])
    expect(new Set(posted)).toEqual(new Set(['data']))
  })

  it.each([
    ['a', 'first'],
    ['a', 'last'],
    ['b', 'first'],
    ['b', 'last'],
  ] as const)('makes it anew where %s has lost its own, and hears of the assignment %s', async (loser, when) => {
    const pair = await openSealedPair({ delayMs: 20 })
    const keeper = loser === 'a' ? 'b' : 'a'
    pair.lose(loser)
    const before = pair.closings().length
    for (const side of when === 'first' ? ([loser, keeper] as const) : ([keeper, loser] as const)) {
      pair.set(side, 2)
      await pair.clock.advance(400)
    }
    await pair.clock.advance(1000)
    expect(areOpen(pair)).toEqual([true, true])
    // Once, and told to the one that had kept it.
    expect(pair.closings().slice(before)).toEqual([`${keeper}: peer_disconnected`])
    const arrived = gather(pair)
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 5000)))
    await pair.reach(pair.b.send(pair.peerA, numberedFrame(2, 5000)))
    await pair.clock.advance(500)
    expect(arrived).toEqual({ a: [2], b: [1] })
  })

  it('makes it anew once, however often the wish for it is repeated', async () => {
    const pair = await openSealedPair()
    const wants: { from: string; to: string; datagram: Uint8Array }[] = []
    pair.net.onPosted((from, to, datagram) => {
      if (readPacketHeader(datagram)?.type === 'want') wants.push({ from, to, datagram })
      return true
    })
    const answerer = pair.peerA < pair.peerB ? 'b' : 'a'
    pair.lose(answerer)
    pair.setBoth(2)
    await pair.clock.advance(1000)
    expect(wants.length).toBeGreaterThan(0)
    const before = pair.closings()
    for (const { from, to, datagram } of wants) pair.net.inject(from, to, datagram)
    pair.setBoth(3)
    for (const { from, to, datagram } of wants) pair.net.inject(from, to, datagram)
    await pair.clock.advance(1000)
    expect(pair.closings()).toEqual(before)
    expect(areOpen(pair)).toEqual([true, true])
  })

  it('makes anew a link that has ended, with the same number too', async () => {
    const pair = await openSealedPair()
    pair.net.part(pair.peerA, pair.peerB)
    await pair.clock.advance(70_000)
    expect(areOpen(pair)).toEqual([false, false])
    pair.net.heal(pair.peerA, pair.peerB)
    pair.setBoth(1)
    await pair.clock.advance(1000)
    expect(areOpen(pair)).toEqual([true, true])
    const arrived = gather(pair)
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 5000)))
    await pair.clock.advance(500)
    expect(arrived.b).toEqual([1])
  })

  it('leaves a link alone that is opening, with the same number', async () => {
    const pair = makeSealedPair({ delayMs: 100 })
    pair.setBoth(1)
    for (let count = 0; count < 5; count += 1) {
      await pair.clock.advance(90)
      pair.setBoth(1)
    }
    expect(areOpen(pair)).toEqual([true, true])
  })

  it('links both ends that have heard it, whatever was before and on a bad way', async () => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const pair = makeSealedPair({ seed, delayMs: 15, jitterMs: 20, lossRate: 0.1, duplicateRate: 0.1 })
      const random = createSeededRandom(seed)
      const under = (limit: number): number => random.bytes(1)[0]! % limit
      const epochs = { a: 1, b: 1 }
      for (let count = 2 + under(8); count > 0; count -= 1) {
        const side = under(2) === 0 ? 'a' : 'b'
        epochs[side] += under(2)
        if (under(3) === 0) pair.lose(side)
        else pair.set(side, epochs[side])
        await pair.clock.advance(under(250))
      }
      const last = Math.max(epochs.a, epochs.b) + 1
      for (const side of under(2) === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const)) {
        pair.set(side, last)
        await pair.clock.advance(under(250))
      }
      await pair.clock.advance(6000)
      expect([seed, ...areOpen(pair)]).toEqual([seed, true, true])
      const arrived = gather(pair)
      await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 5000)))
      await pair.reach(pair.b.send(pair.peerA, numberedFrame(2, 5000)))
      await pair.clock.advance(1000)
      expect([seed, arrived]).toEqual([seed, { a: [2], b: [1] }])
      await pair.close()
    }
  })
})
