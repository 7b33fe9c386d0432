import { createManualClock, createSeededRandom, numberedFrame } from '@computepool/shared/testing'
import type { PeerId } from '@computepool/shared/wire'
import { expect, it } from 'vitest'
import { createFakeRtcNet } from '../../testing/fake-rtc-net.ts'
import { createRtcTransport } from './index.ts'

const peerA: PeerId = `0x${'a'.repeat(40)}.00000001`
const peerB: PeerId = `0x${'b'.repeat(40)}.00000002`

/** Two peers whose links end at either side at any time, whose assignments come early and late, and whose signals take their time. */
async function runSeed(seed: number): Promise<void> {
  const clock = createManualClock()
  const random = createSeededRandom(seed)
  const under = (limit: number): number => random.bytes(1)[0]! % limit
  const net = createFakeRtcNet({ clock, delayMs: 1 + under(20) })
  const a = createRtcTransport({ self: peerA, port: net.port(peerA), clock })
  const b = createRtcTransport({ self: peerB, port: net.port(peerB), clock })
  const signalMs = under(40)
  a.onSignal((_, signal) => void clock.schedule(signalMs, () => b.handleSignal(peerA, signal)))
  b.onSignal((_, signal) => void clock.schedule(signalMs, () => a.handleSignal(peerB, signal)))
  const epochs = { a: 1, b: 1 }
  const set = (side: 'a' | 'b', isLinked: boolean): void =>
    side === 'a'
      ? a.setPeers(isLinked ? [{ peer: peerB, isInitiator: true }] : [], epochs.a)
      : b.setPeers(isLinked ? [{ peer: peerA, isInitiator: false }] : [], epochs.b)
  const acts = [
    () => net.lose(peerA),
    () => net.lose(peerB),
    () => set('a', false),
    () => set('b', false),
    () => set('a', true),
    () => set('b', true),
    () => set('a', ++epochs.a > 0),
    () => set('b', ++epochs.b > 0),
  ]
  for (let count = 4 + under(12); count > 0; count -= 1) {
    acts[under(acts.length)]!()
    await clock.advance(under(60))
  }
  const last = 2 + Math.max(epochs.a, epochs.b)
  epochs.a = epochs.b = last
  for (const side of under(2) === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const)) {
    set(side, true)
    await clock.advance(under(60))
  }
  // Who is taken out of an assignment and in again begins anew, while the other side may not know of it.
  for (let count = under(4); count > 0; count -= 1) {
    const side = under(2) === 0 ? 'a' : 'b'
    set(side, false)
    set(side, true)
    await clock.advance(under(30))
  }
  await clock.advance(2000)
  const arrived: string[] = []
  a.onFrame((_, frame) => arrived.push(`a ${frame.length}`))
  b.onFrame((_, frame) => arrived.push(`b ${frame.length}`))
  expect([...a.links(), ...b.links()].map(({ isOpen }) => isOpen)).toEqual([true, true])
  await Promise.all([a.send(peerB, numberedFrame(1, 10)), b.send(peerA, numberedFrame(1, 20))])
  await clock.advance(100)
  expect(arrived.sort()).toEqual(['a 20', 'b 10'])
  await Promise.all([a.close(), b.close()])
}

it('an assignment that both ends have heard links them, whatever was before', async () => {
  for (let seed = 1; seed <= 400; seed += 1) {
    await runSeed(seed).catch((fault: unknown) => {
      throw new Error(`Seed ${seed}`, { cause: fault })
    })
  }
})
