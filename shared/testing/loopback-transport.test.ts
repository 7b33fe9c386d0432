import { describe, expect, it } from 'vitest'
import { createLoopbackNetwork, type LoopbackOptions } from './loopback-transport.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { numberedFrame, type TransportPair, transportContract } from './transport-contract.ts'

function openPair(options: Partial<LoopbackOptions> = {}): TransportPair & { clock: ManualClock } {
  const clock = createManualClock()
  const network = createLoopbackNetwork({ clock, maxFrameBytes: 1 << 20, ...options })
  network.connect('a', 'b')
  return {
    clock,
    a: network.transport('a'),
    b: network.transport('b'),
    peerA: 'a',
    peerB: 'b',
    maxFrameBytes: 1 << 20,
    async reach(promise) {
      let isSettled = false
      const settled = promise.finally(() => {
        isSettled = true
      })
      settled.catch(() => {})
      for (let turn = 0; !isSettled && turn < 100_000; turn += 1) await clock.advance(1)
      if (!isSettled) throw new Error('Nothing happened in 100 s of manual time')
      return settled
    },
    refresh: async () => {},
    cut: async () => network.cut('a', 'b'),
    close: async () => {},
  }
}

describe.each([
  ['steady', {}],
  ['that loses and reorders', { seed: 5, jitterMs: 30, lossRate: 0.2, retransmitMs: 100 }],
] satisfies [string, Partial<LoopbackOptions>][])('a loopback link %s', (_, options) => {
  it.each(transportContract.map(entry => [entry.name, entry] as const))('%s', async (_name, entry) => {
    await entry.run(openPair(options))
  })
})

describe('the loopback network', () => {
  const arrivals = async (seed: number): Promise<string> => {
    const { a, b, clock } = openPair({ seed, jitterMs: 20, lossRate: 0.3 })
    const order: string[] = []
    b.onFrame((_, frame) => order.push(`${frame[0]}@${clock.monotonicMs().toFixed(3)}`))
    for (let index = 0; index < 20; index += 1) await a.send('b', numberedFrame(index, 8))
    await clock.runAll()
    return order.join(' ')
  }

  it('repeats itself for a seed, and differs for another', async () => {
    expect(await arrivals(3)).toBe(await arrivals(3))
    expect(await arrivals(3)).not.toBe(await arrivals(4))
  })

  it('delivers nothing on a stalled direction until it is released', async () => {
    const clock = createManualClock()
    const network = createLoopbackNetwork({ clock })
    network.connectAll(['a', 'b'])
    const release = network.stall('a', 'b')
    await network.transport('a').send('b', numberedFrame(1, 8))
    await clock.advance(1000)
    expect(network.delivered('a', 'b')).toBe(0)
    release()
    expect(network.delivered('a', 'b')).toBe(1)
  })
})
