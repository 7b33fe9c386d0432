import { describe, expect, it } from 'vitest'
import { createLossyNet, type LossyNetOptions } from './lossy-carrier.ts'
import { createManualClock } from './manual-clock.ts'

/** What arrives at b of `count` numbered datagrams from a, with its time. */
async function arrivals(options: Omit<LossyNetOptions, 'clock'>, count = 200): Promise<string[]> {
  const clock = createManualClock()
  const net = createLossyNet({ clock, ...options })
  const seen: string[] = []
  net.carrier('b').onDatagram((from, datagram) => seen.push(`${from}${datagram[0]}@${clock.monotonicMs().toFixed(3)}`))
  for (let number = 0; number < count; number += 1) await net.carrier('a').post('b', Uint8Array.of(number))
  await clock.runAll()
  return seen
}
const numbersOf = (seen: readonly string[]): number[] => seen.map(each => Number.parseInt(each.slice(1), 10))

describe('the lossy network', () => {
  it('repeats itself for a seed, and differs for another', async () => {
    const rough = { delayMs: 10, jitterMs: 20, lossRate: 0.2, duplicateRate: 0.1 }
    expect(await arrivals({ ...rough, seed: 3 })).toEqual(await arrivals({ ...rough, seed: 3 }))
    expect(await arrivals({ ...rough, seed: 3 })).not.toEqual(await arrivals({ ...rough, seed: 4 }))
  })

  it('loses, doubles and re-orders about as much as it is told', async () => {
    const all = numbersOf(await arrivals({}))
    expect(all).toEqual([...Array(200).keys()])
    const lossy = numbersOf(await arrivals({ lossRate: 0.2 }))
    expect(lossy.length).toBeGreaterThan(140)
    expect(lossy.length).toBeLessThan(180)
    expect(numbersOf(await arrivals({ duplicateRate: 0.2 })).length).toBeGreaterThan(220)
    const jumbled = numbersOf(await arrivals({ jitterMs: 20 }))
    expect(jumbled).not.toEqual(all)
    expect([...jumbled].sort((one, other) => one - other)).toEqual(all)
  })

  it('drops the oldest of a full queue', async () => {
    expect(numbersOf(await arrivals({ queueLength: 5, pollMs: 50 }, 8))).toEqual([3, 4, 5, 6, 7])
  })

  it('carries nothing between two that are parted, nor after close', async () => {
    const clock = createManualClock()
    const net = createLossyNet({ clock })
    const seen: number[] = []
    const [a, b] = [net.carrier('a'), net.carrier('b')]
    b.onDatagram((_, datagram) => seen.push(datagram[0]!))
    net.part('b', 'a')
    await a.post('b', Uint8Array.of(1))
    net.heal('a', 'b')
    await a.post('b', Uint8Array.of(2))
    await clock.runAll()
    expect(seen).toEqual([2])
    await expect(a.post('b', new Uint8Array(1 << 20))).rejects.toMatchObject({ code: 'peer_frame_too_large' })
    await b.close()
    await a.post('b', Uint8Array.of(3))
    await clock.runAll()
    expect(seen).toEqual([2])
    await expect(b.post('a', Uint8Array.of(4))).rejects.toMatchObject({ code: 'peer_disconnected' })
  })
})
